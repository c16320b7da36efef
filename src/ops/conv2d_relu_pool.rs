//! Convolution, ReLU and non-overlapping max-pooling in one, without storing the big activation.

mod cases;
mod patch;
mod rungs;
mod tensor;
mod textures;

pub use cases::cases;

use super::conv2d::{self, Padding};
use super::shapes::gradient;
use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference;
use crate::reference::conv2d_relu_pool::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};
use rungs::SOURCE;
use tensor::Matrices;

/// `max_pool2d(relu(conv2d(x, w, b)), [pool, pool], [pool, pool])`; shapes as there.
pub fn conv2d_relu_pool(
    tape: &Tape,
    x: &Var,
    w: &Var,
    b: &Var,
    stride: [usize; 2],
    padding: Padding,
    pool: usize,
) -> Result<Var> {
    let conv = conv2d::params("conv2d_relu_pool", x, w, b, stride, padding)?;
    if pool == 0 || pool > MAX_POOL || pool as u32 > conv.out_h || pool as u32 > conv.out_w {
        return Err(error!(
            Other,
            "conv2d_relu_pool: a pooling window of {pool} on {}x{}", conv.out_h, conv.out_w
        ));
    }
    let params = pooled(&conv, pool as u32);
    let device = tape.device().clone();
    let sizes = |last: &[u32]| -> Vec<usize> {
        [params.batch, params.out_channels].iter().chain(last).map(|&size| size as usize).collect()
    };
    let y = Tensor::empty(&device, &sizes(&[params.out_h, params.out_w]), Kind::F32)?;
    let argmax = Tensor::empty(&device, &sizes(&[params.argmax_words]), Kind::U32)?;
    FORWARD.run(&device, &params, &[&x.tensor, &w.tensor, &b.tensor], &[&y, &argmax])?;
    let (x_saved, w_saved, y_saved, b_shape) =
        (x.tensor.clone(), w.tensor.clone(), y.clone(), b.shape().to_vec());
    Ok(tape.record("conv2d_relu_pool", &[x, w, b], y, move |dy, needs| {
        let (x, w, y) = (&x_saved, &w_saved, &y_saved);
        Ok(vec![
            gradient(needs[0], || BACKWARD_X.compute(&device, &params, &[w, y, &argmax, dy], x.shape()))?,
            gradient(needs[1], || BACKWARD_W.compute(&device, &params, &[x, y, &argmax, dy], w.shape()))?,
            gradient(needs[2], || BACKWARD_B.compute(&device, &params, &[y, dy], &b_shape))?,
        ])
    }))
}

/// The largest pooling window whose index fits a byte.
pub const MAX_POOL: usize = 16;

/// The largest pooling window for which fusing pays: with larger ones little memory is saved, and GPUs have no fast rung.
pub const LARGEST_FUSED_POOL: usize = rungs::LARGEST_POOL as usize;

/// The sizes of a convolution that is pooled.
fn pooled(conv: &reference::conv2d::Params, pool: u32) -> Params {
    let (out_h, out_w) = (conv.out_h / pool, conv.out_w / pool);
    Params {
        batch: conv.batch,
        in_channels: conv.in_channels,
        out_channels: conv.out_channels,
        in_h: conv.in_h,
        in_w: conv.in_w,
        conv_h: conv.out_h,
        conv_w: conv.out_w,
        out_h,
        out_w,
        kernel_h: conv.kernel_h,
        kernel_w: conv.kernel_w,
        stride_h: conv.stride_h,
        stride_w: conv.stride_w,
        pad_top: conv.pad_top,
        pad_left: conv.pad_left,
        pool,
        argmax_words: (out_h * out_w).div_ceil(4),
    }
}

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[
        rungs::FORWARD_PLAIN,
        rungs::FORWARD_GEMM,
        patch::FORWARD,
        textures::FORWARD,
        Matrices::<8>::FORWARD,
        Matrices::<16>::FORWARD,
    ],
    flop,
    ..kernel!(
        conv2d_relu_pool::forward(x, w, b) -> (y, argmax: u32),
        items: |p| (p.batch * p.out_channels) as usize, fast)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    rungs: &[
        rungs::BACKWARD_X_PLAIN,
        rungs::BACKWARD_X_GEMM,
        patch::BACKWARD_X,
        textures::BACKWARD_X,
        Matrices::<8>::BACKWARD_X,
        Matrices::<16>::BACKWARD_X,
    ],
    flop,
    ..kernel!(
        conv2d_relu_pool::backward_x(w, y, argmax: u32, dy) -> (dx),
        items: |p| (p.batch * p.in_channels) as usize, fast)
};
pub static BACKWARD_W: Kernel<Params> = Kernel {
    rungs: &[
        rungs::BACKWARD_W_PLAIN,
        rungs::BACKWARD_W_GEMM,
        patch::BACKWARD_W,
        textures::BACKWARD_W,
        Matrices::<8>::BACKWARD_W,
        Matrices::<16>::BACKWARD_W,
    ],
    flop,
    ..kernel!(
        conv2d_relu_pool::backward_w(x, y, argmax: u32, dy) -> (dw),
        items: |p| (p.out_channels * p.in_channels) as usize, fast)
};
pub static BACKWARD_B: Kernel<Params> = Kernel {
    rungs: &[rungs::BACKWARD_B_PLAIN, rungs::BACKWARD_B_GEMM],
    ..kernel!(conv2d_relu_pool::backward_b(y, dy) -> (db), items: |p| p.out_channels as usize)
};

/// Of the convolution: the zeros of the un-pooled gradient are counted as work.
fn flop(p: &Params) -> f64 {
    conv2d::flop(&p.conv2d())
}
