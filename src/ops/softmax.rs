//! Softmax of rows.

use super::shapes::row_shape;
use crate::cases::{Case, Row, Table, Tolerance, Values};
use crate::cpu::{Input, Output};
use crate::error::Result;
use crate::kernel::{Grid, Kernel, Pass, Rung, folded, kernel};
use crate::reference::softmax::{self, Params};
use crate::tape::{Tape, Var};

/// `exp(x) / sum of exp(x)` of each row of x `[batch, classes]`; y has its shape.
pub fn softmax(tape: &Tape, x: &Var) -> Result<Var> {
    let [batch, classes] = row_shape("softmax", x)?;
    let params = Params { batch: batch as u32, classes: classes as u32 };
    let device = tape.device().clone();
    let y = FORWARD.compute(&device, &params, &[&x.tensor], x.shape())?;
    let saved = y.clone();
    Ok(tape.record("softmax", &[x], y, move |dy, _needs| {
        Ok(vec![Some(BACKWARD_X.compute(&device, &params, &[&saved, dy], dy.shape())?)])
    }))
}

const SOURCE: &str = include_str!("../../shaders/softmax.wgsl");
const SHARED_SOURCE: &str = include_str!("../../shaders/softmax.2_shared.wgsl");

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[
        plain(const { &[Pass::new("forward", Grid::Threads(|p: &Params| p.batch as usize))] }),
        shared(const { &[Pass::new("forward", Grid::Groups(|p: &Params| groups(p.batch)))] }),
    ],
    ..kernel!(softmax::forward(x) -> (y), items: |p| p.batch as usize)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    rungs: &[
        plain(const { &[Pass::new("backward_x", Grid::Threads(|p: &Params| p.batch as usize))] }),
        shared(const { &[Pass::new("backward_x", Grid::Groups(|p: &Params| groups(p.batch)))] }),
    ],
    ..kernel!(softmax::backward_x(y, dy) -> (dx), items: |p| p.batch as usize)
};

const fn plain(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung { iterations: |p| 3 * p.classes as usize, ..Rung::plain(SOURCE, passes) }
}

const fn shared(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        iterations: |p| shared_iterations(p.classes),
        only_for: |p| too_short(p.classes),
        ..Rung::new("2_shared", SHARED_SOURCE, passes)
    }
}

/// Loop iterations of a thread where the threads of a group share a row: three times over its share, and the halving of
/// three sums.
pub(super) fn shared_iterations(classes: u32) -> usize {
    3 * (classes.div_ceil(256) as usize + 8)
}

/// Rows that one thread has done before a group has met at its barriers.
pub(super) fn too_short(classes: u32) -> Option<&'static str> {
    (classes < 32).then_some("it is for rows of 32 values or more")
}

/// A group for each row.
pub(super) fn groups(rows: u32) -> [u32; 3] {
    let [x, y] = folded(rows as usize);
    [x, y, 1]
}

/// Terms of the bound where powers are added up: one for each, and what WGSL allows `exp(t)` to be off by, `3 + 2 |t|` units
/// in the last place of 2^-23 each (WGSL, "Floating point accuracy"). The mean of |t| over a row, weighted by its powers, is
/// `ln(classes)` at most, which is their entropy.
pub(super) fn terms(classes: u32) -> u32 {
    2 * classes + 32
}

/// Below this a GPU may take a number for 0, and powers are multiplied by at most `terms` of 2^-24.
pub(super) const SUBNORMAL: f64 = 1e-30;

/// Rows of ordinary logits, and of ones that are 8, 128 and 1024 times as large, where all but one power are tiny. Powers
/// of two, so that they are as exact in f32 as in f64.
pub(super) fn logits(rows: u32, classes: u32, mut number: impl FnMut() -> f64) -> Values {
    let scale = |i: u32| [1.0, 8.0, 128.0, 1024.0][(i / classes) as usize % 4];
    Values::Float((0..rows * classes).map(|i| number() * scale(i)).collect())
}

/// Sizes of a table; all ops on rows of logits have them.
pub(super) fn sizes(table: Table) -> Vec<([u32; 2], &'static str)> {
    match table {
        Table::Awkward => vec![
            ([1, 2], "one picture of two classes"),
            ([5, 3], "a few rows"),
            ([32, 10], "a batch of ten classes"),
            ([300, 7], "more rows than a group has threads"),
            ([4, 31], "one value less than a group shares"),
            ([3, 257], "one more class than a group has threads"),
            ([4, 1031], "a prime number of classes"),
        ],
        Table::Network { batch, .. } => vec![([batch, 1000], "a thousand classes")],
    }
}

pub fn cases(table: Table) -> Vec<Case> {
    let sizes = sizes(table).into_iter().map(|([batch, classes], why)| (Params { batch, classes }, why));
    Row::new(sizes.collect(), |p, _| vec![p.batch, p.classes])
        .random(|dice| {
            let [batch, classes] = dice.sizes([300, 2000]);
            Params { batch, classes }
        })
        .inexact()
        .draw(|p, name, random| match name {
            "x" => Some(logits(p.batch, p.classes, || random.number())),
            // Scores, as a softmax gives them: they add up to about 1.
            "y" => {
                let len = p.batch * p.classes;
                let score = |_| f64::from((random.number().abs() / f64::from(p.classes)) as f32);
                Some(Values::Float((0..len).map(score).collect()))
            }
            _ => None,
        })
        .bounded(&FORWARD, |p| Tolerance::sum(terms(p.classes)), forward_magnitude)
        .bounded(&BACKWARD_X, |p| Tolerance::sum(p.classes + 3), backward_x_magnitude)
        .cases()
}

/// Each score, times 1 for its sum and `largest - x` for its power.
fn forward_magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let ([Input::Float(x)], [Output::Float(y)]) = (inputs, outputs) else { unreachable!("its buffers") };
    softmax::forward(p, 0..p.batch as usize, x, y);
    let classes = p.classes as usize;
    for (x, y) in x.chunks_exact(classes).zip(y.chunks_exact_mut(classes)) {
        let largest = x[softmax::argmax(x)];
        y.iter_mut().zip(x).for_each(|(y, x)| *y = *y * (1.0 + largest - x) + SUBNORMAL);
    }
}

/// `|y| (|dy| + sum |y dy|)`.
fn backward_x_magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let ([Input::Float(y), Input::Float(dy)], [Output::Float(dx)]) = (inputs, outputs) else {
        unreachable!("its buffers")
    };
    let classes = p.classes as usize;
    let rows = y.chunks_exact(classes).zip(dy.chunks_exact(classes)).zip(dx.chunks_exact_mut(classes));
    for ((y, dy), dx) in rows {
        let sum: f64 = y.iter().zip(dy).map(|(y, dy)| (y * dy).abs()).sum();
        dx.iter_mut().zip(y.iter().zip(dy)).for_each(|(dx, (y, dy))| *dx = y.abs() * (dy.abs() + sum));
    }
}
