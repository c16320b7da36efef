//! 2-D convolution.

pub(super) mod cases;
pub(super) mod lanes;
pub(super) mod rungs;

pub use cases::cases;

use super::shapes::{gradient, image_shape};
use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference::conv2d::Params;
use crate::tape::{Tape, Var};
use rungs::SOURCE;

/// x `[batch, in_channels, in_h, in_w]` convolved with w `[out_channels, in_channels, kernel_h, kernel_w]`,
/// plus b `[out_channels]`: y `[batch, out_channels, out_h, out_w]`. Strides are `[height, width]`.
pub fn conv2d(tape: &Tape, x: &Var, w: &Var, b: &Var, stride: [usize; 2], padding: Padding) -> Result<Var> {
    let params = params("conv2d", x, w, b, stride, padding)?;
    let device = tape.device().clone();
    let y_shape = [params.batch, params.out_channels, params.out_h, params.out_w].map(|size| size as usize);
    let y = FORWARD.compute(&device, &params, &[&x.tensor, &w.tensor, &b.tensor], &y_shape)?;
    let (x_saved, w_saved, b_shape) = (x.tensor.clone(), w.tensor.clone(), b.shape().to_vec());
    Ok(tape.record("conv2d", &[x, w, b], y, move |dy, needs| {
        let (x, w) = (&x_saved, &w_saved);
        Ok(vec![
            gradient(needs[0], || BACKWARD_X.compute(&device, &params, &[w, dy], x.shape()))?,
            gradient(needs[1], || BACKWARD_W.compute(&device, &params, &[x, dy], w.shape()))?,
            gradient(needs[2], || BACKWARD_B.compute(&device, &params, &[dy], &b_shape))?,
        ])
    }))
}

/// How a convolution deals with the border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// None: windows stay inside the picture.
    Valid,
    /// Zeros such that `out = ceil(in / stride)`. As TensorFlow does it, an odd row or column of zeros
    /// goes to the bottom and right.
    Same,
}

impl Padding {
    /// Output size and zeros in front, for one axis; `None` where the window does not fit.
    pub fn axis(self, len: usize, kernel: usize, stride: usize) -> Option<(usize, usize)> {
        match self {
            _ if kernel == 0 || stride == 0 => None,
            Padding::Valid => (kernel <= len).then(|| ((len - kernel) / stride + 1, 0)),
            Padding::Same => {
                let out = len.div_ceil(stride);
                let zeros = ((out - 1) * stride + kernel).saturating_sub(len);
                Some((out, zeros / 2))
            }
        }
    }
}

/// The sizes of one call, or what does not match. Strides are `[height, width]`.
pub(super) fn params(
    op: &str,
    x: &Var,
    w: &Var,
    b: &Var,
    stride: [usize; 2],
    padding: Padding,
) -> Result<Params> {
    let [batch, in_channels, in_h, in_w] = image_shape(op, x)?;
    let [out_channels, w_in, kernel_h, kernel_w] = image_shape(op, w)?;
    if w_in != in_channels || b.shape() != [out_channels] {
        return Err(error!(
            Other,
            "{op}: x {:?} needs w as [out, {in_channels}, height, width] and b as [out], not {:?} and {:?}",
            x.shape(),
            w.shape(),
            b.shape()
        ));
    }
    let axes = (padding.axis(in_h, kernel_h, stride[0]), padding.axis(in_w, kernel_w, stride[1]));
    let (Some((out_h, pad_top)), Some((out_w, pad_left))) = axes else {
        return Err(error!(
            Other,
            "{op}: a window of {kernel_h}x{kernel_w} with stride {stride:?} does not fit pictures of {in_h}x{in_w}"
        ));
    };
    Ok(Params {
        batch: batch as u32,
        in_channels: in_channels as u32,
        out_channels: out_channels as u32,
        in_h: in_h as u32,
        in_w: in_w as u32,
        out_h: out_h as u32,
        out_w: out_w as u32,
        kernel_h: kernel_h as u32,
        kernel_w: kernel_w as u32,
        stride_h: stride[0] as u32,
        stride_w: stride[1] as u32,
        pad_top: pad_top as i32,
        pad_left: pad_left as i32,
    })
}

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[rungs::FORWARD_PLAIN, rungs::FORWARD_GEMM, lanes::FORWARD],
    flop,
    ..kernel!(conv2d::forward(x, w, b) -> (y), items: |p| (p.batch * p.out_channels) as usize, fast)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    rungs: &[rungs::BACKWARD_X_PLAIN, rungs::BACKWARD_X_GEMM, lanes::BACKWARD_X],
    flop,
    ..kernel!(conv2d::backward_x(w, dy) -> (dx), items: |p| (p.batch * p.in_channels) as usize, fast)
};
pub static BACKWARD_W: Kernel<Params> = Kernel {
    rungs: &[rungs::BACKWARD_W_PLAIN, rungs::BACKWARD_W_GEMM, lanes::BACKWARD_W],
    flop,
    ..kernel!(conv2d::backward_w(x, dy) -> (dw), items: |p| (p.out_channels * p.in_channels) as usize, fast)
};
pub static BACKWARD_B: Kernel<Params> = Kernel {
    rungs: &[rungs::BACKWARD_B_PLAIN, rungs::BACKWARD_B_GEMM],
    ..kernel!(conv2d::backward_b(dy) -> (db), items: |p| p.out_channels as usize)
};

/// Of forward, backward_x and backward_w alike: each pairs every element of y with a window of x.
pub(super) fn flop(p: &Params) -> f64 {
    let window = f64::from(p.in_channels) * f64::from(p.kernel_h * p.kernel_w);
    2.0 * f64::from(p.batch) * f64::from(p.out_channels) * f64::from(p.out_h * p.out_w) * window
}
