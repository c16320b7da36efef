//! The references' backward functions against finite differences of their forward functions, in f64.
//!
//! It works for every op by the naming convention alone: a backward kernel's output `dx` is the gradient
//! of forward's input `x`; its inputs are forward's inputs and outputs by their names, and `dy` is a
//! random gradient of forward's output `y`. Where another kernel of the op makes one of forward's inputs, as batch_norm's
//! statistics, it is a part of what is differentiated; where another backward kernel makes one of a backward kernel's
//! inputs, it runs before.

use super::kernels::{poison, reference};
use crate::cases::{Case, Random, Style, Values};
use crate::kernel::{Buffer, Usage};
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

/// Values by the names of their buffers.
type Buffers = BTreeMap<&'static str, Values>;

/// Compares the backward kernel's reference with finite differences of the forward kernel's; the worst
/// error, or a report. `cases` are those of the table that both are from.
pub fn check(cases: &[Case], forward: &Case, backward: &Case) -> Result<f64, String> {
    let ahead = makers(cases, forward).filter(|case| !is_backward(case));
    let forward: Vec<_> = ahead.chain([forward]).collect();
    let between = makers(cases, backward).filter(|case| is_backward(case));
    let backward: Vec<_> = between.chain([backward]).collect();
    // Where a finite step crosses a kink (another maximum, another side of ReLU) there is no derivative
    // to compare with: other numbers are drawn.
    for seed in 0..20 {
        if let Some(result) = check_with(&forward, &backward, seed) {
            return result;
        }
    }
    let backward = backward[backward.len() - 1];
    Err(format!("{}: no inputs away from kinks found\n{}", backward.call.name(), backward.call.params()))
}

fn is_backward(case: &Case) -> bool {
    case.call.name().contains(".backward_")
}

/// The kernels of the same op and sizes that make what `case` reads.
fn makers<'a>(cases: &'a [Case], case: &'a Case) -> impl Iterator<Item = &'a Case> {
    let is_read = |output: &Buffer| {
        let mut inputs = case.call.inputs().iter();
        output.usage == Usage::Write && inputs.any(|input| input.name == output.name)
    };
    cases.iter().filter(move |maker| {
        maker.call.op() == case.call.op()
            && maker.call.params() == case.call.params()
            && maker.call.outputs().iter().any(is_read)
    })
}

/// Of kernels that run in turn, of which the last one is compared.
fn check_with(forward: &[&Case], backward: &[&Case], seed: u64) -> Option<Result<f64, String>> {
    let mut random = Random::new(Style::Random, seed);
    let mut buffers = Buffers::new();
    for kernel in forward {
        for input in kernel.call.inputs() {
            buffers.entry(input.name).or_insert_with(|| kernel.values(input, &mut random));
        }
    }
    // At a NaN there is no derivative. What becomes of it is compared with the reference, like every other case.
    let is_nan =
        |values: &Values| matches!(values, Values::Float(values) if values.iter().any(|v| v.is_nan()));
    if buffers.values().any(is_nan) {
        return Some(Ok(0.0));
    }
    run(forward, &mut buffers);
    for Buffer { name, .. } in forward[forward.len() - 1].call.outputs() {
        if let Values::Float(values) = &buffers[name] {
            let upstream = values.iter().map(|_| random.rng.random_range(-1.0..1.0)).collect();
            buffers.insert(gradient_of(name, backward), Values::Float(upstream));
        }
    }

    run(backward, &mut buffers);
    let backward = backward[backward.len() - 1];
    let mut worst: f64 = 0.0;
    for Buffer { name, .. } in backward.call.outputs() {
        let Values::Float(analytic) = &buffers[name] else { unreachable!("gradients are floats") };
        let input = name.strip_prefix('d').expect("a gradient is named after its input");
        let mut elements: Vec<usize> = (0..analytic.len()).collect();
        elements.shuffle(&mut random.rng);
        let flop: f64 = forward.iter().map(|kernel| kernel.call.flop()).sum();
        let affordable = (FLOP / (2.0 * flop + 1.0)) as usize;
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

/// The name of an output's gradient, as the backward kernels write it; there is none that takes no such gradient.
fn gradient_of(output: &str, backward: &[&Case]) -> &'static str {
    let mut inputs = backward.iter().flat_map(|kernel| kernel.call.inputs());
    let found = inputs.find(|input| input.name.strip_prefix('d') == Some(output));
    found.unwrap_or_else(|| panic!("no backward kernel takes the gradient of {output}")).name
}

/// `(L(input[i] + eps) - L(input[i] - eps)) / 2 eps` for `L = sum dy * y`; `None` at a kink.
fn central_difference(forward: &[&Case], buffers: &Buffers, input: &str, i: usize) -> Option<f64> {
    let last = forward[forward.len() - 1];
    let inputs = forward.iter().flat_map(|kernel| kernel.call.inputs()).map(|input| input.name);
    let mut shifted: Buffers = inputs.map(|name| (name, buffers[name].clone())).collect();
    let Some(Values::Float(original)) = buffers.get(input) else {
        panic!("{input} is a float input of {}", last.call.name())
    };
    let mut at = |shift: f64| {
        if let Some(Values::Float(values)) = shifted.get_mut(input) {
            values[i] = original[i] + shift;
        }
        run(forward, &mut shifted);
        let made = last.call.outputs().iter().map(|output| output.name);
        made.map(|name| (name, shifted.remove(name).expect("it was made"))).collect::<Buffers>()
    };
    let (above, below) = (at(EPSILON), at(-EPSILON));
    let mut difference = 0.0;
    for Buffer { name, .. } in last.call.outputs() {
        match (&above[name], &below[name], &buffers[name]) {
            (Values::Float(above), Values::Float(below), Values::Float(here)) => {
                let dy = buffers.iter().find(|(known, _)| known.strip_prefix('d') == Some(*name));
                let Some((_, Values::Float(dy))) = dy else { unreachable!("it was drawn") };
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

/// Runs the references of these kernels in turn, their inputs taken by name; what they make takes its place among the
/// buffers.
fn run(kernels: &[&Case], buffers: &mut Buffers) {
    for kernel in kernels {
        let inputs: Vec<_> = kernel.call.inputs().iter().map(|input| buffers[input.name].clone()).collect();
        let outputs: Vec<_> = kernel.call.outputs().iter().map(|output| poison(kernel, output)).collect();
        let names = kernel.call.outputs().iter().map(|output| output.name);
        buffers.extend(names.zip(reference(kernel, &inputs, &outputs, |v| v)));
    }
}
