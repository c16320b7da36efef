//! Convolution, ReLU and non-overlapping max-pooling in one, without storing the big activation.

mod shared;
mod tensor;
mod textures;

use super::conv2d::{self, CHUNK, COLUMNS, Padding, ROWS, SPLIT};
use super::gradient;
use crate::error::{Result, error};
use crate::kernel::{Grid, Kernel, PLAIN, Pass, Rung, fast, kernel};
use crate::reference::conv2d_relu_pool::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

const SOURCE: &str = include_str!("../../shaders/conv2d_relu_pool.wgsl");

const TILED_SOURCE: &str = include_str!("../../shaders/conv2d_relu_pool.2_tiled.wgsl");

pub static FORWARD: Kernel<Params> = Kernel {
    cpu: fast!(conv2d_relu_pool::forward(x, w, b) -> (y, argmax)),
    flop,
    ..kernel!(
    conv2d_relu_pool::forward(x, w, b) -> (y, argmax),
    items: |p| (p.batch * p.out_channels) as usize,
    threads: |p| (p.batch * p.out_channels * p.argmax_words) as usize,
    iterations: |p| 4 * (p.pool * p.pool) as usize * (1 + window(p, p.in_channels)),
    faster: Rung {
        iterations: |p| (p.pool * p.pool.div_ceil(2)) as usize * slides(p, p.in_channels),
        ..tiled(&[Pass::new("forward", &[], Grid::Groups(|p| [(p.batch * p.argmax_words).div_ceil(256), p.out_channels.div_ceil(ROWS), 1]))])
    },
    textures::FORWARD,
    shared::FORWARD,
    tensor::FORWARD)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    cpu: fast!(conv2d_relu_pool::backward_x(w, y, argmax, dy) -> (dx)),
    flop,
    ..kernel!(
    conv2d_relu_pool::backward_x(w, y, argmax, dy) -> (dx),
    items: |p| (p.batch * p.in_channels) as usize,
    threads: |p| (p.batch * p.in_channels * p.in_h * p.in_w) as usize,
    iterations: |p| window(p, p.out_channels),
    faster: Rung {
        iterations: |p| slides(p, p.out_channels),
        ..tiled(&[Pass::new("backward_x", &[], Grid::Groups(|p| {
                let columns = p.batch * p.in_h * p.in_w.div_ceil(COLUMNS);
                [columns.div_ceil(256), p.in_channels.div_ceil(ROWS), 1]
            }))])
    },
    textures::BACKWARD_X,
    shared::BACKWARD_X,
    tensor::BACKWARD_X)
};
pub static BACKWARD_W: Kernel<Params> = Kernel {
    cpu: fast!(conv2d_relu_pool::backward_w(x, y, argmax, dy) -> (dw)),
    flop,
    rungs: &[
        Rung {
            scratch: |p| splits(p) as usize * weights(p),
            constants: &[("SPLIT", SPLIT as f64), ("CHUNK", CHUNK as f64)],
            iterations: |p| (2 * SPLIT.max(p.conv_w)).max(splits(p)) as usize,
            ..Rung::new(
                PLAIN,
                SOURCE,
                &[
                    Pass::new(
                        "backward_w_partial",
                        &["x", "y", "argmax", "dy", "scratch"],
                        Grid::Threads(|p| splits(p) as usize * weights(p)),
                    ),
                    Pass::new("backward_w", &["dw", "scratch"], Grid::Threads(weights)),
                ],
            )
        },
        Rung {
            scratch: |p| splits(p) as usize * weights(p),
            constants: &[("SPLIT", SPLIT as f64)],
            iterations: |p| (2 * SPLIT.max(p.conv_w)).max(splits(p)) as usize,
            ..tiled(&[
                Pass::new(
                    "backward_w_partial",
                    &["x", "y", "argmax", "dy", "scratch"],
                    Grid::Groups(|p| {
                        let lines = (p.in_channels * p.kernel_h).div_ceil(2) * p.kernel_w.div_ceil(4);
                        [lines.div_ceil(256), p.out_channels.div_ceil(ROWS), splits(p)]
                    }),
                ),
                Pass::new("backward_w", &["dw", "scratch"], Grid::Threads(weights)),
            ])
        },
        textures::BACKWARD_W,
        shared::BACKWARD_W,
        tensor::BACKWARD_W,
    ],
    ..kernel!(conv2d_relu_pool::backward_w(x, y, argmax, dy) -> (dw), items: |p| (p.out_channels * p.in_channels) as usize)
};
pub static BACKWARD_B: Kernel<Params> = Kernel {
    rungs: &[PLAIN_BACKWARD_B],
    ..kernel!(conv2d_relu_pool::backward_b(y, dy) -> (db), items: |p| p.out_channels as usize)
};

