//! Logistic sigmoid.

use crate::cases::{Case, Row, Table, Tolerance, lengths};
use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::sigmoid::Params;
use crate::tape::{Tape, Var};

/// `1 / (1 + exp(-x))` of every element. y has the shape of x.
pub fn sigmoid(tape: &Tape, x: &Var) -> Result<Var> {
    let device = tape.device().clone();
    let params = Params { len: x.tensor.len() as u32 };
    let y = FORWARD.compute(&device, &params, &[&x.tensor], x.shape())?;
    let saved = y.clone();
    Ok(tape.record("sigmoid", &[x], y, move |dy, _needs| {
        Ok(vec![Some(BACKWARD_X.compute(&device, &params, &[&saved, dy], dy.shape())?)])
    }))
}

const SOURCE: &str = include_str!("../../shaders/sigmoid.wgsl");

pub static FORWARD: Kernel<Params> = kernel!(sigmoid::forward(x) -> (y), items: |p| p.len as usize);
pub static BACKWARD_X: Kernel<Params> =
    kernel!(sigmoid::backward_x(y, dy) -> (dx), items: |p| p.len as usize);

pub fn cases(table: Table) -> Vec<Case> {
    Row::new(lengths(table, |len| Params { len }), |p, _| vec![p.len])
        .random(|dice| Params { len: dice.size(5000) })
        .inexact()
        .kernel(&FORWARD, |_| Tolerance::Elementwise)
        .kernel(&BACKWARD_X, |_| Tolerance::Elementwise)
        .cases()
}
