//! Binary cross-entropy from logits, and the count of right answers.

use super::softmax::{SUBNORMAL, terms};
use crate::cases::{Case, Row, Table, Tolerance, Values};
use crate::cpu::{Input, Output};
use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference::binary_cross_entropy::{self, Params};
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

/// The loss `[1]` of logits x `[batch, 1]` against `labels` `[batch]` of 0 and 1, and how many of them
/// (u32 `[1]`) are on the right side of 0.
///
/// Each image counts times the weight of its class, of `weights` (f32 `[2]`). The loss is divided by `whole_batch`, so that
/// losses and gradients of micro-batches add up. With `smoothing`, 0 to 1, that share of the label is split evenly between both
/// classes.
pub fn binary_cross_entropy(
    tape: &Tape,
    x: &Var,
    labels: &Tensor,
    weights: &Tensor,
    whole_batch: usize,
    smoothing: f32,
) -> Result<(Var, Tensor)> {
    let batch = labels.len();
    if x.shape() != [batch, 1] {
        let shape = x.shape();
        return Err(error!(
            Other,
            "binary_cross_entropy takes x as [{batch}, 1] for {batch} labels, not {shape:?}"
        ));
    }
    if weights.shape() != [2] {
        let shape = weights.shape();
        return Err(error!(
            Other,
            "binary_cross_entropy takes a weight for each of two classes, not {shape:?}"
        ));
    }
    let device = tape.device().clone();
    let loss = Tensor::empty(&device, &[1], Kind::F32)?;
    let hits = Tensor::empty(&device, &[1], Kind::U32)?;
    let params = Params { batch: batch as u32, whole_batch: whole_batch as u32, smoothing };
    FORWARD.run(&device, &params, &[&x.tensor, labels, weights], &[&loss, &hits])?;
    let (saved, labels, weights) = (x.tensor.clone(), labels.clone(), weights.clone());
    let loss = tape.record("binary_cross_entropy", &[x], loss, move |dloss, _needs| {
        let dx = BACKWARD_X.compute(&device, &params, &[&saved, &labels, &weights, dloss], saved.shape())?;
        Ok(vec![Some(dx)])
    });
    Ok((loss, hits))
}

const SOURCE: &str = include_str!("../../shaders/binary_cross_entropy.wgsl");

pub static FORWARD: Kernel<Params> =
    kernel!(binary_cross_entropy::forward(x, labels: u32, weights) -> (loss, hits: u32), items: |_| 1);
pub static BACKWARD_X: Kernel<Params> = kernel!(binary_cross_entropy::backward_x(x, labels: u32, weights, dloss) -> (dx), items: |p| p.batch as usize);

pub fn cases(table: Table) -> Vec<Case> {
    fn params(batch: u32, whole_batch: u32, smoothing: f32) -> Params {
        Params { batch, whole_batch, smoothing }
    }
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 1, 0.0), "one image"),
            (params(32, 32, 0.0), "a whole batch"),
            (params(33, 33, 0.2), "smoothed labels"),
            (params(5, 37, 0.0), "a micro-batch"),
            (params(300, 300, 0.0), "more images than a group has threads"),
        ],
        Table::Network { batch, .. } => vec![(params(batch, batch, 0.0), "a batch")],
    };
    let shape = |p: &Params, name: &str| match name {
        "loss" | "hits" | "dloss" => vec![1],
        "weights" => vec![2],
        _ => vec![p.batch],
    };
    Row::new(sizes, shape)
        .random(|dice| {
            let batch = dice.size(300);
            params(batch, batch + dice.up_to(40), dice.one_of(&[0.0, 0.1]))
        })
        .inexact()
        .draw(|p, name, random| match name {
            "labels" => Some(Values::Uint((0..p.batch).map(|_| random.below(2)).collect())),
            // From hopeless to certain: exp(-100) is a tiny subnormal, exp(100) would overflow.
            "x" => Some(Values::Float(
                (0..p.batch).map(|i| random.number() * [1.0, 10.0, 100.0][i as usize % 3]).collect(),
            )),
            // Above 0, as that of a class is: the sum of losses does not cancel.
            "weights" => Some(Values::Float((0..2).map(|_| 0.25 + random.number().abs()).collect())),
            _ => None,
        })
        .kernel(&FORWARD, |_| Tolerance::Elementwise)
        .bounded(&BACKWARD_X, |_| Tolerance::sum(terms(1)), backward_x_magnitude)
        .cases()
}

/// The slope without smoothing, times 1 and `|x|` for its power; and half the smoothing, of which it may leave little.
fn backward_x_magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let (
        [Input::Float(x), Input::Uint(labels), Input::Float(weights), Input::Float(dloss)],
        [Output::Float(dx)],
    ) = (inputs, outputs)
    else {
        unreachable!("its buffers")
    };
    let hard = Params { smoothing: 0.0, ..*p };
    binary_cross_entropy::backward_x(&hard, 0..p.batch as usize, x, labels, weights, dloss, dx);
    for ((dx, &label), x) in dx.iter_mut().zip(*labels).zip(*x) {
        let scale = (dloss[0] * weights[label as usize]).abs() / f64::from(p.whole_batch);
        *dx = dx.abs() * (1.0 + x.abs()) + scale * f64::from(p.smoothing) / 2.0 + SUBNORMAL;
    }
}
