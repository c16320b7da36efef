//! Max-pooling.

use super::image_shape;
use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference::max_pool2d::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

const SOURCE: &str = include_str!("../../shaders/max_pool2d.wgsl");

pub static FORWARD: Kernel<Params> = kernel!(
    max_pool2d::forward(x) -> (y, argmax),
    items: |p| (p.batch * p.channels) as usize,
    threads: |p| (p.batch * p.channels * p.out_h * p.out_w) as usize,
    iterations: |p| (p.window_h * (1 + p.window_w)) as usize);
pub static BACKWARD_X: Kernel<Params> = kernel!(
    max_pool2d::backward_x(argmax, dy) -> (dx),
    items: |p| (p.batch * p.channels) as usize,
    threads: |p| (p.batch * p.channels * p.in_h * p.in_w) as usize,
    iterations: |p| (p.window_h * (1 + p.window_w)) as usize);

/// The largest value of each window of x `[batch, channels, in_h, in_w]`; windows and strides are
/// `[height, width]`. Without padding: `out = floor((in - window) / stride) + 1`.
pub fn max_pool2d(tape: &Tape, x: &Var, window: [usize; 2], stride: [usize; 2]) -> Result<Var> {
    let [batch, channels, in_h, in_w] = image_shape("max_pool2d", x)?;
    if window[0] > in_h || window[1] > in_w || window.contains(&0) || stride.contains(&0) {
        return Err(error!(
            Other,
            "max_pool2d: window {window:?}, stride {stride:?} on pictures of {in_h}x{in_w}"
        ));
    }
    let (out_h, out_w) = ((in_h - window[0]) / stride[0] + 1, (in_w - window[1]) / stride[1] + 1);
    let params = Params {
        batch: batch as u32,
        channels: channels as u32,
        in_h: in_h as u32,
        in_w: in_w as u32,
        out_h: out_h as u32,
        out_w: out_w as u32,
        window_h: window[0] as u32,
        window_w: window[1] as u32,
        stride_h: stride[0] as u32,
        stride_w: stride[1] as u32,
    };
    let device = tape.device().clone();
    let y = Tensor::empty(&device, &[batch, channels, out_h, out_w], Kind::F32)?;
    let argmax = Tensor::empty(&device, y.shape(), Kind::U32)?;
    FORWARD.run(&device, &params, &[&x.tensor], &[&y, &argmax])?;
    let x_shape = x.shape().to_vec();
    Ok(tape.record("max_pool2d", &[x], y, move |dy, _needs| {
        let dx = Tensor::empty(&device, &x_shape, Kind::F32)?;
        BACKWARD_X.run(&device, &params, &[&argmax, dy], &[&dx])?;
        Ok(vec![Some(dx)])
    }))
}