/// The tiled rung. On lavapipe it is 35 to 70 times as fast as the plain one.
const fn tiled(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung { fits: |p| p.kernel_w <= 128, ..Rung::broadcasting("2_tiled", TILED_SOURCE, passes) }
}

/// Sums of `CHUNK` positions each, one thread for each of them, then the sums of those.
const PLAIN_BACKWARD_B: Rung<Params> = Rung {
    scratch: |p| parts(p) * p.out_channels as usize,
    constants: &[("CHUNK", CHUNK as f64), ("SPLIT", SPLIT as f64)],
    iterations: |p| parts(p).max(CHUNK as usize),
    ..Rung::new(
        PLAIN,
        SOURCE,
        &[
            Pass::new(
                "backward_b_partial",
                &["y", "dy", "scratch"],
                Grid::Threads(|p| parts(p) * p.out_channels as usize),
            ),
            Pass::new("backward_b", &["db", "scratch"], Grid::Threads(|p| p.out_channels as usize)),
        ],
    )
};

/// Sums that backward_b's first pass leaves for each channel.
fn parts(p: &Params) -> usize {
    (p.batch * (p.out_h * p.out_w).div_ceil(CHUNK)) as usize
}

// The rest is counted as for the convolution alone.

fn weights(p: &Params) -> usize {
    conv2d::weights(&p.conv2d())
}

fn splits(p: &Params) -> u32 {
    conv2d::splits(&p.conv2d())
}

fn window(p: &Params, channels: u32) -> usize {
    conv2d::window(&p.conv2d(), channels)
}

fn slides(p: &Params, channels: u32) -> usize {
    conv2d::slides(&p.conv2d(), channels)
}

/// Of the convolution: the zeros of the un-pooled gradient are counted as work.
fn flop(p: &Params) -> f64 {
    conv2d::flop(&p.conv2d())
}

/// The largest pooling window whose index fits a byte.
pub const MAX_POOL: usize = 16;

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
    let (out_h, out_w) = (conv.out_h / pool as u32, conv.out_w / pool as u32);
    let params = Params {
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
        pool: pool as u32,
        argmax_words: (out_h * out_w).div_ceil(4),
    };
    let device = tape.device().clone();
    let sizes = |last: &[u32]| -> Vec<usize> {
        [params.batch, params.out_channels].iter().chain(last).map(|&size| size as usize).collect()
    };
    let y = Tensor::empty(&device, &sizes(&[out_h, out_w]), Kind::F32)?;
    let argmax = Tensor::empty(&device, &sizes(&[params.argmax_words]), Kind::U32)?;
    FORWARD.run(&device, &params, &[&x.tensor, &w.tensor, &b.tensor], &[&y, &argmax])?;
    let (x_saved, w_saved, y_saved) = (x.tensor.clone(), w.tensor.clone(), y.clone());
    Ok(tape.record("conv2d_relu_pool", &[x, w, b], y, move |dy, needs| {
        let dx = gradient(needs[0], &device, x_saved.shape(), |dx| {
            BACKWARD_X.run(&device, &params, &[&w_saved, &y_saved, &argmax, dy], &[dx])
        })?;
        let dw = gradient(needs[1], &device, w_saved.shape(), |dw| {
            BACKWARD_W.run(&device, &params, &[&x_saved, &y_saved, &argmax, dy], &[dw])
        })?;
        let db = gradient(needs[2], &device, &[params.out_channels as usize], |db| {
            BACKWARD_B.run(&device, &params, &[&y_saved, dy], &[db])
        })?;
        Ok(vec![dx, dw, db])
    }))
}
