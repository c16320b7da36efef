//! Layers beyond the default network's: sums, means, normalisation, layers without a bias, and more than two classes.

use crate::common::{classes, network, software};
use pawgrad::data::Batch;
use pawgrad::device::{Device, Limits};
use pawgrad::error::ErrorKind;
use pawgrad::model::layers::{
    Add, BatchNorm, Conv2d, Dense, Flatten, GlobalAvgPool, LeakyRelu, MaxPool2d, Mode, Relu,
};
use pawgrad::model::{Graph, Head, Model, Network, Role};
use pawgrad::ops;
use pawgrad::tape::Tape;
use pawgrad::tensor::Tensor;
use pawgrad::train::Trainer;
use pawgrad::train::evaluate::{Views, scores};
use pawgrad::train::plan::Plan;

const SIZE: usize = 12;

/// A residual block with norms, and layers without a bias, one of which is fused.
fn residual(logits: usize) -> Graph {
    Graph::new()
        .then(Conv2d { use_bias: false, ..Conv2d::new(4, 3) })
        .then(Relu {})
        .then(MaxPool2d::new(2))
        .then(Conv2d { use_bias: false, ..Conv2d::new(4, 3) })
        .then(BatchNorm::default())
        .then(LeakyRelu::default())
        .add("sum", Add {}, &["leaky_relu1", "pool1"])
        .then(GlobalAvgPool {})
        .then(Dense { use_bias: false, ..Dense::new(6) })
        .then(BatchNorm { momentum: 0.5, epsilon: 1e-4 })
        .then(Relu {})
        .then(Dense::new(logits))
}

fn batch(pictures: usize, classes: u32) -> Batch {
    let pixel = |i: usize| (i * 37 % 251 + i / 144 * 11 % 97) as u8;
    let labels = (0..pictures as u32).map(|i| i % classes).collect();
    Batch::new((0..pictures * SIZE * SIZE).map(pixel).collect(), labels)
}

fn trainer(model: Model, pictures: usize) -> Trainer {
    let plan = Plan::new(&model, model.device().limits(), pictures, None).unwrap();
    Trainer::new(model, plan, 0.01, 1).unwrap()
}

fn values(model: &Model, name: &str) -> Vec<f32> {
    let named = model.tensors().iter().find(|named| named.name == name).unwrap();
    pollster::block_on(named.tensor.read_f32()).unwrap()
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let start = || Graph::new().then(Conv2d::new(2, 3));
    for (graph, wanted) in [
        (
            start().add("sum", Add {}, &["conv1", "input"]),
            "sum: it takes two values of one shape, not [2, 8, 8] and [1, 8, 8]",
        ),
        (start().add("sum", Add {}, &["conv1"]), "sum: Add takes 2 inputs, not 1"),
        (start().then(Flatten {}).then(GlobalAvgPool {}), "it takes [channels, height, width], not [128]"),
        (start().then(LeakyRelu::new(-0.1)), "negative_slope is -0.1"),
        (start().then(LeakyRelu::new(f64::NAN)), "negative_slope is NaN"),
        (start().then(BatchNorm { momentum: 1.0, ..BatchNorm::default() }), "momentum is 1"),
        (start().then(BatchNorm { epsilon: 0.0, ..BatchNorm::default() }), "epsilon is 0"),
    ] {
        let why = network(8, graph).placed().unwrap_err();
        assert_eq!(why.kind, ErrorKind::Usage);
        assert!(why.message.contains(wanted), "no \"{wanted}\" in: {}", why.message);
    }
}

