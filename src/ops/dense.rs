//! Fully connected layer.

mod cases;
mod rungs;

pub use cases::cases;

use super::shapes::{gradient, row_shape};
use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference::dense::Params;
use crate::tape::{Tape, Var};
use rungs::SOURCE;

/// `x w^T + b` for x `[batch, in_features]`, w `[out_features, in_features]` and b `[out_features]`.
pub fn dense(tape: &Tape, x: &Var, w: &Var, b: &Var) -> Result<Var> {
    let [batch, in_features] = row_shape("dense", x)?;
    let [out_features, w_in] = row_shape("dense", w)?;
    if w_in != in_features || b.shape() != [out_features] {
        return Err(error!(
            Other,
            "dense: x {:?} needs w as [out, {in_features}] and b as [out], not {:?} and {:?}",
            x.shape(),
            w.shape(),
            b.shape()
        ));
    }
    let params =
        Params { batch: batch as u32, in_features: in_features as u32, out_features: out_features as u32 };
    let device = tape.device().clone();
    let y = FORWARD.compute(&device, &params, &[&x.tensor, &w.tensor, &b.tensor], &[batch, out_features])?;
    let (x_saved, w_saved) = (x.tensor.clone(), w.tensor.clone());
    Ok(tape.record("dense", &[x, w, b], y, move |dy, needs| {
        let (x, w) = (&x_saved, &w_saved);
        Ok(vec![
            gradient(needs[0], || BACKWARD_X.compute(&device, &params, &[w, dy], x.shape()))?,
            gradient(needs[1], || BACKWARD_W.compute(&device, &params, &[x, dy], w.shape()))?,
            gradient(needs[2], || BACKWARD_B.compute(&device, &params, &[dy], &[out_features]))?,
        ])
    }))
}

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[
        rungs::FORWARD_PLAIN,
        rungs::FORWARD_SHARED,
        rungs::FORWARD_REGISTERS,
        rungs::FORWARD_VECTORS,
        rungs::FORWARD_SPLIT_K,
        rungs::FORWARD_LANES,
    ],
    flop,
    ..kernel!(dense::forward(x, w, b) -> (y), items: |p| (p.batch * p.out_features) as usize, fast)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    rungs: &[
        rungs::BACKWARD_X_PLAIN,
        rungs::BACKWARD_X_SHARED,
        rungs::BACKWARD_X_REGISTERS,
        rungs::BACKWARD_X_VECTORS,
        rungs::BACKWARD_X_LANES,
    ],
    flop,
    ..kernel!(dense::backward_x(w, dy) -> (dx), items: |p| (p.batch * p.in_features) as usize, fast)
};
pub static BACKWARD_W: Kernel<Params> = Kernel {
    rungs: &[
        rungs::BACKWARD_W_PLAIN,
        rungs::BACKWARD_W_SHARED,
        rungs::BACKWARD_W_REGISTERS,
        rungs::BACKWARD_W_VECTORS,
        rungs::BACKWARD_W_LANES,
    ],
    flop,
    ..kernel!(dense::backward_w(x, dy) -> (dw), items: |p| (p.out_features * p.in_features) as usize, fast)
};
pub static BACKWARD_B: Kernel<Params> = Kernel {
    rungs: &[rungs::BACKWARD_B_PLAIN, rungs::BACKWARD_B_SHARED],
    ..kernel!(dense::backward_b(dy) -> (db), items: |p| p.out_features as usize)
};

fn flop(p: &Params) -> f64 {
    2.0 * f64::from(p.batch) * f64::from(p.in_features) * f64::from(p.out_features)
}
