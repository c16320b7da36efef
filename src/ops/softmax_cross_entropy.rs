//! Cross-entropy from the logits of any number of classes, and the count of right answers.

use crate::cases::{Case, Random, Row, Table, Tolerance, Values};
use crate::error::{Result, error};
use crate::kernel::{Grid, Kernel, Pass, Rung, kernel};
use crate::reference::softmax_cross_entropy::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

/// The loss `[1]` of logits x `[batch, classes]` against `labels` `[batch]`, each below `classes`, and how many of them
/// (u32 `[1]`) have the first largest logit.
///
/// The loss is divided by `whole_batch`, so that losses and gradients of micro-batches add up.
pub fn softmax_cross_entropy(
    tape: &Tape,
    x: &Var,
    labels: &Tensor,
    whole_batch: usize,
) -> Result<(Var, Tensor)> {
    let batch = labels.len();
    let classes = match x.shape() {
        &[images, classes] if images == batch => classes,
        shape => {
            return Err(error!(
                Other,
                "softmax_cross_entropy takes x as [{batch}, classes] for {batch} labels, not {shape:?}"
            ));
        }
    };
    let device = tape.device().clone();
    let loss = Tensor::empty(&device, &[1], Kind::F32)?;
    let hits = Tensor::empty(&device, &[1], Kind::U32)?;
    let params = Params { batch: batch as u32, classes: classes as u32, whole_batch: whole_batch as u32 };
    FORWARD.run(&device, &params, &[&x.tensor, labels], &[&loss, &hits])?;
    let (saved, labels) = (x.tensor.clone(), labels.clone());
    let loss = tape.record("softmax_cross_entropy", &[x], loss, move |dloss, _needs| {
        let dx = BACKWARD_X.compute(&device, &params, &[&saved, &labels, dloss], saved.shape())?;
        Ok(vec![Some(dx)])
    });
    Ok((loss, hits))
}

const SOURCE: &str = include_str!("../../shaders/softmax_cross_entropy.wgsl");

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[Rung {
        scratch: |p| 2 * p.batch as usize,
        iterations: |p| p.batch.max(p.classes) as usize,
        ..Rung::plain(
            SOURCE,
            &[
                Pass::new("forward_images", Grid::Threads(|p| p.batch as usize)),
                Pass::new("forward", Grid::Threads(|_| 1)),
            ],
        )
    }],
    ..kernel!(softmax_cross_entropy::forward(x, labels: u32) -> (loss, hits: u32), items: |_| 1)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    rungs: &[Rung {
        iterations: |p| p.classes as usize,
        ..Rung::plain(SOURCE, &[Pass::new("backward_x", Grid::Threads(|p| p.batch as usize))])
    }],
    ..kernel!(softmax_cross_entropy::backward_x(x, labels: u32, dloss) -> (dx), items: |p| p.batch as usize)
};

pub fn cases(table: Table) -> Vec<Case> {
    let params = |batch, classes, whole_batch| Params { batch, classes, whole_batch };
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 2, 1), "one image, two classes"),
            (params(32, 10, 32), "a whole batch"),
            (params(5, 3, 37), "a micro-batch"),
            (params(3, 1000, 3), "many classes"),
            (params(300, 4, 300), "more images than a group has threads"),
        ],
        Table::Network { batch, .. } => vec![(params(batch, 10, batch), "ten classes")],
    };
    let shape = |p: &Params, name: &str| match name {
        "loss" | "hits" | "dloss" => vec![1],
        "labels" => vec![p.batch],
        _ => vec![p.batch, p.classes],
    };
    Row::new(sizes, shape)
        .random(|dice| {
            let batch = dice.size(300);
            Params { batch, classes: 1 + dice.size(60), whole_batch: batch + dice.up_to(40) }
        })
        .inexact()
        .draw(|p, name, random| match name {
            "labels" => Some(Values::Uint((0..p.batch).map(|_| random.below(p.classes)).collect())),
            "x" => Some(logits([p.batch, p.classes], random)),
            _ => None,
        })
        .kernel(&FORWARD, |_| Tolerance::Elementwise)
        .kernel(&BACKWARD_X, |_| Tolerance::Elementwise)
        .cases()
}

/// From hopeless to certain, image by image: the exponential of 100 would overflow.
pub(super) fn logits([batch, classes]: [u32; 2], random: &mut Random) -> Values {
    let logit =
        |i: u32, random: &mut Random| random.number() * [1.0, 10.0, 100.0][(i / classes) as usize % 3];
    Values::Float((0..batch * classes).map(|i| logit(i, random)).collect())
}
