//! Softmax, for the scores of more than two classes.

use super::softmax_cross_entropy::logits;
use crate::cases::{Case, Row, Table, Tolerance};
use crate::error::{Result, error};
use crate::kernel::{Grid, Kernel, Pass, Rung, kernel};
use crate::reference::softmax::Params;
use crate::tape::Var;
use crate::tensor::Tensor;

/// The probability of each class, for logits x `[batch, classes]`; y has the shape of x. No gradient is recorded: in training
/// it is a part of [`softmax_cross_entropy`](super::softmax_cross_entropy).
pub fn softmax(x: &Var) -> Result<Tensor> {
    let &[batch, classes] = x.shape() else {
        return Err(error!(Other, "softmax takes x as [batch, classes], not {:?}", x.shape()));
    };
    let params = Params { batch: batch as u32, classes: classes as u32 };
    FORWARD.compute(x.tensor.device(), &params, &[&x.tensor], x.shape())
}

const SOURCE: &str = include_str!("../../shaders/softmax.wgsl");

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[Rung {
        iterations: |p| p.classes as usize,
        ..Rung::plain(SOURCE, &[Pass::new("forward", Grid::Threads(|p| p.batch as usize))])
    }],
    ..kernel!(softmax::forward(x) -> (y), items: |p| p.batch as usize)
};

pub fn cases(table: Table) -> Vec<Case> {
    let params = |batch, classes| Params { batch, classes };
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 2), "one image, two classes"),
            (params(32, 10), "a whole batch"),
            (params(3, 1000), "many classes"),
            (params(300, 3), "more images than a group has threads"),
        ],
        Table::Network { batch, .. } => vec![(params(batch, 10), "ten classes")],
    };
    Row::new(sizes, |p, _| vec![p.batch, p.classes])
        .random(|dice| Params { batch: dice.size(300), classes: 1 + dice.size(60) })
        .inexact()
        .draw(|p, name, random| (name == "x").then(|| logits([p.batch, p.classes], random)))
        .kernel(&FORWARD, |_| Tolerance::Elementwise)
        .cases()
}
