//! Binary cross-entropy from logits, and the count of right answers.

use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference::binary_cross_entropy::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

/// The loss `[1]` of logits x `[batch, 1]` against `labels` `[batch]` of 0 and 1, and how many of them
/// (u32 `[1]`) are on the right side of 0.
///
/// The loss is divided by `whole_batch`, so that losses and gradients of micro-batches add up.
pub fn binary_cross_entropy(
    tape: &Tape,
    x: &Var,
    labels: &Tensor,
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
    let device = tape.device().clone();
    let loss = Tensor::empty(&device, &[1], Kind::F32)?;
    let hits = Tensor::empty(&device, &[1], Kind::U32)?;
    let params = Params { batch: batch as u32, whole_batch: whole_batch as u32 };
    FORWARD.run(&device, &params, &[&x.tensor, labels], &[&loss, &hits])?;
    let (saved, labels) = (x.tensor.clone(), labels.clone());
    let loss = tape.record("binary_cross_entropy", &[x], loss, move |dloss, _needs| {
        let dx = BACKWARD_X.compute(&device, &params, &[&saved, &labels, dloss], saved.shape())?;
        Ok(vec![Some(dx)])
    });
    Ok((loss, hits))
}

const SOURCE: &str = include_str!("../../shaders/binary_cross_entropy.wgsl");

pub static FORWARD: Kernel<Params> =
    kernel!(binary_cross_entropy::forward(x, labels: u32) -> (loss, hits: u32), items: |_| 1);
pub static BACKWARD_X: Kernel<Params> =
    kernel!(binary_cross_entropy::backward_x(x, labels: u32, dloss) -> (dx), items: |p| p.batch as usize);
