//! Networks as graphs: what is refused, what is fused, what a model file holds, and that the memory plan forgets nothing.

mod common;
#[path = "model/layers.rs"]
mod new_layers;
#[path = "model/random.rs"]
mod random;

use common::{Sum, classes, network};
use pawgrad::device::{Device, Limits};
use pawgrad::error::{ErrorKind, Result};
use pawgrad::memory;
use pawgrad::model::layers::{
    self, Add, BatchNorm, Context, Conv2d, Dense, Dropout, Flatten, GlobalAvgPool, Layer, LeakyRelu,
    MaxPool2d, Mode, Relu, TypeName,
};
use pawgrad::model::slot::{Init, Slot};
use pawgrad::model::{Graph, Model, Network, Placed};
use pawgrad::ops;
use pawgrad::ops::conv2d::Padding;
use pawgrad::tape::{Tape, Var};
use pawgrad::tensor::Tensor;
use pawgrad::train::Trainer;
use pawgrad::train::evaluate::{Views, scores};
use pawgrad::train::plan::Plan;
use serde::Serialize;

/// Computes what [`Relu`] does, and keeps a copy of its input as well.
#[derive(Debug, Serialize)]
struct Hoarder {}

impl TypeName for Hoarder {
    fn type_name(&self) -> &'static str {
        "hoarder"
    }
}

impl Layer for Hoarder {
    fn label(&self) -> &'static str {
        "Hoarder"
    }

    fn meaning(&self) -> &'static str {
        "ReLU that keeps more than it needs."
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(inputs[0].to_vec())
    }

    fn slots(&self, _inputs: &[&[usize]]) -> Vec<Slot> {
        vec![Slot { role: pawgrad::model::Role::State, ..Slot::parameter("seen", &[1], Init::Constant(7.0)) }]
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        let x = &inputs[0].tensor;
        let copy = Tensor::from_f32(x.device(), x.shape(), &vec![0.0; x.len()])?;
        let y = ops::relu::relu(context.tape, &inputs[0])?;
        let alias = y.tensor.reshape(y.shape());
        Ok(context.tape.record("hoarder", &[&y], alias, move |dy, _needs| {
            drop(copy);
            Ok(vec![Some(dy.clone())])
        }))
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        let len = output.iter().product();
        vec![("output", len), ("copy of the input", len)]
    }
}

fn message(graph: Graph) -> String {
    let why = network(8, graph).placed().unwrap_err();
    assert_eq!(why.kind, ErrorKind::Usage);
    why.message
}

#[test]
fn a_mistake_in_a_graph_is_named_with_its_node() {
    let dense = || Graph::new().then(Flatten {}).then(Dense::new(1));
    assert!(network(8, dense()).placed().is_ok());
    for (graph, wanted) in [
        (Graph::new(), "a network has at least one layer"),
        (
            dense().add("flatten1", Dense::new(1), &["dense1"]),
            "flatten1: another name is needed: a layer before",
        ),
        (
            dense().add("input", Dense::new(1), &["dense1"]),
            "input: another name is needed: this one is empty, or that of",
        ),
        (
            dense().add("late", Dense::new(1), &["later"]),
            "late: it takes \"later\", which is no layer before it",
        ),
        (dense().add("self", Dense::new(1), &["self"]), "self: it takes \"self\""),
        (dense().add("sum", Sum {}, &["dense1"]), "sum: Sum takes 2 inputs, not 1"),
        (
            dense().add("other", Dense::new(1), &["flatten1"]),
            "one output, its last layer; nobody takes dense1, other",
        ),
        (Graph::new().then(Dense::new(1)), "dense1: it takes [features], not [1, 8, 8]"),
        (
            Graph::new().then(Flatten {}).then(Conv2d::new(1, 3)),
            "conv1: it takes [channels, height, width], not [64]",
        ),
        (
            Graph::new().then(Flatten {}).then(Dense::new(2)),
            "dense1, makes [2] of a picture, but 2 classes take 1 logit",
        ),
        (Graph::new().then(MaxPool2d::new(9)), "pool1: a window of [9, 9] does not fit pictures of 8x8"),
        (Graph::new().then(Conv2d::new(0, 3)), "conv1: filters is 0, not between 1 and 65536"),
        (
            Graph::new().then(Conv2d { padding: Padding::Valid, ..Conv2d::new(1, 9) }),
            "conv1: a window of [9, 9]",
        ),
        (dense().then(Dropout::new(1.0)), "dropout1: rate is 1, not at least 0 and below 1"),
    ] {
        let message = message(graph);
        assert!(message.contains(wanted), "no \"{wanted}\" in: {message}");
    }
}

