//! Model files.

use super::memory::{alone, peak_of};
use super::mutate::{ODD, any, places, replaced, with_key};
use pawgrad::device::Device;
use pawgrad::error::{Result, escape};
use pawgrad::model::layers::{Conv2d, Dense, Dropout, Flatten, MaxPool2d, Relu};
use pawgrad::model::{Graph, Model, Network, SavedModel};
use pawgrad::random::generator;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A model file of some 5 KB, with every kind of layer.
pub fn good() -> Vec<u8> {
    let graph = Graph::new()
        .then(Conv2d::new(3, 3))
        .then(Relu {})
        .then(MaxPool2d::new(2))
        .then(Flatten {})
        .then(Dense::new(10))
        .then(Dropout::new(0.5))
        .then(Dense::new(1));
    let classes = ["cats", "dogs"].map(str::to_string).to_vec();
    let model = Model::new(Network::new(classes, 8, graph), &Device::cpu(), 1, true).unwrap();
    pollster::block_on(model.to_bytes()).unwrap()
}

/// A model file, taken apart.
pub struct Parts {
    pub header: Value,
    pub network: Value,
    pub data: Vec<u8>,
}

impl Parts {
    pub fn of(bytes: &[u8]) -> Parts {
        let len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
        let network = serde_json::from_str(header["__metadata__"]["pawgrad"].as_str().unwrap()).unwrap();
        Parts { header, network, data: bytes[8 + len..].to_vec() }
    }

    /// A file with this header.
    pub fn with_header(&self, header: &str) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &self.data].concat()
    }

    /// A file with this description, and with the checksum that goes with it.
    pub fn with_network(&self, network: &str) -> Vec<u8> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(network.len() as u64).to_le_bytes()).update(network.as_bytes()).update(&self.data);
        let mut header = self.header.clone();
        header["__metadata__"]["pawgrad"] = network.into();
        header["__metadata__"]["blake3"] = hasher.finalize().to_hex().to_string().into();
        self.with_header(&header.to_string())
    }
}

/// Reads a model as `predict` does: on paper, then on the device.
fn load(bytes: &[u8]) -> Result<Model> {
    let file = SavedModel::read(bytes)?;
    let cpu = Device::cpu();
    file.model(&Device::on_paper(*cpu.limits()), true)?;
    file.model(&cpu, true)
}

/// Reads it within the limits of time and memory; an error must be fit to be printed.
pub fn try_load(what: &dyn std::fmt::Display, bytes: &[u8]) -> Result<Model> {
    let began = Instant::now();
    let (loaded, peak) = peak_of(|| load(bytes));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{what}: {took:?}");
    assert!(peak < bytes.len() + (64 << 20), "{what}: {} MiB for {} bytes", peak >> 20, bytes.len());
    if let Err(why) = &loaded {
        assert_eq!(why.exit_code(), 7, "{what}: {why}");
        assert!(why.message.len() < 4000, "{what}: a message of {} bytes", why.message.len());
        assert!(escape(&why.message) == why.message, "{what}: {:?}", why.message);
    }
    loaded
}

/// All values of a model.
fn values(model: &Model) -> Vec<u32> {
    let read = |named: &pawgrad::model::NamedTensor| pollster::block_on(named.tensor.read_f32()).unwrap();
    model.tensors().iter().flat_map(read).map(f32::to_bits).collect()
}

#[test]
fn ten_thousand_malformed_models_are_refused() {
    alone(|| {
        let good = good();
        let parts = Parts::of(&good);
        let first = load(&good).unwrap();
        let begin = good.len() - parts.data.len();
        let (mut tried, mut accepted) = (0, 0);
        let mut refused = |what: &dyn std::fmt::Display, bytes: &[u8]| {
            tried += 1;
            assert!(try_load(what, bytes).is_err(), "{what}: it was accepted");
        };
        for len in 0..4096.min(good.len()) {
            refused(&format_args!("the first {len} bytes"), &good[..len]);
        }
        // Whatever is accepted must be the same model: a flip in "format" or in the spaces behind the header says nothing else.
        let mut rng = generator(1, "flips", 0);
        for number in 0..4000 {
            use rand::RngExt;
            let place = match number % 2 {
                0 => rng.random_range(0..begin),
                _ => rng.random_range(begin..good.len()),
            };
            let bit = rng.random_range(0..8);
            let mut bad = good.clone();
            bad[place] ^= 1 << bit;
            let what = format!("bit {bit} of byte {place} flipped");
            if place >= begin {
                refused(&what, &bad);
            } else if let Ok(model) = try_load(&what, &bad) {
                assert!(model.network == first.network && values(&model) == values(&first), "{what}");
                accepted += 1;
            }
        }
        assert!(accepted < 200, "{accepted} flips changed nothing");
        for (from, all) in [("header", &parts.header), ("network", &parts.network)] {
            let file = |text: &str| match from {
                "header" => parts.with_header(text),
                _ => parts.with_network(text),
            };
            for place in places(all) {
                for how in 0..3 {
                    if let Some(text) = with_key(all, &place, how) {
                        tried += 1;
                        let what = format!("{from}{place}, key {how}");
                        let loaded = try_load(&what, &file(&text));
                        assert!(loaded.is_err() || (from == "header" && how < 2), "{what}: it was accepted");
                    }
                }
                for odd in ODD {
                    tried += 1;
                    let _ =
                        try_load(&format_args!("{from}{place} is {odd}"), &file(&replaced(all, &place, odd)));
                }
            }
        }
        let mut number = 0;
        while tried < 10_500 {
            number += 1;
            tried += 1;
            let bytes = any(&good, &mut generator(1, "any", number));
            let _ = try_load(&format_args!("random change {number}"), &bytes);
        }
        println!("{tried} files, and {accepted} flips that changed nothing");
    });
}

