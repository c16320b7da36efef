//! Cross-entropy from the logits of any number of classes, and the count of right answers.

use super::shapes::row_shape;
use super::softmax::{SUBNORMAL, groups, logits, shared_iterations, sizes, terms, too_short};
use crate::cases::{Case, Row, Table, Tolerance, Values};
use crate::cpu::{Input, Output};
use crate::error::{Result, error};
use crate::kernel::{Grid, Kernel, Pass, Rung, kernel};
use crate::reference::softmax::argmax;
use crate::reference::softmax_cross_entropy::{self, Params};
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

/// The loss `[1]` of logits x `[batch, classes]` against `labels` (u32 `[batch]`, each below `classes`), and of how many
/// rows (u32 `[1]`) the largest logit, the first of equal ones, is at the label. A row with a NaN is no hit.
///
/// Each row counts times the weight of its label's class, of `weights` (f32 `[classes]`). The loss is divided by `whole_batch`,
/// so that losses and gradients of micro-batches add up. With `smoothing`, 0 to 1, that share of the label is split evenly among
/// all classes.
pub fn softmax_cross_entropy(
    tape: &Tape,
    x: &Var,
    labels: &Tensor,
    weights: &Tensor,
    whole_batch: usize,
    smoothing: f32,
) -> Result<(Var, Tensor)> {
    let [batch, classes] = row_shape("softmax_cross_entropy", x)?;
    if labels.shape() != [batch] {
        return Err(error!(
            Other,
            "softmax_cross_entropy takes a label for each row of x {:?}, not {:?}",
            x.shape(),
            labels.shape()
        ));
    }
    if weights.shape() != [classes] {
        let shape = weights.shape();
        return Err(error!(
            Other,
            "softmax_cross_entropy takes a weight for each of {classes} classes, not {shape:?}"
        ));
    }
    let device = tape.device().clone();
    let loss = Tensor::empty(&device, &[1], Kind::F32)?;
    let hits = Tensor::empty(&device, &[1], Kind::U32)?;
    let [batch, classes, whole_batch] = [batch, classes, whole_batch].map(|size| size as u32);
    let params = Params { batch, classes, whole_batch, smoothing };
    FORWARD.run(&device, &params, &[&x.tensor, labels, weights], &[&loss, &hits])?;
    let (saved, labels, weights) = (x.tensor.clone(), labels.clone(), weights.clone());
    let loss = tape.record("softmax_cross_entropy", &[x], loss, move |dloss, _needs| {
        let dx = BACKWARD_X.compute(&device, &params, &[&saved, &labels, &weights, dloss], saved.shape())?;
        Ok(vec![Some(dx)])
    });
    Ok((loss, hits))
}

const SOURCE: &str = include_str!("../../shaders/softmax_cross_entropy.wgsl");
const SHARED_SOURCE: &str = include_str!("../../shaders/softmax_cross_entropy.2_shared.wgsl");

/// One thread adds up the rows.
const SUM: Pass<Params> = Pass::new("forward", Grid::Threads(|_| 1));

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[
        Rung {
            scratch: |p| 2 * p.batch as usize,
            iterations: |p| (2 * p.classes).max(p.batch) as usize,
            ..Rung::plain(SOURCE, &[Pass::new("forward_partial", Grid::Threads(|p| p.batch as usize)), SUM])
        },
        Rung {
            scratch: |p| 2 * p.batch as usize,
            iterations: |p| shared_iterations(p.classes).max(p.batch as usize),
            only_for: |p| too_short(p.classes),
            ..Rung::new(
                "2_shared",
                SHARED_SOURCE,
                &[Pass::new("forward_partial", Grid::Groups(|p| groups(p.batch))), SUM],
            )
        },
    ],
    ..kernel!(softmax_cross_entropy::forward(x, labels: u32, weights) -> (loss, hits: u32), items: |_| 1)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    rungs: &[
        Rung {
            iterations: |p| 3 * p.classes as usize,
            ..Rung::plain(SOURCE, &[Pass::new("backward_x", Grid::Threads(|p| p.batch as usize))])
        },
        Rung {
            iterations: |p| shared_iterations(p.classes),
            only_for: |p| too_short(p.classes),
            ..Rung::new(
                "2_shared",
                SHARED_SOURCE,
                &[Pass::new("backward_x", Grid::Groups(|p| groups(p.batch)))],
            )
        },
    ],
    ..kernel!(
        softmax_cross_entropy::backward_x(x, labels: u32, weights, dloss) -> (dx), items: |p| p.batch as usize)
};

