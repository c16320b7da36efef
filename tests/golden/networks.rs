//! Networks of examples/networks as wholes against JAX in float64 (make_networks.py): loss, all gradients, eight steps of Adam.

use super::{devices, floats, integers};
use crate::common::weights_file;
use pawgrad::check::replay::Replay;
use pawgrad::data::{Batch, Color};
use pawgrad::device::Device;
use pawgrad::model::Model;
use pawgrad::run::network_file::NetworkFile;
use pawgrad::tensor::Tensor;
use pawgrad::train::Trainer;
use pawgrad::train::plan::Plan;
use serde_json::Value;
use std::path::Path;

fn golden() -> Vec<Value> {
    serde_json::from_str(include_str!("networks.json")).unwrap()
}

/// `f32(middle + (((i * 1103515245 + 12345 + 977 * k) mod 2^31) / 2^31 - 0.5) * scale)`
pub fn formula(k: u64, len: usize, scale: f64, middle: f64) -> Vec<f32> {
    let value = |i: u64| {
        let pseudo = (i * 1_103_515_245 + 12_345 + 977 * k) % (1 << 31);
        (middle + (pseudo as f64 / f64::from(1u32 << 31) - 0.5) * scale) as f32
    };
    (0..len as u64).map(value).collect()
}

fn first_values(golden: &Value) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let first = |tensor: &Value| {
        let shape: Vec<usize> = integers(&tensor["shape"]);
        let number = |name: &str| tensor[name].as_f64().unwrap();
        let k = tensor["k"].as_u64().unwrap();
        let values = formula(k, shape.iter().product(), number("s"), number("middle"));
        (tensor["name"].as_str().unwrap().to_string(), shape, values)
    };
    golden["tensors"].as_array().unwrap().iter().map(first).collect()
}

/// The network with the golden weights, in training on this device, and its one batch.
fn trainer(golden: &Value, device: &Device, fuse: bool) -> (Trainer, Batch) {
    let name = golden["network"].as_str().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = NetworkFile::find(&root.join(format!("examples/networks/{name}.toml"))).unwrap();
    let classes = (0..golden["classes"].as_u64().unwrap()).map(|class| format!("class {class}")).collect();
    let size = golden["image_size"].as_u64().unwrap() as usize;
    let network = file.network(classes, size, Color::Rgb, Some(0.0)).unwrap();
    let model = Model::with_weights(network, &weights_file(&first_values(golden)), device, fuse).unwrap();
    let batch = Batch::new(integers(&golden["pixels_u8"]), integers(&golden["labels"]));
    let plan = Plan::new(&model, device.limits(), batch.labels.len(), None).unwrap();
    (Trainer::new(model, plan, golden["learning_rate"].as_f64().unwrap(), 0).unwrap(), batch)
}

/// How far a tensor is from the golden one, as a share of its norm: by the norm, and by a sum that every element is a part of.
fn distance(golden: &Value, what: &str, values: &[f64]) -> f64 {
    let [norm, sum] = ["l2", "sum"].map(|name| golden[format!("{what}_{name}")].as_f64().unwrap());
    let got_norm = values.iter().map(|v| v * v).sum::<f64>().sqrt();
    let weights = formula(1000 + golden["k"].as_u64().unwrap(), values.len(), 2.0, 0.0);
    let got_sum: f64 = values.iter().zip(&weights).map(|(v, &w)| v * f64::from(w)).sum();
    assert!(norm > 0.0, "{}: a tensor of zeros proves nothing", golden["name"]);
    (got_norm - norm).abs().max((got_sum - sum).abs()) / norm
}

#[test]
fn the_definitions_in_f64_train_whole_networks_as_jax_does() {
    for golden in golden() {
        let device = Device::cpu();
        let (mut trainer, batch) = trainer(&golden, &device, false);
        let name = &golden["network"];
        let replay = Replay::follow(&device);
        let in_f64 = |tensor: &Tensor| replay.values(tensor).unwrap();
        let tensors = golden["tensors"].as_array().unwrap();
        let of = |name: &str| tensors.iter().find(|tensor| tensor["name"] == name).unwrap();
        for (step, expected) in floats(&golden["losses"]).into_iter().enumerate() {
            let gradients = trainer.gradients(&batch).unwrap();
            let [(loss, _)] = gradients.counts() else { panic!("one micro-batch") };
            let error = (in_f64(loss)[0] - expected).abs() / expected;
            assert!(error <= 1e-9, "{name}, step {step}: the loss is {} for {expected}", in_f64(loss)[0]);
            if step == 0 {
                let learned = trainer.model.tensors().iter().filter(|named| !named.name.contains("moving"));
                let learned: Vec<_> = learned.collect();
                assert_eq!(learned.len(), gradients.gradients.len());
                for (named, gradient) in learned.iter().zip(&gradients.gradients) {
                    let far = distance(of(&named.name), "gradient", &in_f64(gradient));
                    assert!(far <= 1e-9, "{name}: the gradient of {} is off by {far:e}", named.name);
                }
            }
            pollster::block_on(trainer.apply(gradients).unwrap().finish()).unwrap();
        }
        let first = first_values(&golden);
        assert_eq!(trainer.model.tensors().len(), first.len());
        for (named, (_, _, first)) in trainer.model.tensors().iter().zip(&first) {
            let moved: Vec<_> =
                in_f64(&named.tensor).iter().zip(first).map(|(v, &f)| v - f64::from(f)).collect();
            let far = distance(of(&named.name), "moved", &moved);
            assert!(far <= 1e-9, "{name}: {} after eight steps is off by {far:e}", named.name);
        }
    }
}

#[test]
fn every_device_trains_whole_networks_as_jax_does() {
    for golden in golden() {
        for device in devices() {
            let (mut trainer, batch) = trainer(&golden, &device, true);
            let context = format!("{} on {}", golden["network"], device.name());
            let gradients = trainer.gradients(&batch).unwrap();
            let tensors = golden["tensors"].as_array().unwrap();
            let learned =
                tensors.iter().filter(|tensor| !tensor["name"].as_str().unwrap().contains("moving"));
            let allowed = ROUNDINGS * golden["gradients_moved_by_rounding"].as_f64().unwrap();
            for (tensor, gradient) in learned.zip(&gradients.gradients) {
                let values = pollster::block_on(gradient.read_f32()).unwrap();
                let values: Vec<_> = values.into_iter().map(f64::from).collect();
                let far = distance(tensor, "gradient", &values);
                assert!(far <= allowed, "{context}: the gradient of {} is off by {far:e}", tensor["name"]);
            }
            let moved = floats(&golden["losses_moved_by_rounding"]);
            let mut next = Some(gradients);
            for (step, (expected, moved)) in floats(&golden["losses"]).into_iter().zip(moved).enumerate() {
                let gradients = next.take().map_or_else(|| trainer.gradients(&batch), Ok).unwrap();
                let result = pollster::block_on(trainer.apply(gradients).unwrap().finish()).unwrap();
                let error = (f64::from(result.loss) - expected).abs();
                assert!(
                    error <= ROUNDINGS * moved,
                    "{context}, step {step}: the loss is off by {error:e}, where rounding moves it by {moved:e}"
                );
            }
        }
    }
}

/// How much further an f32 network may be off than one in f64 whose weights are rounded anew: it rounds in each of its layers,
/// and there are 41 with weights, or norms, behind each other.
const ROUNDINGS: f64 = 4.0;