/// A network of 2,048 layers without weights: as many as are allowed.
#[test]
fn the_largest_network_is_read_in_time() {
    alone(|| {
        let mut graph = Graph::new();
        for _ in 0..2046 {
            graph = graph.then(Relu {});
        }
        let graph = graph.then(MaxPool2d::new(8)).then(Flatten {});
        let classes = ["cats", "dogs"].map(str::to_string).to_vec();
        let model = Model::new(Network::new(classes, 8, graph), &Device::cpu(), 1, true).unwrap();
        let bytes = pollster::block_on(model.to_bytes()).unwrap();
        assert!(try_load(&"2,048 layers", &bytes).unwrap().network == model.network);
    });
}

/// A description of so many layers, in the form of version 1 or 2, and what is in the file for it.
fn deep(layers: usize, version: u64) -> String {
    let node = |index: usize| match version {
        1 => json!({"type": "max_pool2d", "pool_size": [1, 1], "strides": [1, 1]}),
        _ => json!({"type": "relu", "name": format!("r{index}"), "inputs": [match index {
            0 => "input".to_string(),
            _ => format!("r{}", index - 1),
        }]}),
    };
    let good = Parts::of(&good()).network;
    let mut network = json!({
        "channels": 1, "classes": ["a", "b"], "image_size": 8, "preprocessing": good["preprocessing"],
    });
    let nodes: Vec<_> = (0..layers).map(node).collect();
    match version {
        1 => network["layers"] = nodes.into(),
        _ => {
            network["nodes"] = nodes.into();
            network["head"] = "sigmoid".into();
            network["version"] = 2.into();
        }
    }
    network.to_string()
}

#[test]
fn files_that_ask_for_much_get_little() {
    alone(|| {
        let parts = Parts::of(&good());
        let refused = |what: &str, bytes: &[u8], words: &str| {
            let why = try_load(&what, bytes).err().unwrap_or_else(|| panic!("{what}: it was accepted"));
            assert!(why.message.contains(words), "{what}: {why}");
        };
        for (what, network, words) in [
            ("50,000 layers", deep(50_000, 2), "header has"),
            ("15,000 layers of version 1", deep(15_000, 1), "at most 2048"),
            ("2,049 layers", deep(2049, 2), "at most 2048"),
            // What remains is that the last one makes no logit.
            ("2,048 layers", deep(2048, 2), "makes [1, 8, 8]"),
            ("2,048 layers of version 1", deep(2048, 1), "makes [1, 8, 8]"),
        ] {
            refused(what, &parts.with_network(&network), words);
        }
        let zeros = |count: usize| vec!["0"; count].join(",");
        for count in [10, 100_000, 500_000, 1_000_000] {
            let list = format!("[{}]", zeros(count));
            refused(
                "a long shape",
                &parts.with_header(&replaced(&parts.header, "/conv1.weight/shape", &list)),
                "",
            );
            refused("long classes", &parts.with_network(&replaced(&parts.network, "/classes", &list)), "");
            refused(
                "a long field",
                &parts.with_network(&replaced(&parts.network, "/nodes/0/filters", &list)),
                "",
            );
        }
        let keys: Vec<_> = (0..100_000).map(|key| format!("\"{key}\":0")).collect();
        refused("many keys", &parts.with_header(&format!("{{{}}}", keys.join(","))), "");
        let names = json!("x".repeat(1_000_000)).to_string();
        for place in ["/nodes/0/name", "/nodes/0/type", "/nodes/1/inputs/0", "/preprocessing/resize"] {
            refused("a long name", &parts.with_network(&replaced(&parts.network, place, &names)), "");
        }
        for brackets in [100, 1_000_000] {
            let deep = "[".repeat(brackets);
            refused("brackets", &parts.with_header(&deep), "");
            refused("brackets", &parts.with_network(&deep), "");
        }
        for len in [0u64, 1, (1 << 20) + 1, u64::MAX / 2, u64::MAX] {
            let mut bytes = vec![b' '; 3 << 20];
            bytes[..8].copy_from_slice(&len.to_le_bytes());
            refused("a length", &bytes, "");
        }
        // Sizes whose products pass 2^64.
        for (field, size) in [("filters", "65536"), ("kernel_size", "[65536,65536]")] {
            let place = format!("/nodes/0/{field}");
            refused(field, &parts.with_network(&replaced(&parts.network, &place, size)), "conv1");
        }
        refused("pictures", &parts.with_network(&replaced(&parts.network, "/image_size", "16384")), "dense1");
    });
}
