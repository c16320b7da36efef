//! The ways to compute a convolution on a GPU. Those of backward, where only the gate in front of dy differs, are also
//! `conv2d_relu_pool`'s.

use crate::kernel::{Adapters, Grid, Pass, Rung, folded, parts, sums_of_parts};
use crate::reference;
use crate::reference::conv2d::Params;

pub const SOURCE: &str = include_str!("../../../shaders/conv2d.wgsl");
const GEMM_SOURCE: &str = include_str!("../../../shaders/conv2d.2_gemm.wgsl");

/// Channels of a tile, and its positions or weights, of the second rung.
pub const SIDE: u32 = 64;
/// Positions of the convolution, about, that one thread (plain) or group (lanes) of backward_w's first pass adds up.
pub const SPLIT: u32 = 8192;
/// Positions of a plane that one thread of the plain backward_b's first pass adds up.
const CHUNK: u32 = 4096;

pub const FORWARD_PLAIN: Rung<Params> = Rung {
    iterations: |p| window(p, p.in_channels),
    ..plain(
        SOURCE,
        &[Pass::new("forward", Grid::Threads(|p| (p.batch * p.out_channels * p.out_h * p.out_w) as usize))],
    )
};
pub const FORWARD_GEMM: Rung<Params> = Rung {
    iterations: |p| staged(terms(p)),
    ..second(
        GEMM_SOURCE,
        &[Pass::new("forward", Grid::Groups(|p| tiles(p.batch * p.out_h * p.out_w, p.out_channels)))],
    )
};
pub const BACKWARD_X_PLAIN: Rung<Params> = backward_x_plain(SOURCE);
pub const BACKWARD_X_GEMM: Rung<Params> = backward_x_gemm(GEMM_SOURCE);
pub const BACKWARD_W_PLAIN: Rung<Params> = backward_w_plain(SOURCE);
pub const BACKWARD_W_GEMM: Rung<Params> = backward_w_gemm(GEMM_SOURCE);
pub const BACKWARD_B_PLAIN: Rung<Params> = backward_b_plain(SOURCE);
pub const BACKWARD_B_GEMM: Rung<Params> = backward_b_gemm(GEMM_SOURCE);

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

pub const fn backward_x_gemm<P: Convolution>(source: &'static str) -> Rung<P> {
    let passes = const {
        &[Pass::new(
            "backward_x",
            Grid::Groups(|p: &P| {
                let p = p.conv2d();
                tiles(p.batch * p.in_h * p.in_w, p.in_channels)
            }),
        )]
    };
    Rung {
        iterations: |p| {
            let p = p.conv2d();
            staged(p.out_channels * p.kernel_h * p.kernel_w)
        },
        ..second(source, passes)
    }
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

/// Sums of some positions each, one group for each of them and each tile of weights, then the sums of those.
pub const fn backward_w_gemm<P: Convolution>(source: &'static str) -> Rung<P> {
    let passes = const {
        &[
            Pass::new(
                "backward_w_partial",
                Grid::Groups(|p: &P| {
                    let p = p.conv2d();
                    let [columns, rows] = weight_tiles(&p);
                    [columns, rows, weight_parts(&p)]
                }),
            ),
            Pass::new("backward_w", Grid::Groups(|p: &P| sums_of_parts(weights(&p.conv2d())))),
        ]
    };
    Rung {
        scratch: |p| weight_parts(&p.conv2d()) as usize * weights(&p.conv2d()),
        iterations: |p| {
            let p = p.conv2d();
            let parts = weight_parts(&p);
            staged((p.batch * p.out_h * p.out_w).div_ceil(parts)).max(parts as usize)
        },
        ..second(source, passes)
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

/// One group for each part of a plane and each channel, then the sums of those.
pub const fn backward_b_gemm<P: Convolution>(source: &'static str) -> Rung<P> {
    let passes = const {
        &[
            Pass::new(
                "backward_b_partial",
                Grid::Groups(|p: &P| [p.conv2d().out_channels, p.conv2d().batch, plane_parts(p)]),
            ),
            Pass::new("backward_b", Grid::Groups(|p: &P| sums_of_parts(p.conv2d().out_channels as usize))),
        ]
    };
    Rung {
        scratch: |p| (p.conv2d().out_channels * p.conv2d().batch * plane_parts(p)) as usize,
        iterations: |p| (p.dy_len().div_ceil(plane_parts(p)) + p.conv2d().batch * plane_parts(p)) as usize,
        // Its many barriers cost lavapipe a hundred times what it reads.
        default_on: Adapters::Gpus,
        ..second(source, passes)
    }
}

/// A rung of the plain file.
pub const fn plain<P>(source: &'static str, passes: &'static [Pass<P>]) -> Rung<P> {
    Rung { constants: &[("CHUNK", CHUNK as f64), ("SPLIT", SPLIT as f64)], ..Rung::plain(source, passes) }
}

/// A rung of the second file.
pub const fn second<P>(source: &'static str, passes: &'static [Pass<P>]) -> Rung<P> {
    Rung { constants: &[("SIDE", SIDE as f64)], ..Rung::new("2_gemm", source, passes) }
}

fn x_len(p: &Params) -> usize {
    (p.batch * p.in_channels * p.in_h * p.in_w) as usize
}

/// Elements of w.
pub fn weights(p: &Params) -> usize {
    (p.out_channels * p.in_channels * p.kernel_h * p.kernel_w) as usize
}

/// Sums that the plain backward_w's first pass leaves for each weight, and that of lanes.
pub fn splits(p: &Params) -> u32 {
    rows_in_parts(p.batch * p.out_h, p.out_w, SPLIT)
}

pub fn partial_weights(p: &Params) -> usize {
    splits(p) as usize * weights(p)
}

/// Loop iterations of backward_w: over the rows of a part and their columns, or over the parts.
pub fn positions(p: &Params) -> usize {
    (2 * SPLIT.max(p.out_w)).max(splits(p)) as usize
}

/// Parts of whole rows, with about `len` of their positions in each.
pub fn rows_in_parts(rows: u32, width: u32, len: u32) -> u32 {
    rows.div_ceil((len / width).max(1))
}

/// Groups of the second rung for so many positions and channels.
fn tiles(positions: u32, channels: u32) -> [u32; 3] {
    let [x, z] = folded(positions.div_ceil(SIDE) as usize);
    [x, channels.div_ceil(SIDE), z]
}

/// Tiles of weights of the second rung: of the elements of a channel's window, and of out_channels.
fn weight_tiles(p: &Params) -> [u32; 2] {
    [terms(p).div_ceil(SIDE), p.out_channels.div_ceil(SIDE)]
}

/// Sums that its backward_w's first pass leaves for each weight.
fn weight_parts(p: &Params) -> u32 {
    parts(weight_tiles(p).iter().product(), SIDE * SIDE, p.batch * p.out_h * p.out_w)
}

/// Sums that its backward_b's first pass leaves for each plane.
fn plane_parts(p: &impl Convolution) -> u32 {
    // A group has one result, whatever it reads.
    parts(p.conv2d().out_channels * p.conv2d().batch, 1, p.dy_len())
}

/// Terms of the sum that an element of y is.
fn terms(p: &Params) -> u32 {
    p.in_channels * p.kernel_h * p.kernel_w
}

/// Loop iterations over so many terms where a thread stages eight vectors for 16 of them.
pub fn staged(terms: u32) -> usize {
    (terms.div_ceil(16) * (1 + 8 + 16)) as usize
}

/// Sums that the plain backward_b's first pass leaves for each channel.
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