#[test]
fn a_branch_comes_together_again_and_each_value_is_taken_once_it_is_there() {
    let device = Device::cpu();
    let graph = Graph::new()
        .then(Conv2d::new(2, 3))
        .then(Relu {})
        .add("left", Conv2d::new(2, 3), &["relu1"])
        .add("sum", Sum {}, &["left", "relu1"])
        .then(Flatten {})
        .then(Dense::new(1));
    let model = Model::new(network(8, graph), &device, 5, true).unwrap();
    let names: Vec<_> = model.tensors().iter().map(|named| named.name.as_str()).collect();
    assert_eq!(
        names,
        ["conv1.weight", "conv1.bias", "left.weight", "left.bias", "dense1.weight", "dense1.bias"]
    );
    let pixels = Tensor::from_u32(&device, &[16], &[0x7f10_2030; 16]).unwrap();
    let tape = Tape::new(&device, ops::add::accumulate);
    let mut made = Vec::new();
    let vars = model.vars(&tape, true);
    let mut keep = |_, y: Var| {
        made.push(y.clone());
        y
    };
    let logits = model.forward_through(&tape, &vars, &pixels, 1, Mode::Infer, &mut keep).unwrap();
    let read = |var: &Var| pollster::block_on(var.tensor.read_f32()).unwrap();
    let (relu, left, sum) = (read(&made[1]), read(&made[2]), read(&made[3]));
    let added: Vec<f32> = relu.iter().zip(&left).map(|(a, b)| a + b).collect();
    assert_eq!(sum, added);
    // Both ways back: dL/d relu1 is what comes over the sum and what comes over the convolution.
    let mut gradients = tape.backward(&logits, Tensor::from_f32(&device, &[1, 1], &[1.0]).unwrap()).unwrap();
    assert!(vars.iter().all(|var| gradients.take(var).is_some()));
}

/// Where no gradient is wanted, a value goes with its last reader: at most what a layer takes and makes is alive.
#[test]
fn inference_lets_go_of_what_nobody_takes_any_more() {
    let map = 3 * 64 * 4; // bytes of three maps of 8x8
    let start = || Graph::new().then(Conv2d::new(3, 3));
    let chain = start().then(Relu {}).then(Conv2d::new(3, 3)).then(Relu {}).then(Relu {});
    // The last relu waits for the sum of relu1 with itself.
    let branch = start()
        .then(Relu {})
        .add("side", Conv2d::new(3, 3), &["relu1"])
        .add("twice", Sum {}, &["relu1", "relu1"])
        .add("sum", Sum {}, &["side", "twice"])
        .then(Relu {});
    let chain_alive = [map + 256, 2 * map, 2 * map, 2 * map, 2 * map];
    let branch_alive = [map + 256, 2 * map, 2 * map, 3 * map, 3 * map, 2 * map];
    for (graph, wanted) in [(chain, &chain_alive[..]), (branch, &branch_alive)] {
        let device = Device::cpu();
        let graph = graph.then(Flatten {}).then(Dense::new(1));
        let model = Model::new(network(8, graph), &device, 1, false).unwrap();
        let pixels = Tensor::from_u32(&device, &[16], &[7; 16]).unwrap();
        let tape = Tape::new(&device, ops::add::accumulate);
        let (vars, before) = (model.vars(&tape, false), device.live_bytes());
        let mut alive = Vec::new();
        let mut count = |_, y: Var| {
            alive.push(device.live_bytes() - before);
            y
        };
        model.forward_through(&tape, &vars, &pixels, 1, Mode::Infer, &mut count).unwrap();
        assert_eq!(alive[..wanted.len()], *wanted);
    }
}

#[test]
fn a_network_without_anything_to_learn_is_refused() {
    let graph = Graph::new().then(MaxPool2d::new(8)).then(Flatten {});
    let device = Device::cpu();
    let model = Model::new(network(8, graph), &device, 1, true).unwrap();
    let plan = Plan::new(&model, device.limits(), 4, None).unwrap();
    let why = Trainer::new(model, plan, 0.001, 1).err().unwrap();
    assert!(why.message.contains("nothing to learn"), "{}", why.message);
}

