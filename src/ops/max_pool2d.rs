//! Max-pooling.

use super::shapes::image_shape;
use crate::cases::{Case, Row, Table, Tolerance, Values};
use crate::error::{Result, error};
use crate::kernel::{Grid, Kernel, Pass, Rung, kernel};
use crate::reference::max_pool2d::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

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
        Ok(vec![Some(BACKWARD_X.compute(&device, &params, &[&argmax, dy], &x_shape)?)])
    }))
}

const SOURCE: &str = include_str!("../../shaders/max_pool2d.wgsl");
const CONSTANTS_SOURCE: &str = include_str!("../../shaders/max_pool2d.2_constants.wgsl");

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[
        Rung { iterations: window, ..Rung::plain(SOURCE, FORWARD_PASSES) },
        Rung { iterations: window, ..Rung::new("2_constants", CONSTANTS_SOURCE, FORWARD_PASSES) },
    ],
    ..kernel!(max_pool2d::forward(x) -> (y, argmax: u32), items: planes)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    rungs: &[
        Rung { iterations: window, ..Rung::plain(SOURCE, BACKWARD_X_PASSES) },
        Rung { iterations: window, ..Rung::new("2_constants", CONSTANTS_SOURCE, BACKWARD_X_PASSES) },
    ],
    ..kernel!(max_pool2d::backward_x(argmax: u32, dy) -> (dx), items: planes)
};

const FORWARD_PASSES: &[Pass<Params>] =
    &[Pass::new("forward", Grid::Threads(|p| planes(p) * (p.out_h * p.out_w) as usize))];
const BACKWARD_X_PASSES: &[Pass<Params>] =
    &[Pass::new("backward_x", Grid::Threads(|p| planes(p) * (p.in_h * p.in_w) as usize))];

fn planes(p: &Params) -> usize {
    (p.batch * p.channels) as usize
}

/// Loop iterations over a window, both nested loops together.
fn window(p: &Params) -> usize {
    (p.window_h * (1 + p.window_w)) as usize
}

fn params(
    [batch, channels]: [u32; 2],
    [in_h, in_w]: [u32; 2],
    [window_h, window_w]: [u32; 2],
    [stride_h, stride_w]: [u32; 2],
) -> Params {
    let out_h = (in_h - window_h) / stride_h + 1;
    let out_w = (in_w - window_w) / stride_w + 1;
    Params { batch, channels, in_h, in_w, out_h, out_w, window_h, window_w, stride_h, stride_w }
}

/// Of the case with NaN.
fn with_nan() -> Params {
    params([1, 1], [6, 9], [2, 2], [2, 2])
}

pub fn cases(table: Table) -> Vec<Case> {
    let sizes = match table {
        Table::Awkward => vec![
            (params([1, 1], [2, 2], [2, 2], [2, 2]), "one window"),
            (params([2, 3], [8, 8], [2, 2], [2, 2]), "the network's windows"),
            (params([3, 5], [7, 9], [2, 2], [2, 2]), "a last row and column that no window covers"),
            (params([2, 3], [7, 8], [3, 2], [1, 1]), "windows that overlap, height is not width"),
            (params([1, 2], [11, 10], [2, 3], [3, 4]), "gaps between windows"),
            (params([1, 33], [13, 5], [5, 4], [2, 1]), "large windows, overlapping and many channels"),
            (params([2, 2], [4, 6], [1, 1], [1, 1]), "window 1x1"),
            (with_nan(), "two NaN in a window: the first wins"),
        ],
        Table::Network { image_size, batch } => {
            vec![(params([batch, 64], [image_size; 2], [2, 2], [2, 2]), "pool1")]
        }
    };
    let shape = |p: &Params, name: &str| match name {
        "x" | "dx" => vec![p.batch, p.channels, p.in_h, p.in_w],
        _ => vec![p.batch, p.channels, p.out_h, p.out_w],
    };
    Row::new(sizes, shape)
        .random(|dice| {
            let [batch, channels, in_h, in_w] = dice.sizes([5, 70, 70, 70]);
            let [window_h, window_w, stride_h, stride_w] = dice.sizes([6; 4]);
            let window = [window_h.min(in_h), window_w.min(in_w)];
            params([batch, channels], [in_h, in_w], window, [stride_h, stride_w])
        })
        .draw(|p, name, random| {
            let len = p.batch * p.channels * p.out_h * p.out_w;
            let window = p.window_h * p.window_w;
            match name {
                "argmax" => Some(Values::Uint((0..len).map(|_| random.below(window)).collect())),
                "x" if *p == with_nan() => {
                    let mut values: Vec<_> = (0..p.in_h * p.in_w).map(|_| random.number()).collect();
                    values[p.in_w as usize..][..2].fill(f64::NAN);
                    Some(Values::Float(values))
                }
                _ => None,
            }
        })
        .kernel(&FORWARD, |_| Tolerance::Exact)
        .kernel(&BACKWARD_X, |p| Tolerance::sum(p.window_h * p.window_w))
        .cases()
}
