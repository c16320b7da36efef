//! Random changes of right files, for as long as wanted: `tests/hostile/fuzz 600` takes ten minutes for each kind.
//!
//! What was found once lies in `corpus`, and is tried first each time. What is found is stored there before the test fails.

use super::memory::{alone, peak_of};
use super::models::{Parts, good, try_load};
use super::mutate::{any, any_json};
use pawgrad::device::Device;
use pawgrad::error::{ErrorKind, escape};
use pawgrad::random::generator;
use pawgrad::tuning::Tuning;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Tries inputs for the seconds in the environment's PAWGRAD_SECONDS, or two.
fn fuzz(kind: &str, draw: impl Fn(&mut ChaCha8Rng) -> Vec<u8>, test: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/corpus").join(kind);
    let mut found: Vec<_> = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    assert!(!found.is_empty(), "{} is empty", corpus.display());
    found.iter().for_each(|file| test(&fs::read(file).unwrap()));
    let seconds = std::env::var("PAWGRAD_SECONDS").map_or(2, |seconds| seconds.parse().unwrap());
    let began = Instant::now();
    // Long runs see what no earlier one saw.
    let seed = if seconds > 2 { std::process::id() as u64 } else { 1 };
    let mut number = 0;
    while began.elapsed() < Duration::from_secs(seconds) {
        number += 1;
        let input = draw(&mut generator(seed, kind, number));
        if let Err(why) = catch_unwind(AssertUnwindSafe(|| test(&input))) {
            let file = corpus.join(format!("{}.bin", &blake3::hash(&input).to_hex()[..16]));
            fs::write(&file, &input).unwrap();
            eprintln!("{kind}: stored as {}", file.display());
            resume_unwind(why);
        }
    }
    println!("{kind}: {number} inputs with seed {seed}");
}

#[test]
fn model_files() {
    alone(|| {
        let good = good();
        let parts = Parts::of(&good);
        let old = include_bytes!("../fixtures/version_1.safetensors");
        let draw = |rng: &mut ChaCha8Rng| match rng.random_range(0..6) {
            0 => any(&good, rng),
            1 => any(&old[..], rng),
            2 => parts.with_header(&any_json(&parts.header, rng)),
            3 => parts.with_header(&String::from_utf8_lossy(&any(parts.header.to_string().as_bytes(), rng))),
            4 => parts.with_network(&any_json(&parts.network, rng)),
            _ => {
                parts.with_network(&String::from_utf8_lossy(&any(parts.network.to_string().as_bytes(), rng)))
            }
        };
        fuzz("models", draw, |bytes| drop(try_load(&"a model", bytes)));
    });
}

/// What somebody named with an option, or what lies in the cache.
#[test]
fn settings_files() {
    alone(|| {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::cpu();
        let path = folder.path().join("rungs.toml");
        let good = "adapter = \"CPU\"\ndriver = \"\"\nprecision = \"f32\"\n\n[rungs]\n\
                    \"dense.forward/0123456789abcdef p.batch=32 p.in=4\" = \"3_registers\"\n\"a b\" = \"1_plain\"\n";
        fs::write(&path, good).unwrap();
        assert_eq!(Tuning::read(&path, &device).unwrap().rungs.len(), 2);
        let draw = |rng: &mut ChaCha8Rng| any(good.as_bytes(), rng);
        fuzz("settings", draw, |bytes| {
            fs::write(&path, bytes).unwrap();
            let (read, peak) = peak_of(|| Tuning::read(&path, &device));
            assert!(peak < bytes.len() + (8 << 20), "{peak} bytes");
            if let Err(why) = read {
                assert_eq!(why.kind, ErrorKind::Usage, "{why}");
                assert!(escape(&why.message) == why.message && why.message.len() < 4000, "{why}");
            }
        });
    });
}

/// What pages send, to a server that has little memory.
#[cfg(target_os = "linux")]
#[test]
fn request_bodies() {
    alone(|| {
        let target = super::requests::Target::new();
        let before = target.resident();
        fuzz("bodies", |rng| target.draw(rng), |input| target.test(input));
        target.clean();
        let after = target.resident();
        println!("bodies: the server takes {before} MiB before and {after} MiB after: {}", target.statuses());
        assert!(after < before + 300, "{before} and {after} MiB");
    });
}

/// What all of these change is right before it is changed.
#[test]
fn a_right_file_is_read() {
    alone(|| {
        let good = good();
        let parts = Parts::of(&good);
        assert!(try_load(&"a good file", &good).is_ok());
        assert!(try_load(&"taken apart", &parts.with_network(&parts.network.to_string())).is_ok());
        let same: Value = serde_json::from_str(&parts.header.to_string()).unwrap();
        assert!(try_load(&"as it was", &parts.with_header(&same.to_string())).is_ok());
    });
}
