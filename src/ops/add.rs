//! Addition, and the running sum of gradients.

use crate::cases::{Case, Row, Table, Tolerance, lengths};
use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference::add::Params;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// `a + b`, element by element; both have one shape.
pub fn add(tape: &Tape, a: &Var, b: &Var) -> Result<Var> {
    if a.shape() != b.shape() {
        return Err(error!(
            Other,
            "add takes two tensors of one shape, not {:?} and {:?}",
            a.shape(),
            b.shape()
        ));
    }
    let y = sum(&a.tensor, &b.tensor)?;
    Ok(tape.record("add", &[a, b], y, |dy, _needs| Ok(vec![Some(dy.clone()), Some(dy.clone())])))
}

/// `sum + gradient`, for the tape and for micro-batches: in place where nobody else holds `sum`.
pub fn accumulate(sum_so_far: Tensor, gradient: &Tensor) -> Result<Tensor> {
    if !sum_so_far.is_unique() {
        return sum(&sum_so_far, gradient);
    }
    let params = Params { len: sum_so_far.len() as u32 };
    ACCUMULATE.run(sum_so_far.device(), &params, &[gradient], &[&sum_so_far])?;
    Ok(sum_so_far)
}

fn sum(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    FORWARD.compute(a.device(), &Params { len: a.len() as u32 }, &[a, b], a.shape())
}

const SOURCE: &str = include_str!("../../shaders/add.wgsl");
const FOUR_SOURCE: &str = include_str!("../../shaders/add.2_four.wgsl");

pub static FORWARD: Kernel<Params> = kernel!(add::forward(a, b) -> (y), items: |p| p.len as usize, four);
pub static ACCUMULATE: Kernel<Params> =
    kernel!(add::accumulate(a) -> (y: update), items: |p| p.len as usize, four);

pub fn cases(table: Table) -> Vec<Case> {
    Row::new(lengths(table, |len| Params { len }), |p, _| vec![p.len])
        .random(|dice| Params { len: dice.size(5000) })
        .kernel(&FORWARD, |_| Tolerance::Elementwise)
        .no_golden("it is forward in place")
        .kernel(&ACCUMULATE, |_| Tolerance::Elementwise)
        .cases()
}
