//! The references' backward functions against finite differences of their forward functions, in f64.
//!
//! It works for every op by the naming convention alone: a backward kernel's output `dx` is the gradient
//! of forward's input `x`; its inputs are forward's inputs and outputs by their names, and `dy` is a
//! random gradient of forward's output `y`.

use super::kernels::{poison, reference};
use crate::cases::{Case, Random, Style, Values};
use crate::kernel::Buffer;
use rand::RngExt;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

/// Step of the central difference.
const EPSILON: f64 = 1e-6;
const RELATIVE: f64 = 1e-6;
const ABSOLUTE: f64 = 1e-7;
/// Most elements of each gradient that are checked, at random places.
const ELEMENTS: usize = 24;
/// FLOP to spend on the finite differences of one gradient: large cases check fewer elements.
const FLOP: f64 = 3e8;

/// The forward case that `backward` belongs to, in a table of cases: the same op and sizes.
pub fn forward_of<'a>(cases: &'a [Case], backward: &Case) -> Option<&'a Case> {
    let wanted = format!("{}.forward", backward.call.op());
    cases.iter().find(|case| case.call.name() == wanted && case.call.params() == backward.call.params())
}

/// Compares the backward kernel's reference with finite differences of the forward kernel's; the worst
/// error, or a report.
pub fn check(forward: &Case, backward: &Case) -> Result<f64, String> {
    // Where a finite step crosses a kink (another maximum, another side of ReLU) there is no derivative
    // to compare with: other numbers are drawn.
    for seed in 0..20 {
        if let Some(result) = check_with(forward, backward, seed) {
            return result;
        }
    }
    Err(format!("{}: no inputs away from kinks found\n{}", backward.call.name(), backward.call.params()))
}

fn check_with(forward: &Case, backward: &Case, seed: u64) -> Option<Result<f64, String>> {
    let mut random = Random::new(Style::Random, seed);
    let mut buffers: BTreeMap<String, Values> = BTreeMap::new();
    for input in forward.call.inputs() {
        buffers.insert(input.name.to_string(), forward.values(input, &mut random));
    }
    // At a NaN there is no derivative. What becomes of it is compared with the reference, like every other case.
    let is_nan =
        |values: &Values| matches!(values, Values::Float(values) if values.iter().any(|v| v.is_nan()));
    if buffers.values().any(is_nan) {
        return Some(Ok(0.0));
    }
    let outputs = evaluate(forward, &buffers);
    for (Buffer { name, .. }, values) in forward.call.outputs().iter().zip(outputs) {
        if let Values::Float(values) = &values {
            let upstream = values.iter().map(|_| random.rng.random_range(-1.0..1.0)).collect();
            buffers.insert(format!("d{name}"), Values::Float(upstream));
        }
        buffers.insert(name.to_string(), values);
    }

    let analytic = evaluate(backward, &buffers);
    let mut worst: f64 = 0.0;
    for (Buffer { name, .. }, analytic) in backward.call.outputs().iter().zip(analytic) {
        let Values::Float(analytic) = analytic else { unreachable!("gradients are floats") };
        let input = name.strip_prefix('d').expect("a gradient is named after its input");
        let mut elements: Vec<usize> = (0..analytic.len()).collect();
        elements.shuffle(&mut random.rng);
        let affordable = (FLOP / (2.0 * forward.call.flop() + 1.0)) as usize;
        for &i in elements.iter().take(affordable.clamp(2, ELEMENTS)) {
            let numeric = central_difference(forward, &buffers, input, i)?;
            let error = (numeric - analytic[i]).abs();
            // Rounding of the sum over y limits the difference quotient: allow for its size.
            let allowed = ABSOLUTE + RELATIVE * numeric.abs().max(analytic[i].abs());
            if error.is_nan() || error > allowed {
                return Some(Err(format!(
                    "{}: {name}[{i}] is {:e}, finite differences give {numeric:e}\ncase: {}\n{}",
                    backward.call.name(),
                    analytic[i],
                    backward.why,
                    backward.call.params()
                )));
            }
            worst = worst.max(error);
        }
    }
    Some(Ok(worst))
}

/// `(L(input[i] + eps) - L(input[i] - eps)) / 2 eps` for `L = sum dy * y`; `None` at a kink.
fn central_difference(
    forward: &Case,
    buffers: &BTreeMap<String, Values>,
    input: &str,
    i: usize,
) -> Option<f64> {
    let mut shifted = buffers.clone();
    let mut at = |shift: f64| {
        let (Some(Values::Float(values)), Some(Values::Float(original))) =
            (shifted.get_mut(input), buffers.get(input))
        else {
            panic!("{input} is a float input of {}", forward.call.name())
        };
        values[i] = original[i] + shift;
        evaluate(forward, &shifted)
    };
    let (above, below) = (at(EPSILON), at(-EPSILON));
    let mut difference = 0.0;
    for ((Buffer { name, .. }, above), below) in forward.call.outputs().iter().zip(&above).zip(&below) {
        match (above, below, &buffers[*name]) {
            (Values::Float(above), Values::Float(below), Values::Float(here)) => {
                let Values::Float(dy) = &buffers[&format!("d{name}")] else { unreachable!() };
                for (((a, b), here), dy) in above.iter().zip(below).zip(here).zip(dy) {
                    // One side of ReLU is exactly 0.
                    if [a, b, here].iter().any(|&&v| v == 0.0) && [a, b, here].iter().any(|&&v| v != 0.0) {
                        return None;
                    }
                    difference += dy * (a - b);
                }
            }
            // Another maximum.
            (Values::Uint(above), Values::Uint(below), Values::Uint(here)) => {
                if above != here || below != here {
                    return None;
                }
            }
            _ => unreachable!("one kernel's outputs have one type"),
        }
    }
    Some(difference / (2.0 * EPSILON))
}

/// The outputs of the case's reference, its inputs taken by name.
fn evaluate(case: &Case, buffers: &BTreeMap<String, Values>) -> Vec<Values> {
    let inputs: Vec<_> = case.call.inputs().iter().map(|input| buffers[input.name].clone()).collect();
    let outputs: Vec<_> = case.call.outputs().iter().map(|output| poison(case, output)).collect();
    reference(case, &inputs, &outputs, |v| v)
}