pub fn cases(table: Table) -> Vec<Case> {
    fn params(batch: u32, classes: u32, whole_batch: u32) -> Params {
        Params { batch, classes, whole_batch, smoothing: 0.0 }
    }
    let whole = sizes(table).into_iter().map(|([batch, classes], why)| (params(batch, classes, batch), why));
    let mut all: Vec<_> = whole.collect();
    if table == Table::Awkward {
        all.push((params(5, 4, 37), "a micro-batch"));
        all.push((Params { smoothing: 0.2, ..params(7, 5, 7) }, "smoothed labels"));
        all.push((Params { smoothing: 0.1, ..params(3, 700, 3) }, "smoothed labels of many classes"));
        all.push((params(TIED, 600, TIED), "many equal logits: the first is taken"));
    }
    let shape = |p: &Params, name: &str| match name {
        "loss" | "hits" | "dloss" => vec![1],
        "labels" => vec![p.batch],
        "weights" => vec![p.classes],
        _ => vec![p.batch, p.classes],
    };
    Row::new(all, shape)
        .random(|dice| {
            let [batch, classes] = dice.sizes([300, 2000]);
            let smoothing = dice.one_of(&[0.0, 0.1]);
            Params { smoothing, ..params(batch, classes.max(2), batch + dice.up_to(40)) }
        })
        .inexact()
        .draw(|p, name, random| match name {
            // The first of many equal ones is an early one.
            "labels" if p.batch == TIED => Some(Values::Uint((0..TIED).map(|_| random.below(4)).collect())),
            "labels" => Some(Values::Uint((0..p.batch).map(|_| random.below(p.classes)).collect())),
            "x" if p.batch == TIED => {
                let len = p.batch * p.classes;
                Some(Values::Float((0..len).map(|_| f64::from(random.below(3))).collect()))
            }
            "x" => Some(logits(p.batch, p.classes, || random.number())),
            // Above 0, as that of a class is: the sum of losses does not cancel.
            "weights" => Some(Values::Float((0..p.classes).map(|_| 0.25 + random.number().abs()).collect())),
            _ => None,
        })
        .bounded(&FORWARD, |p| Tolerance::sum(terms(p.classes) + p.batch), forward_magnitude)
        .bounded(&BACKWARD_X, |p| Tolerance::sum(terms(p.classes)), backward_x_magnitude)
        .cases()
}

/// Rows of the case with equal logits.
const TIED: u32 = 33;

/// Of each row `ln(1 + rest)`, the label's distance from the largest and the share of all distances, and what errors of the others' powers move the
/// logarithm by: its slope, 1 / (1 + rest), times each power, times 1 and `largest - x`.
fn forward_magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let (
        [Input::Float(x), Input::Uint(labels), Input::Float(weights)],
        [Output::Float(loss), Output::Uint(_)],
    ) = (inputs, outputs)
    else {
        unreachable!("its buffers")
    };
    let mut sum = 0.0;
    for (x, &label) in x.chunks_exact(p.classes as usize).zip(*labels) {
        let best = argmax(x);
        let others = || (0..x.len()).filter(|&c| c != best).map(|c| x[best] - x[c]);
        let rest: f64 = others().map(|t| (-t).exp()).sum();
        let moved: f64 = others().map(|t| (-t).exp() * (1.0 + t)).sum();
        let share = f64::from(p.smoothing) / x.len() as f64 * others().sum::<f64>();
        let of_row = rest.ln_1p() + (x[best] - x[label as usize]) + share + moved / (1.0 + rest);
        sum += weights[label as usize].abs() * of_row + SUBNORMAL;
    }
    loss[0] = sum / f64::from(p.whole_batch);
}

/// Each slope, times 1 for the sum of powers and `largest - x` for its own; at the label those of all others. And the smoothing,
/// of which a slope may leave little.
fn backward_x_magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let (
        [Input::Float(x), Input::Uint(labels), Input::Float(weights), Input::Float(dloss)],
        [Output::Float(dx)],
    ) = (inputs, outputs)
    else {
        unreachable!("its buffers")
    };
    let hard = Params { smoothing: 0.0, ..*p };
    softmax_cross_entropy::backward_x(&hard, 0..p.batch as usize, x, labels, weights, dloss, dx);
    let classes = p.classes as usize;
    let rows = x.chunks_exact(classes).zip(dx.chunks_exact_mut(classes));
    for ((x, dx), &label) in rows.zip(*labels) {
        let largest = x[argmax(x)];
        let mut others = 0.0;
        for (c, (dx, x)) in dx.iter_mut().zip(x).enumerate() {
            *dx = dx.abs() * (1.0 + largest - x) + SUBNORMAL;
            if c != label as usize {
                others += *dx;
            }
        }
        dx[label as usize] = others;
        let scale = (dloss[0] * weights[label as usize]).abs() / f64::from(p.whole_batch);
        dx.iter_mut().for_each(|dx| *dx += scale * f64::from(p.smoothing));
    }
}