#[test]
fn names_are_numbered_around_those_that_are_taken() {
    let graph = Graph::new().add("relu2", Relu {}, &["input"]).then(Relu {}).then(Relu {});
    let names: Vec<_> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["relu2", "relu1", "relu3"]);
}

#[test]
fn layers_are_fused_only_where_nobody_else_takes_what_is_between() {
    let labels = |graph: Graph| {
        let model = Model::new(network(16, graph), &Device::cpu(), 1, true).unwrap();
        model.nodes().map(|node| format!("{} {}", node.name, node.layer.type_name())).collect::<Vec<_>>()
    };
    let start = || Graph::new().then(Conv2d::new(2, 3)).then(Relu {});
    let end = |graph: Graph| graph.then(Flatten {}).then(Dense::new(1));
    assert_eq!(
        labels(end(start().then(MaxPool2d::new(2)))),
        ["conv1 conv2d_relu_pool", "flatten1 flatten", "dense1 dense"]
    );
    // Windows that overlap, or are no squares, or too large, are not what the fused kernel computes.
    for pool in
        [MaxPool2d { pool_size: [2, 2], strides: [1, 1] }, MaxPool2d { pool_size: [2, 3], strides: [2, 3] }]
    {
        assert_eq!(labels(end(start().then(pool))).len(), 5);
    }
    // Without ReLU, or with a second reader of its result or of the convolution's.
    assert_eq!(labels(end(Graph::new().then(Conv2d::new(2, 3)).then(MaxPool2d::new(2)))).len(), 4);
    for taken in ["conv1", "relu1"] {
        let graph = start().then(MaxPool2d::new(2)).add("other", MaxPool2d::new(2), &[taken]).add(
            "sum",
            Sum {},
            &["pool1", "other"],
        );
        assert_eq!(labels(end(graph)).len(), 7, "{taken}");
    }
    let kernels = network(16, end(start().then(MaxPool2d::new(2)))).fused_kernels();
    let names: Vec<_> = kernels.keys().map(String::as_str).collect();
    assert_eq!(names, ["conv1", "pool1", "relu1"]);
}

#[test]
fn every_kind_of_layer_comes_back_from_a_file() {
    let uneven =
        Conv2d { kernel_size: [3, 2], strides: [1, 2], padding: Padding::Valid, ..Conv2d::new(3, 3) };
    let graph = Graph::new()
        .then(uneven)
        .then(Relu {})
        .then(MaxPool2d { pool_size: [2, 1], strides: [1, 2] })
        .then(Conv2d { use_bias: false, ..Conv2d::new(3, 3) })
        .then(BatchNorm { momentum: 0.9, epsilon: 1e-5 })
        .then(LeakyRelu::new(0.01))
        .add("sum", Add {}, &["leaky_relu1", "pool1"])
        .then(Flatten {})
        .then(Dropout::new(0.25))
        .then(Dense { use_bias: false, ..Dense::new(4) })
        .add("mean", GlobalAvgPool {}, &["sum"])
        .then(Dense::new(4))
        .add("both", Add {}, &["dense1", "dense2"])
        .then(Dense::new(1));
    for known in layers::types() {
        let is_here = graph.nodes.iter().any(|node| node.layer.type_name() == known);
        assert!(is_here, "add a layer of the type {known} to this test's network");
    }
    let device = Device::cpu();
    let model = Model::new(network(8, graph), &device, 3, true).unwrap();
    let bytes = pollster::block_on(model.to_bytes()).unwrap();
    let again = Model::from_bytes(&bytes, &device, false).unwrap();
    assert_eq!(again.network, model.network);
    assert!(bytes == pollster::block_on(again.to_bytes()).unwrap());
}

/// What pawgrad 0.1.0 made of two pictures with this file of its own, with the definitions of all kernels: the fast ones sum
/// up in another order on CPUs with wider vectors.
#[test]
fn a_model_file_of_version_1_gives_the_same_bits() {
    let bytes = include_bytes!("fixtures/version_1.safetensors");
    let pixels: Vec<u8> = (0..2 * 144).map(|i| (i * 37 % 251) as u8).collect();
    for fuse in [true, false] {
        let device = Device::cpu();
        for op in ["conv2d", "conv2d_relu_pool", "dense"] {
            device.force_rung(op, "reference");
        }
        let model = Model::from_bytes(bytes, &device, fuse).unwrap();
        let found = pollster::block_on(scores(&model, &pixels, 2, Views::Own)).unwrap();
        let bits: Vec<_> = found.iter().map(|scores| scores[1].to_bits()).collect();
        assert_eq!(bits, [1_053_766_852, 1_050_806_406], "fused {fuse}");
        let names: Vec<_> = model.network.nodes.nodes.iter().map(|node| node.name.as_str()).collect();
        let wanted = [
            "conv1", "relu1", "pool1", "conv2", "flatten1", "dense1", "relu2", "dropout1", "dense2", "dense3",
        ];
        assert_eq!(names, wanted);
    }
}

