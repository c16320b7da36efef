//! The ways to compute a convolution on a GPU. Those of backward, where only the gate in front of dy differs, are also
//! `conv2d_relu_pool`'s.

use crate::kernel::{Grid, Pass, Rung};
use crate::reference;
use crate::reference::conv2d::Params;

pub const SOURCE: &str = include_str!("../../../shaders/conv2d.wgsl");
const TILED_SOURCE: &str = include_str!("../../../shaders/conv2d.2_tiled.wgsl");

/// Channels in a tile.
pub const ROWS: u32 = 32;
/// Columns that a thread of a tiled kernel owns.
pub const COLUMNS: u32 = 8;
/// Positions of the convolution, about, that one thread (plain) or group (tiled) of backward_w's first
/// pass adds up.
const SPLIT: u32 = 8192;
/// Positions of a plane that one thread of backward_b's first pass adds up.
const CHUNK: u32 = 4096;

pub const FORWARD_PLAIN: Rung<Params> = Rung {
    iterations: |p| window(p, p.in_channels),
    ..plain(
        SOURCE,
        &[Pass::new("forward", Grid::Threads(|p| (p.batch * p.out_channels * p.out_h * p.out_w) as usize))],
    )
};
pub const FORWARD_TILED: Rung<Params> = Rung {
    iterations: |p| slides(p, p.in_channels),
    ..tiled(
        TILED_SOURCE,
        &[Pass::new(
            "forward",
            Grid::Groups(|p| {
                let columns = p.batch * p.out_h * p.out_w.div_ceil(COLUMNS);
                [columns.div_ceil(256), p.out_channels.div_ceil(ROWS), 1]
            }),
        )],
    )
};

pub const BACKWARD_X_PLAIN: Rung<Params> = backward_x_plain(SOURCE);
pub const BACKWARD_X_TILED: Rung<Params> = backward_x_tiled(TILED_SOURCE);
pub const BACKWARD_W_PLAIN: Rung<Params> = backward_w_plain(SOURCE);
pub const BACKWARD_W_TILED: Rung<Params> = backward_w_tiled(TILED_SOURCE);
pub const BACKWARD_B_PLAIN: Rung<Params> = backward_b_plain(SOURCE);

/// The sizes of an op that is or begins with a convolution.
pub trait Convolution: reference::Params {
    /// Of the convolution alone.
    fn conv2d(&self) -> Params;
    /// Values in a plane of dy.
    fn dy_len(&self) -> u32;
}

impl Convolution for Params {
    fn conv2d(&self) -> Params {
        *self
    }

    fn dy_len(&self) -> u32 {
        self.out_h * self.out_w
    }
}

/// A thread gathers one element of dx.
pub const fn backward_x_plain<P: Convolution>(source: &'static str) -> Rung<P> {
    Rung {
        iterations: |p| window(&p.conv2d(), p.conv2d().out_channels),
        ..plain(source, const { &[Pass::new("backward_x", Grid::Threads(|p: &P| x_len(&p.conv2d())))] })
    }
}

pub const fn backward_x_tiled<P: Convolution>(source: &'static str) -> Rung<P> {
    let passes = const {
        &[Pass::new(
            "backward_x",
            Grid::Groups(|p: &P| {
                let p = p.conv2d();
                let columns = p.batch * p.in_h * p.in_w.div_ceil(COLUMNS);
                [columns.div_ceil(256), p.in_channels.div_ceil(ROWS), 1]
            }),
        )]
    };
    Rung { iterations: |p| slides(&p.conv2d(), p.conv2d().out_channels), ..tiled(source, passes) }
}

/// Sums of about `SPLIT` positions each, one thread for each of them and each weight, then the sums of those.
pub const fn backward_w_plain<P: Convolution>(source: &'static str) -> Rung<P> {
    let passes = const {
        &[
            Pass::new("backward_w_partial", Grid::Threads(|p: &P| partial_weights(&p.conv2d()))),
            Pass::new("backward_w", Grid::Threads(|p: &P| weights(&p.conv2d()))),
        ]
    };
    Rung {
        scratch: |p| partial_weights(&p.conv2d()),
        iterations: |p| positions(&p.conv2d()),
        ..plain(source, passes)
    }
}

