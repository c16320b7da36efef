//! Backward is the adjoint of forward, exactly, at the default network's sizes.
//!
//! With `<a, b>` for the sum of all products, a linear map K and its backward kernel keep `<K x, dy> = <x, K^T dy>`. Inputs are
//! small whole numbers such that all sums stay below 2^24: then every f32 is exact, in any order, and both sides are computed
//! in integers. So `<y, dy> = <x, dx> + <b, db> = <w, dw> + <b, db>`, for max-pooling and ReLU too: y is linear in what they
//! let through. No definition is asked, which would take hours at these sizes.
//!
//! All rungs, and the CPU, must give equal numbers as well.

mod common;

use pawgrad::cases::Tolerance;
use pawgrad::check::{self, Case, Table};
use pawgrad::cpu;
use pawgrad::device::Device;
use pawgrad::kernel::Buffer;
use pawgrad::tensor::{Kind, Tensor};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// FLOP that are too many for the CPU's plain loops.
const SLOW: f64 = 1e9;

const OPS: [&str; 5] = ["relu", "max_pool2d", "conv2d", "dense", "conv2d_relu_pool"];

#[test]
fn backward_is_the_adjoint_of_forward_on_the_cpu() {
    check_all(&Device::cpu(), 32, 2);
}

#[test]
fn backward_is_the_adjoint_of_forward_in_wgsl() {
    check_all(&common::software(), 32, 2);
}

#[test]
#[ignore = "tests/adjoint: minutes"]
fn at_full_size_on_the_cpu() {
    check_all(&Device::cpu(), 256, 32);
}

#[test]
#[ignore = "tests/adjoint: minutes"]
fn at_full_size_in_wgsl() {
    check_all(&common::software(), 256, 2);
}

fn check_all(device: &Device, image_size: u32, batch: u32) {
    let cases = check::table(Table::Network { image_size, batch });
    let of = |op: &str, function: &str| format!("{op}.{function}");
    for op in OPS {
        for forward in cases.iter().filter(|case| case.call.name() == of(op, "forward")) {
            let backward = cases.iter().filter(|case| {
                let name = case.call.name().strip_prefix(op).and_then(|name| name.strip_prefix(".backward_"));
                name.is_some() && case.call.params() == forward.call.params()
            });
            check_op(device, forward, &backward.collect::<Vec<_>>());
        }
    }
}

/// What is in a buffer.
enum Numbers {
    Floats(Vec<f32>),
    Places(Vec<u32>),
}

fn check_op(device: &Device, forward: &Case, backward: &[&Case]) {
    let (name, why) = (forward.call.name(), forward.why);
    let mut values: BTreeMap<String, Numbers> = BTreeMap::new();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for buffer in forward.call.inputs() {
        let numbers = (0..forward.len(buffer)).map(|_| rng.random_range(-2i8..=2).into());
        values.insert(buffer.name.to_string(), Numbers::Floats(numbers.collect()));
    }
    let y = forward.call.outputs()[0];
    let dy = (0..forward.len(&y)).map(|_| rng.random_range(-1i8..=1).into());
    values.insert("dy".to_string(), Numbers::Floats(dy.collect()));

    for (output, numbers) in run(device, forward, &values) {
        values.insert(output, numbers);
    }
    let y_dy = product(&values, "y", "dy");
    let mut gradients: Vec<&str> = Vec::new();
    for case in backward {
        for (output, numbers) in run(device, case, &values) {
            values.insert(output, numbers);
        }
        gradients.extend(case.call.outputs().iter().map(|output| output.name));
    }
    let of_bias = if gradients.contains(&"db") { product(&values, "b", "db") } else { 0 };
    for gradient in gradients.iter().filter(|gradient| **gradient != "db") {
        let input = gradient.strip_prefix('d').expect("a gradient is named after its input");
        let adjoint = product(&values, input, gradient) + of_bias;
        assert_eq!(adjoint, y_dy, "{name}, {why}: <{input}, {gradient}> + <b, db> is not <y, dy>");
    }
    println!("{name:<26} {why:<8} <y, dy> = {y_dy} for {}", gradients.join(", "));
}

/// The outputs of a case, for which every rung and the CPU must give equal numbers.
fn run(device: &Device, case: &Case, values: &BTreeMap<String, Numbers>) -> Vec<(String, Numbers)> {
    // Sums that stay below 2^24 are exact.
    let terms = if let Tolerance::Sum { terms } = case.tolerance { terms } else { 1 };
    assert!(terms < 1 << 22, "{}: products of up to 4 add up to too much", case.call.name());
    let cpu = Device::cpu();
    let own = *case.call.rungs(&cpu).last().expect("some rung");
    let expected = run_rung(&cpu, own, case, values);
    for rung in case.call.rungs(device) {
        // The CPU's own names; plain loops would take minutes.
        if rung == own || (rung == cpu::REFERENCE && case.call.flop() > SLOW) {
            continue;
        }
        for ((name, got), (_, expected)) in run_rung(device, rung, case, values).iter().zip(&expected) {
            let differ = match (got, expected) {
                (Numbers::Floats(a), Numbers::Floats(b)) => a.iter().zip(b).filter(|(a, b)| a != b).count(),
                (Numbers::Places(a), Numbers::Places(b)) => a.iter().zip(b).filter(|(a, b)| a != b).count(),
                _ => unreachable!("a buffer is of one kind"),
            };
            let (kernel, why) = (case.call.name(), case.why);
            assert_eq!(differ, 0, "{kernel} {rung}, {why}: values of {name} that are not the CPU's");
        }
    }
    expected
}

fn run_rung(
    device: &Device,
    rung: &str,
    case: &Case,
    values: &BTreeMap<String, Numbers>,
) -> Vec<(String, Numbers)> {
    let shape = |buffer: &Buffer| (case.shape)(buffer.name);
    let input = |buffer: &Buffer| match &values[buffer.name] {
        Numbers::Floats(floats) => Tensor::from_f32(device, &shape(buffer), floats).unwrap(),
        Numbers::Places(places) => Tensor::from_u32(device, &shape(buffer), places).unwrap(),
    };
    let inputs: Vec<_> = case.call.inputs().iter().map(input).collect();
    let empty = |buffer: &Buffer| Tensor::empty(device, &shape(buffer), buffer.kind).unwrap();
    let outputs: Vec<_> = case.call.outputs().iter().map(empty).collect();
    device.force_rung(case.call.op(), rung);
    case.call.run(device, &inputs.iter().collect::<Vec<_>>(), &outputs.iter().collect::<Vec<_>>()).unwrap();
    drop(inputs);
    let read = |(buffer, output): (&Buffer, Tensor)| {
        let numbers = match buffer.kind {
            Kind::F32 => Numbers::Floats(pollster::block_on(output.read_f32()).unwrap()),
            Kind::U32 => Numbers::Places(pollster::block_on(output.read_u32()).unwrap()),
        };
        (buffer.name.to_string(), numbers)
    };
    case.call.outputs().iter().zip(outputs).map(read).collect()
}

/// The sum of all products, in integers.
fn product(values: &BTreeMap<String, Numbers>, a: &str, b: &str) -> i128 {
    let [a, b] = [a, b].map(|name| match &values[name] {
        Numbers::Floats(floats) => floats,
        Numbers::Places(_) => panic!("{name} holds places"),
    });
    assert_eq!(a.len(), b.len());
    let whole = |v: f32| {
        assert!(v.fract() == 0.0 && v.abs() < 16_777_216.0, "{v} is no whole number below 2^24");
        v as i128
    };
    a.iter().zip(b).map(|(&a, &b)| whole(a) * whole(b)).sum()
}
