//! Dropout.

use super::shapes::row_shape;
use crate::cases::{Case, Row, Table, Tolerance};
use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference::dropout::Params;
use crate::tape::{Tape, Var};

/// Sets each value of x `[batch, features]` to 0 with probability `rate` and scales the others by
/// `1 / (1 - rate)`. For training only: at inference the layer is left out.
pub fn dropout(tape: &Tape, x: &Var, rate: f32, mask: Mask) -> Result<Var> {
    if !(0.0..=1.0).contains(&rate) {
        return Err(error!(Usage, "dropout takes a rate between 0 and 1, not {rate}"));
    }
    let [_, features] = row_shape("dropout", x)?;
    let device = tape.device().clone();
    let params = Params {
        len: x.tensor.len() as u32,
        first: (mask.first_image * features) as u32,
        seed: mask.seed,
        step: mask.step,
        layer: mask.layer,
        rate,
        scale: if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 },
    };
    let y = FORWARD.compute(&device, &params, &[&x.tensor], x.shape())?;
    Ok(tape.record("dropout", &[x], y, move |dy, _needs| {
        Ok(vec![Some(BACKWARD_X.compute(&device, &params, &[dy], dy.shape())?)])
    }))
}

/// What a dropout mask depends on; nothing else does.
#[derive(Debug, Clone, Copy)]
pub struct Mask {
    /// The run's seed.
    pub seed: u32,
    /// The optimizer step, from 1.
    pub step: u32,
    /// Which dropout layer of the network.
    pub layer: u32,
    /// Position in the whole batch of this micro-batch's first image.
    pub first_image: usize,
}

const SOURCE: &str = include_str!("../../shaders/dropout.wgsl");

pub static FORWARD: Kernel<Params> = kernel!(dropout::forward(x) -> (y), items: |p| p.len as usize);
pub static BACKWARD_X: Kernel<Params> = kernel!(dropout::backward_x(dy) -> (dx), items: |p| p.len as usize);

pub fn cases(table: Table) -> Vec<Case> {
    const fn params(len: u32, first: u32, rate: f32) -> Params {
        let scale = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
        Params { len, first, seed: 0x9e37_79b9, step: 7, layer: 1, rate, scale }
    }
    let sizes = match table {
        Table::Awkward => vec![
            (params(1757, 0, 0.5), "half is dropped"),
            (params(1000, 128 * 37, 0.5), "a micro-batch that does not start the batch"),
            (params(513, 5, 0.0), "nothing is dropped"),
            (params(513, 5, 0.6), "a rate that is no exact fraction"),
            (params(257, 0, 1.0), "everything is dropped"),
        ],
        Table::Network { batch, .. } => vec![(params(batch * 128, 0, 0.5), "behind dense1")],
    };
    Row::new(sizes, |p, _| vec![p.len])
        .random(|dice| Params {
            seed: dice.up_to(u32::MAX),
            step: dice.size(100_000),
            layer: dice.up_to(3),
            ..params(dice.size(5000), dice.up_to(100_000), dice.one_of(&[0.5, 0.0, 1.0, 0.6, 0.1]))
        })
        .inexact() // 1 / (1 - rate) need not be whole
        .no_golden("the mask comes from this program's own hash")
        .kernel(&FORWARD, |_| Tolerance::Elementwise)
        .kernel(&BACKWARD_X, |_| Tolerance::Elementwise)
        .cases()
}
