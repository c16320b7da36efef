//! Leaky ReLU.

use crate::cases::{Case, Row, Table, Tolerance, lengths};
use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::leaky_relu::Params;
use crate::tape::{Tape, Var};

/// Every element of x, those below 0 times `negative_slope`, which is at least 0; NaN stays NaN. y has the shape of x.
pub fn leaky_relu(tape: &Tape, x: &Var, negative_slope: f32) -> Result<Var> {
    let device = tape.device().clone();
    let params = Params { len: x.tensor.len() as u32, negative_slope };
    let y = FORWARD.compute(&device, &params, &[&x.tensor], x.shape())?;
    let saved = y.clone();
    Ok(tape.record("leaky_relu", &[x], y, move |dy, _needs| {
        Ok(vec![Some(BACKWARD_X.compute(&device, &params, &[&saved, dy], dy.shape())?)])
    }))
}

const SOURCE: &str = include_str!("../../shaders/leaky_relu.wgsl");
const FOUR_SOURCE: &str = include_str!("../../shaders/leaky_relu.2_four.wgsl");

pub static FORWARD: Kernel<Params> = kernel!(leaky_relu::forward(x) -> (y), items: |p| p.len as usize, four);
pub static BACKWARD_X: Kernel<Params> =
    kernel!(leaky_relu::backward_x(y, dy) -> (dx), items: |p| p.len as usize, four);

pub fn cases(table: Table) -> Vec<Case> {
    Row::new(lengths(table, |len| Params { len, negative_slope: 0.3 }), |p, _| vec![p.len])
        .random(|dice| Params { len: dice.size(5000), negative_slope: dice.one_of(&[0.3, 0.01, 0.0, 1.0]) })
        .inexact()
        .kernel(&FORWARD, |_| Tolerance::Elementwise)
        .kernel(&BACKWARD_X, |_| Tolerance::Elementwise)
        .cases()
}