/// The same sums, of a group each.
pub const fn backward_w_tiled<P: Convolution>(source: &'static str) -> Rung<P> {
    let passes = const {
        &[
            Pass::new(
                "backward_w_partial",
                Grid::Groups(|p: &P| {
                    let p = p.conv2d();
                    let lines = (p.in_channels * p.kernel_h).div_ceil(2) * p.kernel_w.div_ceil(4);
                    [lines.div_ceil(256), p.out_channels.div_ceil(ROWS), splits(&p)]
                }),
            ),
            Pass::new("backward_w", Grid::Threads(|p: &P| weights(&p.conv2d()))),
        ]
    };
    Rung {
        scratch: |p| partial_weights(&p.conv2d()),
        iterations: |p| positions(&p.conv2d()),
        ..tiled(source, passes)
    }
}

/// Sums of `CHUNK` positions each, one thread for each of them, then the sums of those.
pub const fn backward_b_plain<P: Convolution>(source: &'static str) -> Rung<P> {
    let passes = const {
        &[
            Pass::new("backward_b_partial", Grid::Threads(partial_biases::<P>)),
            Pass::new("backward_b", Grid::Threads(|p: &P| p.conv2d().out_channels as usize)),
        ]
    };
    Rung { scratch: partial_biases, iterations: |p| chunks(p).max(CHUNK) as usize, ..plain(source, passes) }
}

/// A rung of the plain file.
pub const fn plain<P>(source: &'static str, passes: &'static [Pass<P>]) -> Rung<P> {
    Rung { constants: &[("CHUNK", CHUNK as f64), ("SPLIT", SPLIT as f64)], ..Rung::plain(source, passes) }
}

/// A rung of the tiled file. On lavapipe it is 35 to 70 times as fast as the plain one.
pub const fn tiled<P: Convolution>(source: &'static str, passes: &'static [Pass<P>]) -> Rung<P> {
    Rung {
        constants: &[("ROWS", ROWS as f64), ("SPLIT", SPLIT as f64)],
        fits: |p| p.conv2d().kernel_w <= 128,
        ..Rung::broadcasting("2_tiled", source, passes)
    }
}

fn x_len(p: &Params) -> usize {
    (p.batch * p.in_channels * p.in_h * p.in_w) as usize
}

/// Elements of w.
pub fn weights(p: &Params) -> usize {
    (p.out_channels * p.in_channels * p.kernel_h * p.kernel_w) as usize
}

/// Sums that backward_w's first pass leaves for each weight.
fn splits(p: &Params) -> u32 {
    rows_in_parts(p.batch * p.out_h, p.out_w, SPLIT)
}

fn partial_weights(p: &Params) -> usize {
    splits(p) as usize * weights(p)
}

/// Loop iterations of backward_w: over the rows of a part and their columns, or over the parts.
fn positions(p: &Params) -> usize {
    (2 * SPLIT.max(p.out_w)).max(splits(p)) as usize
}

/// Parts of whole rows, with about `len` of their positions in each.
pub fn rows_in_parts(rows: u32, width: u32, len: u32) -> u32 {
    rows.div_ceil((len / width).max(1))
}

/// Sums that backward_b's first pass leaves for each channel.
fn chunks(p: &impl Convolution) -> u32 {
    p.conv2d().batch * p.dy_len().div_ceil(CHUNK)
}

fn partial_biases<P: Convolution>(p: &P) -> usize {
    (chunks(p) * p.conv2d().out_channels) as usize
}

/// Loop iterations over a window of so many channels, all nested loops together.
pub fn window(p: &Params, channels: u32) -> usize {
    (channels * (1 + p.kernel_h * (1 + p.kernel_w))) as usize
}

/// The same where a thread slides over `COLUMNS` columns.
pub fn slides(p: &Params, channels: u32) -> usize {
    (channels * p.kernel_h * (p.kernel_w + COLUMNS)) as usize
}
