//! Binary cross-entropy from logits, and the count of right answers.

use crate::cases::{Case, Row, Table, Tolerance, Values};
use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference::binary_cross_entropy::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

/// The loss `[1]` of logits x `[batch, 1]` against `labels` `[batch]` of 0 and 1, and how many of them
/// (u32 `[1]`) are on the right side of 0.
///
/// Each image counts times the weight of its class, of `weights` (f32 `[2]`). The loss is divided by `whole_batch`, so that
/// losses and gradients of micro-batches add up.
pub fn binary_cross_entropy(
    tape: &Tape,
    x: &Var,
    labels: &Tensor,
    weights: &Tensor,
    whole_batch: usize,
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
    let params = Params { batch: batch as u32, whole_batch: whole_batch as u32 };
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
    let params = |batch, whole_batch| Params { batch, whole_batch };
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 1), "one image"),
            (params(32, 32), "a whole batch"),
            (params(5, 37), "a micro-batch"),
            (params(300, 300), "more images than a group has threads"),
        ],
        Table::Network { batch, .. } => vec![(params(batch, batch), "a batch")],
    };
    let shape = |p: &Params, name: &str| match name {
        "loss" | "hits" | "dloss" => vec![1],
        "weights" => vec![2],
        _ => vec![p.batch],
    };
    Row::new(sizes, shape)
        .random(|dice| {
            let batch = dice.size(300);
            Params { batch, whole_batch: batch + dice.up_to(40) }
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
        .kernel(&BACKWARD_X, |_| Tolerance::Elementwise)
        .cases()
}
