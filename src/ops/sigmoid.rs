//! Logistic sigmoid.

use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::sigmoid::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

const SOURCE: &str = include_str!("../../shaders/sigmoid.wgsl");

pub static FORWARD: Kernel<Params> = kernel!(sigmoid::forward(x) -> (y), items: |p| p.len as usize);
pub static BACKWARD_X: Kernel<Params> =
    kernel!(sigmoid::backward_x(y, dy) -> (dx), items: |p| p.len as usize);

/// `1 / (1 + exp(-x))` of every element. y has the shape of x.
pub fn sigmoid(tape: &Tape, x: &Var) -> Result<Var> {
    let device = tape.device().clone();
    let y = Tensor::empty(&device, x.shape(), Kind::F32)?;
    let params = Params { len: y.len() as u32 };
    FORWARD.run(&device, &params, &[&x.tensor], &[&y])?;
    let saved = y.clone();
    Ok(tape.record("sigmoid", &[x], y, move |dy, _needs| {
        let dx = Tensor::empty(&device, dy.shape(), Kind::F32)?;
        BACKWARD_X.run(&device, &params, &[&saved, dy], &[&dx])?;
        Ok(vec![Some(dx)])
    }))
}
