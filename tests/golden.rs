//! Every op against numbers from an independent framework (tests/golden/make_golden.py): the only check
//! that sees a mistake which the reference and the shaders share.

mod common;
#[path = "golden/networks.rs"]
mod networks;

use common::{network, weights_file};
use pawgrad::check::{Case, Style, Values, all, kernels};
use pawgrad::data::Batch;
use pawgrad::device::Device;
use pawgrad::kernel::Buffer;
use pawgrad::model::layers::{Conv2d, Dense, Flatten, MaxPool2d, Relu};
use pawgrad::model::{Graph, Model};
use pawgrad::ops::add::accumulate;
use pawgrad::ops::batch_norm::{Norm, batch_norm};
use pawgrad::optim::LossScale;
use pawgrad::tape::Tape;
use pawgrad::tensor::{Kind, Tensor};
use pawgrad::train::plan::Plan;
use pawgrad::train::{At, RateSchedule, Recipe, Trainer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/golden.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

fn integers<T: TryFrom<u64>>(value: &Value) -> Vec<T> {
    let integer = |v: &Value| T::try_from(v.as_u64().unwrap()).ok().unwrap();
    value.as_array().unwrap().iter().map(integer).collect()
}

/// A case of the table with the entry's kernel and sizes.
fn case_of(entry: &Value) -> Case {
    let name = entry["kernel"].as_str().unwrap();
    let case = all().into_iter().find(|case| case.call.name() == name).unwrap_or_else(|| panic!("no {name}"));
    let params = &entry["params"];
    let words: Vec<u32> = case
        .call
        .fields()
        .iter()
        .map(|field| match (field.kind, field.name) {
            // How argmax is packed is this project's own business.
            (_, "argmax_words") => {
                let plane = params["out_h"].as_u64().unwrap() * params["out_w"].as_u64().unwrap();
                plane.div_ceil(4) as u32
            }
            ("f32", name) => (params[name].as_f64().unwrap() as f32).to_bits(),
            ("i32", name) => params[name].as_i64().unwrap() as i32 as u32,
            (_, name) => params[name].as_u64().unwrap() as u32,
        })
        .collect();
    (case.with_params)(&words)
}

/// The values of a buffer, packed as kernels take them.
fn values(entry: &Value, group: &str, Buffer { name, kind, .. }: &Buffer) -> Values {
    let values = &entry[group];
    let unpacked = |suffix: &str| values.get(format!("{name}_{suffix}"));
    match (kind, unpacked("unpacked"), unpacked("u8")) {
        (Kind::U32, Some(argmax), _) => Values::Uint(pack_argmax(entry, argmax)),
        (Kind::U32, _, Some(bytes)) => Values::Uint(pawgrad::ops::input::pack(&integers::<u8>(bytes))),
        (Kind::U32, ..) => Values::Uint(integers(&values[*name])),
        (Kind::F32, ..) => Values::Float(floats(&values[*name])),
    }
}

fn all_values(entry: &Value, group: &str, buffers: &[Buffer]) -> Vec<Values> {
    buffers.iter().map(|buffer| values(entry, group, buffer)).collect()
}

fn pack_argmax(entry: &Value, unpacked: &Value) -> Vec<u32> {
    let plane =
        (entry["params"]["out_h"].as_u64().unwrap() * entry["params"]["out_w"].as_u64().unwrap()) as usize;
    let planes = integers::<u8>(unpacked);
    planes.chunks(plane).flat_map(pawgrad::ops::input::pack).collect()
}

#[test]
fn every_reference_equals_the_golden_numbers() {
    let golden = golden();
    let mut seen = BTreeSet::new();
    for entry in golden["kernels"].as_array().unwrap() {
        let case = case_of(entry);
        seen.insert(case.call.name());
        if !common::selected(case.call.name()) {
            continue;
        }
        let inputs = all_values(entry, "inputs", case.call.inputs());
        let expected = all_values(entry, "outputs", case.call.outputs());
        let got = kernels::reference(&case, &inputs, &before(entry, case.call.outputs()), |v| v);
        for ((output, got), expected) in case.call.outputs().iter().zip(&got).zip(&expected) {
            let context = format!("{} {}: {}", case.call.name(), output.name, entry["case"]);
            match (got, expected) {
                (Values::Float(got), Values::Float(expected)) => assert_close(&context, got, expected, 1e-12),
                (got, expected) => assert_eq!(got, expected, "{context}"),
            }
        }
    }
    for case in all() {
        let (name, has_numbers) = (case.call.name(), seen.contains(case.call.name()));
        match case.no_golden {
            None => assert!(has_numbers, "{name} has no golden numbers, and its row does not say why"),
            Some(why) => assert!(!has_numbers, "{name} has golden numbers, though its row says: {why}"),
        }
    }
}

#[test]
fn every_cpu_kernel_equals_the_golden_numbers() {
    every_rung_equals_the_golden_numbers(&Device::cpu());
}

#[test]
fn every_wgsl_rung_equals_the_golden_numbers() {
    every_rung_equals_the_golden_numbers(&common::software());
}

fn every_rung_equals_the_golden_numbers(device: &Device) {
    for entry in golden()["kernels"].as_array().unwrap() {
        let mut case = case_of(entry);
        if !common::selected(case.call.name()) {
            continue;
        }
        let inputs = all_values(entry, "inputs", case.call.inputs());
        let poison = before(entry, case.call.outputs());
        let buffers = case.call.inputs().iter().chain(case.call.outputs());
        let lengths: BTreeMap<_, _> = buffers
            .zip(inputs.iter().chain(&poison))
            .map(|(buffer, values)| (buffer.name, values.len()))
            .collect();
        case.shape = Box::new(move |name| vec![lengths[name]]);
        for rung in case.call.rungs(device) {
            // Compared with the reference, which the test above pins to the golden numbers.
            let check = kernels::check_values(&case, device, rung, &inputs, &poison, Style::Random);
            let result = pollster::block_on(check);
            result.unwrap_or_else(|why| panic!("{} {rung}, {}: {why}", case.call.name(), entry["case"]));
        }
    }
}

/// What is in the outputs at first: where a kernel updates them, the entry says so among its inputs.
fn before(entry: &Value, outputs: &[Buffer]) -> Vec<Values> {
    let is_given = |output: &Buffer| entry["inputs"].get(output.name).is_some();
    let of = |output: &Buffer| match is_given(output) {
        true => all_values(entry, "inputs", std::slice::from_ref(output)).remove(0),
        false => blank(&all_values(entry, "outputs", std::slice::from_ref(output))[0]),
    };
    outputs.iter().map(of).collect()
}

/// NaN and a word that no kernel writes, in the shape of `values`.
fn blank(values: &Values) -> Values {
    match values {
        Values::Float(values) => Values::Float(vec![f64::NAN; values.len()]),
        Values::Uint(values) => Values::Uint(vec![0xdead_beef; values.len()]),
    }
}

fn assert_close(context: &str, got: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(got.len(), expected.len(), "{context}");
    let largest = expected.iter().fold(0.0, |max: f64, v| max.max(v.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let close = (got - expected).abs() <= relative * largest;
        assert!(close, "{context}: [{i}] is {got:e}, should be {expected:e}");
    }
}

fn devices() -> [Device; 2] {
    [Device::cpu(), common::software()]
}

#[test]
fn batch_normalisation_trains_and_is_used_as_in_keras() {
    let golden = &golden()["batch_norm"];
    let shape: Vec<usize> = integers(&golden["shape"]);
    let number = |name: &str| golden[name].as_f64().unwrap();
    for device in devices() {
        let tensor = |shape: &[usize], value: &Value| {
            let values: Vec<f32> = floats(value).into_iter().map(|v| v as f32).collect();
            Tensor::from_f32(&device, shape, &values).unwrap()
        };
        let channels = [shape[1]];
        let moving_mean = Tensor::from_f32(&device, &channels, &[0.0; 3]).unwrap();
        let moving_variance = Tensor::from_f32(&device, &channels, &[1.0; 3]).unwrap();
        let close = |what: &str, got: &Tensor, expected: &Value| {
            let got = pollster::block_on(got.read_f32()).unwrap();
            let got: Vec<_> = got.into_iter().map(f64::from).collect();
            assert_close(&format!("{what} on {}", device.name()), &got, &floats(expected), 1e-6);
        };
        let run = |batch: &Value, training| {
            let tape = Tape::new(&device, accumulate);
            let [gamma, beta] =
                ["gamma", "beta"].map(|name| tape.parameter(&tensor(&channels, &golden[name])));
            let norm = Norm {
                gamma: &gamma,
                beta: &beta,
                moving_mean: &moving_mean,
                moving_variance: &moving_variance,
                momentum: number("momentum"),
                epsilon: number("epsilon"),
            };
            let x = tape.constant(&tensor(&shape, &batch["x"]));
            close("y", &batch_norm(&tape, &x, &norm, training).unwrap().tensor, &batch["y"]);
        };
        for batch in golden["trained"].as_array().unwrap() {
            run(batch, true);
            close("the moving mean", &moving_mean, &batch["moving_mean"]);
            close("the moving variance", &moving_variance, &batch["moving_variance"]);
        }
        run(&golden["used"], false);
    }
}

/// The small network of the optimizer's golden numbers with its first weights.
fn small(golden: &Value, device: &Device, fuse: bool) -> Model {
    let layers = Graph::new()
        .then(Conv2d::new(4, 3))
        .then(Relu {})
        .then(MaxPool2d::new(2))
        .then(Conv2d::new(6, 3))
        .then(Relu {})
        .then(MaxPool2d::new(2))
        .then(Flatten {})
        .then(Dense::new(5))
        .then(Relu {})
        .then(Dense::new(1));
    let network = network(12, layers);
    let model = Model::new(network.clone(), &Device::cpu(), 0, fuse).unwrap();
    let tensors: Vec<_> = model
        .tensors()
        .iter()
        .map(|named| {
            let values = floats(&golden["initial"][&named.name]["data"]).iter().map(|&v| v as f32).collect();
            (named.name.clone(), named.tensor.shape().to_vec(), values)
        })
        .collect();
    Model::with_weights(network, &weights_file(&tensors), device, fuse).unwrap()
}

/// Whether the slots of a model are what is expected of them.
fn assert_slots(model: &Model, expected: &Value) {
    for named in model.tensors() {
        let got = pollster::block_on(named.tensor.read_f32()).unwrap();
        let got: Vec<_> = got.into_iter().map(f64::from).collect();
        assert_close(&named.name, &got, &floats(&expected[&named.name]["data"]), 1e-5);
    }
}

#[test]
fn eight_adam_steps_of_a_small_network() {
    let golden = &golden()["adam"];
    let batch = Batch::new(integers(&golden["pixels_u8"]), integers(&golden["labels"]));
    for device in devices() {
        for (fuse, scaled) in [(true, false), (false, false), (true, true)] {
            let model = small(golden, &device, fuse);
            let plan = Plan::new(&model, device.limits(), 6, None).unwrap();
            let mut trainer = Trainer::new(model, plan, golden["lr"].as_f64().unwrap(), 0).unwrap();
            if scaled {
                trainer = trainer.with_loss_scale(LossScale::new(&device).unwrap());
            }
            for (step, expected) in floats(&golden["losses"]).into_iter().enumerate() {
                let result = pollster::block_on(trainer.step(&batch).unwrap().finish()).unwrap();
                let error = (f64::from(result.loss) - expected).abs() / expected;
                assert!(
                    error <= 1e-5,
                    "step {step} on {}, fused {fuse}, scaled {scaled}: {} {expected}",
                    device.name(),
                    result.loss
                );
            }
            assert_slots(&trainer.model, &golden["final"]);
        }
    }
}

/// AdamW, clipping, smoothed labels, a schedule with warm-up and a moving average, all at once, as Keras has them.
#[test]
fn eight_steps_of_a_recipe() {
    let golden = golden();
    let (of_adam, golden) = (&golden["adam"], &golden["recipe"]);
    let number = |name: &str| golden[name].as_f64().unwrap();
    let recipe = Recipe {
        schedule: RateSchedule::Cosine,
        warmup: number("warmup"),
        weight_decay: number("weight_decay"),
        clip_norm: number("clip_norm"),
        label_smoothing: number("label_smoothing"),
        average: number("average"),
        ..Recipe::plain()
    };
    let batch = Batch::new(integers(&of_adam["pixels_u8"]), integers(&of_adam["labels"]));
    for device in devices() {
        for (scaled, micro_batch) in [(false, None), (true, None), (false, Some(4))] {
            let model = small(of_adam, &device, true);
            let plan = Plan::new(&model, device.limits(), 6, micro_batch).unwrap();
            let mut trainer =
                Trainer::new(model, plan, number("lr"), 0).unwrap().with_recipe(&recipe).unwrap();
            if scaled {
                trainer = trainer.with_loss_scale(LossScale::new(&device).unwrap());
            }
            let what = format!("{}, scaled {scaled}, micro-batch {micro_batch:?}", device.name());
            for (step, expected) in floats(&golden["losses"]).into_iter().enumerate() {
                let at = At { step, steps_per_epoch: 1, epochs: 8, history: &[] };
                trainer.set_rate(recipe.schedule.at(recipe.warmup, at));
                let result = pollster::block_on(trainer.step(&batch).unwrap().finish()).unwrap();
                let error = (f64::from(result.loss) - expected).abs() / expected;
                assert!(error <= 1e-5, "step {step} on {what}: {} {expected}", result.loss);
            }
            assert_slots(&trainer.model, &golden["final"]);
            assert_slots(trainer.model_to_use(), &golden["averages"]);
        }
    }
}

#[test]
fn loss_hits_and_gradients_of_the_whole_network() {
    let golden = &golden()["network"];
    let size = golden["height"].as_u64().unwrap() as usize;
    let tensors: Vec<_> = golden["tensors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tensor| {
            let shape: Vec<usize> = integers::<usize>(&tensor["shape"]);
            let (k, s) = (tensor["k"].as_u64().unwrap(), tensor["s"].as_f64().unwrap());
            let values = networks::formula(k, shape.iter().product(), s, 0.0);
            assert_eq!(f64::from(*values.last().unwrap()), tensor["last"].as_f64().unwrap());
            (tensor["name"].as_str().unwrap().to_string(), shape, values)
        })
        .collect();
    let batch = Batch::new(integers(&golden["pixels_u8"]), integers(&golden["labels"]));
    for device in devices() {
        for fuse in [true, false] {
            let classes = vec!["cats".to_string(), "dogs".to_string()];
            let network = pawgrad::model::Network::cats_and_dogs(classes, size, 0.0);
            let model = Model::with_weights(network, &weights_file(&tensors), &device, fuse).unwrap();
            let plan = Plan::new(&model, device.limits(), batch.labels.len(), None).unwrap();
            let mut trainer = Trainer::new(model, plan, 0.001, 0).unwrap();
            let gradients = trainer.gradients(&batch).unwrap();
            for (tensor, gradient) in golden["tensors"].as_array().unwrap().iter().zip(&gradients.gradients) {
                let values = pollster::block_on(gradient.read_f32()).unwrap();
                let norm = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
                let expected = tensor["gradient_l2"].as_f64().unwrap();
                let error = (norm - expected).abs() / expected;
                assert!(
                    error <= 1e-5,
                    "{} on {}, fused {fuse}: {norm} {expected}",
                    tensor["name"],
                    device.name()
                );
            }
            let result = pollster::block_on(trainer.apply(gradients).unwrap().finish()).unwrap();
            let expected = golden["loss"].as_f64().unwrap();
            assert!(
                (f64::from(result.loss) - expected).abs() <= 1e-6 * expected,
                "{} {expected}",
                result.loss
            );
            assert_eq!(u64::from(result.hits), golden["hits"].as_u64().unwrap());
        }
    }
}