#[test]
fn fields_have_kerass_defaults_and_files_of_before_keep_their_bytes() {
    let read = |type_name, fields| pawgrad::model::layers::read(type_name, fields).unwrap().fields();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(read("leaky_relu", json("{}")), json(r#"{"negative_slope": 0.3}"#));
    assert_eq!(read("batch_norm", json("{}")), json(r#"{"momentum": 0.99, "epsilon": 0.001}"#));
    for (use_bias, written) in [(json("true"), None), (json("false"), Some(json("false")))] {
        let fields = read("dense", serde_json::json!({"units": 3, "use_bias": use_bias}));
        assert_eq!(fields.get("use_bias"), written.as_ref());
    }
    assert_eq!(read("dense", json(r#"{"units": 3}"#)), json(r#"{"units": 3}"#));
}

#[test]
fn a_layer_without_a_bias_has_no_slot_and_adds_nothing() {
    let layers = |use_bias| {
        Graph::new()
            .then(Conv2d { use_bias, ..Conv2d::new(3, 3) })
            .then(Relu {})
            .then(MaxPool2d::new(2))
            .then(Conv2d { use_bias, ..Conv2d::new(5, 3) })
            .then(Flatten {})
            .then(Dense { use_bias, ..Dense::new(1) })
    };
    for device in [Device::cpu(), software()] {
        for fuse in [true, false] {
            // Drawn biases are zeros.
            let with = Model::new(network(SIZE, layers(true)), &device, 3, fuse).unwrap();
            let without = Model::new(network(SIZE, layers(false)), &device, 3, fuse).unwrap();
            let names: Vec<_> = without.tensors().iter().map(|named| named.name.as_str()).collect();
            assert_eq!(names, ["conv1.weight", "conv2.weight", "dense1.weight"]);
            let of = |model: &Model| {
                pollster::block_on(scores(model, &batch(3, 2).pixels, 3, Views::Own)).unwrap()
            };
            assert_eq!(of(&with), of(&without), "{}, fused {fuse}", device.name());
            let bytes = pollster::block_on(without.to_bytes()).unwrap();
            let again = Model::from_bytes(&bytes, &device, fuse).unwrap();
            assert_eq!(of(&again), of(&without));
            // The gradients of weights are the same too, and there is none for what is not there.
            let [with, without] = [with, without].map(|model| {
                let gradients = trainer(model, 3).gradients(&batch(3, 2)).unwrap().gradients;
                gradients.iter().map(|g| pollster::block_on(g.read_f32()).unwrap()).collect::<Vec<_>>()
            });
            assert_eq!([&with[0], &with[2], &with[4]], [&without[0], &without[1], &without[2]]);
            assert_eq!(without.len(), 3);
        }
    }
}

#[test]
fn moving_statistics_are_moved_once_by_a_step_and_never_in_use() {
    for device in [Device::cpu(), software()] {
        let model = Model::new(network(SIZE, residual(1)), &device, 5, true).unwrap();
        let is_state = |name: &str| name.contains(".moving_");
        let states: Vec<_> = model.tensors().iter().filter(|named| is_state(&named.name)).collect();
        assert!(states.len() == 4 && states.iter().all(|named| named.role == Role::State));
        assert_eq!(values(&model, "batch_norm1.moving_mean"), [0.0; 4]);
        assert_eq!(values(&model, "batch_norm1.moving_variance"), [1.0; 4]);

        let pictures = batch(7, 2);
        // What the dense layer in front of the second norm makes of the batch, in training.
        let tape = Tape::new(&device, ops::add::accumulate);
        let words = ops::input::pack(&pictures.pixels);
        let pixels = Tensor::from_u32(&device, &[words.len()], &words).unwrap();
        let other = Model::new(network(SIZE, residual(1)), &device, 5, true).unwrap();
        let dense = other.nodes().position(|node| node.name == "dense1").unwrap();
        let mut features = Vec::new();
        let mut keep = |index, y: pawgrad::tape::Var| {
            if index == dense {
                features = pollster::block_on(y.tensor.read_f32()).unwrap();
            }
            y
        };
        let mode = Mode::Train { seed: 1, step: 1, first_image: 0 };
        let vars = other.vars(&tape, true);
        other.forward_through(&tape, &vars, &pixels, 7, mode, &mut keep).unwrap();

        let mut trainer = trainer(model, 7);
        pollster::block_on(trainer.step(&pictures).unwrap().finish()).unwrap();
        let (mean, variance) = (
            values(&trainer.model, "batch_norm2.moving_mean"),
            values(&trainer.model, "batch_norm2.moving_variance"),
        );
        for c in 0..6 {
            let of_feature: Vec<f64> = features.iter().skip(c).step_by(6).map(|&x| f64::from(x)).collect();
            let batch_mean = of_feature.iter().sum::<f64>() / 7.0;
            let batch_variance = of_feature.iter().map(|x| (x - batch_mean).powi(2)).sum::<f64>() / 7.0;
            // The momentum is a half: moved twice, they would be three quarters of the way.
            let near =
                |got: f32, wanted: f64| assert!((f64::from(got) - wanted).abs() < 1e-6, "{got} {wanted}");
            near(mean[c], 0.5 * batch_mean);
            near(variance[c], 0.5 + 0.5 * batch_variance);
        }

        let before: Vec<_> = states_of(&trainer.model);
        let used = pollster::block_on(scores(&trainer.model, &pictures.pixels, 7, Views::Own)).unwrap();
        assert_eq!(states_of(&trainer.model), before);
        // In use a picture's scores are its own: they come out alike alone, and from a file.
        let alone =
            pollster::block_on(scores(&trainer.model, &pictures.pixels[..SIZE * SIZE], 1, Views::Own))
                .unwrap();
        assert!((alone[0][1] - used[0][1]).abs() < 1e-6);
        let bytes = pollster::block_on(trainer.model.to_bytes()).unwrap();
        let again = Model::from_bytes(&bytes, &device, true).unwrap();
        assert_eq!(states_of(&again), before);
        assert_eq!(pollster::block_on(scores(&again, &pictures.pixels, 7, Views::Own)).unwrap(), used);
    }
}

fn states_of(model: &Model) -> Vec<Vec<f32>> {
    let states = model.tensors().iter().filter(|named| named.role == Role::State);
    states.map(|named| values(model, &named.name)).collect()
}

/// Each feature's values of a batch have a mean of beta and a deviation of gamma, whatever is drawn.
#[test]
fn in_training_a_batch_is_normalised_by_itself() {
    let device = Device::cpu();
    let layers = Graph::new()
        .then(Flatten {})
        .then(Dense::new(1))
        .then(BatchNorm { epsilon: 1e-12, ..BatchNorm::default() });
    let model = Model::new(network(SIZE, layers), &device, 5, true).unwrap();
    let words = ops::input::pack(&batch(9, 2).pixels);
    let pixels = Tensor::from_u32(&device, &[words.len()], &words).unwrap();
    let tape = Tape::new(&device, ops::add::accumulate);
    let mode = Mode::Train { seed: 1, step: 1, first_image: 0 };
    let y = model.forward(&tape, &model.vars(&tape, true), &pixels, 9, mode).unwrap();
    let y = pollster::block_on(y.tensor.read_f32()).unwrap();
    let mean = y.iter().sum::<f32>() / 9.0;
    let variance = y.iter().map(|y| (y - mean).powi(2)).sum::<f32>() / 9.0;
    assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{mean} {variance}");
}

#[test]
fn a_batch_whose_pictures_are_coupled_is_not_split() {
    let limits = Limits { max_buffer: 1 << 20, max_binding: 1 << 20, ..*Device::cpu().limits() };
    let model = |graph| Model::new(network(SIZE, graph), &Device::on_paper(limits), 1, true).unwrap();
    let plain = Graph::new().then(Conv2d::new(16, 3)).then(Relu {}).then(Flatten {}).then(Dense::new(1));
    let norm = Graph::new()
        .then(Conv2d::new(16, 3))
        .then(BatchNorm::default())
        .then(Relu {})
        .then(Flatten {})
        .then(Dense::new(1));
    let (plain, norm) = (model(plain), model(norm));
    // 16 maps of 12x12 are 9216 bytes a picture.
    let most = (1 << 20) / 9216;
    assert_eq!(Plan::new(&plain, &limits, 1000, None).unwrap().micro_batch, most);
    assert_eq!(Plan::new(&norm, &limits, most, None).unwrap().micro_batch, most);
    assert_eq!(Plan::new(&norm, &limits, 8, Some(8)).unwrap().micro_batch, 8);
    assert_eq!(Plan::new(&norm, &limits, 8, Some(20)).unwrap().micro_batch, 8);
    let why = Plan::new(&norm, &limits, most + 1, None).unwrap_err();
    assert_eq!(why.kind, ErrorKind::OutOfMemory);
    let words =
        ["batch_norm1 couples the pictures", &format!("largest batch that fits is {most}, not {}", most + 1)];
    assert!(words.iter().all(|words| why.message.contains(words)), "{}", why.message);
    // A device that must not be kept busy for long: 7 pictures of the convolution, 2 * 9 * 16 * 144 operations each.
    let flop = 2 * 9 * 16 * 12 * 12;
    let short = Limits { max_submit_flop: 7 * flop, ..limits };
    assert_eq!(Plan::new(&norm, &short, 7, None).unwrap().micro_batch, 7);
    let why = Plan::new(&norm, &short, 8, None).unwrap_err();
    let words =
        ["conv1 takes", &format!("given {} at a time", 7 * flop), "largest batch that fits is 7, not 8"];
    assert!(words.iter().all(|words| why.message.contains(words)), "{}", why.message);
    assert_eq!(Plan::new(&plain, &short, 8, None).unwrap().micro_batch, 7);
    // Where one picture is more than that, one picture has to be.
    let none = Limits { max_submit_flop: flop / 2, ..limits };
    assert_eq!(Plan::new(&plain, &none, 8, None).unwrap().micro_batch, 1);
    let why = Plan::new(&norm, &limits, 8, Some(4)).unwrap_err();
    assert_eq!(why.kind, ErrorKind::Usage);
    assert!(why.message.contains("a batch of 8 cannot be computed in micro-batches of 4"), "{}", why.message);
    // In use it is split like any other.
    assert_eq!(Plan::in_use(&norm, &limits, 1000).unwrap().micro_batch, most);
}

#[test]
fn more_than_two_classes_are_told_apart_by_softmax() {
    let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
    let network = Network::new(names, SIZE, residual(3));
    assert_eq!(network.head, Head::Softmax);
    assert_eq!(super::network(SIZE, residual(1)).head, Head::Sigmoid);
    let two = Network { head: Head::Softmax, ..Network::new(classes(), SIZE, residual(2)) };
    assert!(two.placed().is_ok(), "two classes may have it too");
    let one_logit = Network { head: Head::Softmax, ..Network::new(classes(), SIZE, residual(1)) };
    assert!(
        one_logit
            .placed()
            .unwrap_err()
            .message
            .contains("makes [1] of a picture, but 2 classes take 2 logits")
    );
    let same = Network::new(vec!["a".into(), "b".into(), "a".into()], SIZE, residual(3));
    assert!(same.placed().unwrap_err().message.contains("two classes have one name"));
    let sigmoid = Network { head: Head::Sigmoid, ..network.clone() };
    assert!(sigmoid.placed().unwrap_err().message.contains("a sigmoid tells two classes apart, not 3"));

    for device in [Device::cpu(), software()] {
        let model = Model::new(network.clone(), &device, 5, true).unwrap();
        let pictures = batch(6, 3);
        let mut trainer = trainer(model, 6);
        let losses: Vec<f32> = (0..30)
            .map(|_| pollster::block_on(trainer.step(&pictures).unwrap().finish()).unwrap().loss)
            .collect();
        assert!(losses[29] < 0.5 * losses[0], "{losses:?}");
        let bytes = pollster::block_on(trainer.model.to_bytes()).unwrap();
        let again = Model::from_bytes(&bytes, &device, true).unwrap();
        let found = pollster::block_on(scores(&again, &pictures.pixels, 6, Views::Own)).unwrap();
        assert!(
            found.iter().all(|scores| scores.len() == 3 && (scores.iter().sum::<f32>() - 1.0).abs() < 1e-6)
        );

        let evidence = again.network.head.evidence_gradient(&device, 3, 2).unwrap();
        assert_eq!(evidence.shape(), [1, 3]);
        assert_eq!(pollster::block_on(evidence.read_f32()).unwrap(), [0.0, 0.0, 1.0]);
    }
}