/// `bytes` with the description of the network edited.
fn described(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let header_len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let text = std::str::from_utf8(&bytes[8..8 + header_len]).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    let header = text.replacen(from, to, 1);
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[8 + header_len..]].concat()
}

#[test]
fn a_file_of_a_later_version_or_an_unknown_layer_is_named() {
    let graph = Graph::new().then(Flatten {}).then(Dense::new(1));
    let model = Model::new(network(8, graph), &Device::cpu(), 3, true).unwrap();
    let bytes = pollster::block_on(model.to_bytes()).unwrap();
    for (from, to, words) in [
        (r#"\"version\":2"#, r#"\"version\":3"#, &["version 3", "newer pawgrad"][..]),
        (r#"\"version\":2"#, r#"\"version\":0"#, &["its version is 0"]),
        (r#"\"version\":2"#, r#"\"version\":\"2\""#, &["its version is \"2\""]),
        (
            r#"\"type\":\"dense\""#,
            r#"\"type\":\"denser\""#,
            &["dense1", "no layer type \"denser\"", "conv2d, dense"],
        ),
        (r#"\"units\":1"#, r#"\"unit\":1"#, &["dense1", "unit"]),
        (r#"\"units\":1"#, r#"\"units\":\"1\""#, &["dense1", "dense"]),
        (r#"\"inputs\":[\"flatten1\"]"#, r#"\"inputs\":[\"dense1\"]"#, &["dense1: it takes \"dense1\""]),
        (r#"\"head\":\"sigmoid\""#, r#"\"head\":\"hinge\""#, &["hinge", "softmax"]),
        (r#"\"head\":\"sigmoid\""#, r#"\"head\":\"softmax\""#, &["2 classes take 2 logits"]),
    ] {
        let why = Model::from_bytes(&described(&bytes, from, to), &Device::cpu(), true).err().unwrap();
        assert_eq!(why.kind, ErrorKind::Model);
        for word in words {
            assert!(why.message.contains(word), "no {word} in: {}", why.message);
        }
    }
    let old = include_bytes!("fixtures/version_1.safetensors");
    for (from, to) in [(r#"\"activation\":\"relu\""#, r#"\"activation\":\"sigmoid\""#), ("sigmoid", "linear")]
    {
        let why = Model::from_bytes(&described(old, from, to), &Device::cpu(), true).err().unwrap();
        assert!(why.message.contains("activation"), "{}", why.message);
    }
}

fn bytes_of(model: &Model, kind: &str) -> u64 {
    let plan = Plan::new(model, model.device().limits(), 4, None).unwrap();
    plan.bytes.iter().find(|(known, _)| *known == kind).unwrap().1
}

/// What an integrated GPU holds is memory of the machine; what a discrete one holds is not.
#[test]
fn a_machine_pays_for_what_its_own_gpu_holds() {
    let network = || Network::cats_and_dogs(classes(), 64, 0.5);
    let needs = |software: bool, own_memory: bool| {
        let limits = Limits { software, own_memory, ..*Device::cpu().limits() };
        let model = Model::new(network(), &Device::on_paper(limits), 1, true).unwrap();
        let plan = Plan::new(&model, &limits, 32, Some(8)).unwrap();
        let sum = |needs: Vec<memory::Need>| needs.iter().map(|(_, bytes)| bytes).sum::<u64>();
        (sum(memory::of_training(&model, &plan)), sum(memory::of_use(&model, 32).unwrap()), plan)
    };
    let (cpu, integrated, discrete) = (needs(true, false), needs(false, false), needs(false, true));
    let parameters = cpu.2.bytes[0].1;
    let held: u64 = cpu.2.bytes.iter().map(|(_, bytes)| bytes).sum();
    // The whole batch as bytes, and a micro-batch of it packed, here and on the device.
    let batch = (32 + 2 * 8) * 64 * 64;
    // On their way into files are a model, twice, and a checkpoint, three times its size.
    assert_eq!(cpu.0, held + 5 * parameters + batch);
    assert_eq!(integrated.0, held + 6 * parameters + batch);
    assert_eq!(discrete.0, 6 * parameters + batch);
    // In use: three of the largest buffers for each picture, and the pictures twice.
    let pictures = 2 * 32 * 64 * 64;
    assert_eq!(discrete.1, pictures);
    assert_eq!(integrated.1, cpu.1);
    assert_eq!(cpu.1, pictures + 32 * 3 * 64 * 32 * 32 * 4);
}

/// The plan is what the layers say, and what they say is what they do.
#[test]
fn the_memory_plan_grows_with_a_layer_that_keeps_more() {
    let graph = |activation: bool| {
        let graph = Graph::new().then(Conv2d::new(3, 3));
        let graph = if activation { graph.then(Hoarder {}) } else { graph.then(Relu {}) };
        graph.then(Flatten {}).then(Dense::new(1))
    };
    let model = |graph| Model::new(network(8, graph), &Device::cpu(), 1, true).unwrap();
    let (plain, hoarding) = (model(graph(false)), model(graph(true)));
    let activations = |model| bytes_of(model, "activations");
    assert_eq!(
        activations(&hoarding) - activations(&plain),
        4 * 3 * 64 * 4,
        "a copy for each of four pictures"
    );
    // Its slot is state: it is saved, but no gradient and no moment is kept for it.
    assert_eq!(hoarding.tensors().len(), plain.tensors().len() + 1);
    assert_eq!(hoarding.parameters().len(), plain.parameters().len());
    assert_eq!(bytes_of(&hoarding, "parameters"), bytes_of(&plain, "parameters"));
}

#[test]
fn what_layers_say_they_keep_is_what_stays_alive() {
    let networks = |size| {
        let hoarding = Graph::new()
            .then(Conv2d::new(3, 3))
            .then(Hoarder {})
            .then(MaxPool2d { pool_size: [3, 2], strides: [2, 1] })
            .then(Flatten {})
            .then(Dense::new(1));
        let others = Graph::new()
            .then(Conv2d { use_bias: false, ..Conv2d::new(3, 3) })
            .then(LeakyRelu::default())
            .add("sum", Add {}, &["leaky_relu1", "conv1"])
            .then(GlobalAvgPool {})
            .then(Dense::new(1));
        [Network::cats_and_dogs(classes(), size, 0.5), network(size, hoarding), network(size, others)]
    };
    for (size, fuse) in [(16, true), (16, false), (13, true), (13, false)] {
        for network in networks(size) {
            assert_eq!(beyond_the_plan(network, size, fuse), 0);
        }
    }
    // The mean and the variance of each channel are as large for any number of pictures, and not counted.
    let norm = Graph::new()
        .then(Conv2d::new(3, 3))
        .then(BatchNorm::default())
        .then(Flatten {})
        .then(Dense::new(5))
        .then(BatchNorm::default())
        .then(Dense::new(1));
    assert_eq!(beyond_the_plan(network(16, norm), 16, true), 2 * (3 + 5) * 4);
}

/// Bytes that stay alive behind a forward pass in training, without those that the layers announce.
fn beyond_the_plan(network: Network, size: usize, fuse: bool) -> u64 {
    let device = Device::cpu();
    let model = Model::new(network, &device, 1, fuse).unwrap();
    let batch = 3;
    let words = ops::input::pack(&vec![9; batch * size * size]);
    let pixels = Tensor::from_u32(&device, &[words.len()], &words).unwrap();
    let tape = Tape::new(&device, ops::add::accumulate);
    let vars = model.vars(&tape, true);
    let before = device.live_bytes();
    let mode = Mode::Train { seed: 1, step: 1, first_image: 0 };
    let logits = model.forward(&tape, &vars, &pixels, batch, mode).unwrap();
    let planned: u64 = model.activations().iter().map(|(_, bytes)| bytes).sum();
    let names: Vec<_> = model.nodes().map(|node: &Placed| node.name.as_str()).collect();
    let beyond = (device.live_bytes() - before).checked_sub(planned * batch as u64);
    drop((tape, logits));
    beyond.unwrap_or_else(|| panic!("{names:?} of {size}, fused {fuse}: less than planned"))
}
