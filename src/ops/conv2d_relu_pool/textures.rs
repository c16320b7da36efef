//! A rung for software adapters, which fetches from textures, for the network's own convolutions.

use super::super::conv2d::lanes::ROWS;
use super::super::conv2d::rungs::rows_in_parts;
use super::rungs::{only_for_own_windows, weights};
use crate::device::textures::WIDTH;
use crate::kernel::{Grid, Pass, Rung};
use crate::reference::conv2d_relu_pool::Params;

const SOURCE: &str = include_str!("../../../shaders/conv2d_relu_pool.textures.wgsl");

/// Threads of a group, and in_channels that a group of backward_w owns.
const LANES: u32 = 8;
/// Windows of the pooling, about, that one group of backward_w adds up.
const WINDOWS: u32 = 2048;
/// The first pass of both backward kernels.
const GATE: Pass<Params> = Pass::new("gate", Grid::Threads(elements));

pub const FORWARD: Rung<Params> = Rung {
    texels: |p| weights(p).max((p.batch * p.in_channels * p.in_h * p.in_w) as usize),
    iterations: |p| 3 * p.in_channels as usize,
    ..textures(&[Pass {
        entry: "forward",
        textures: &[("x", "x"), ("w", "w")],
        packs: false,
        grid: Grid::Groups(|p| {
            [(p.batch * p.argmax_words).div_ceil(LANES), p.out_channels.div_ceil(ROWS), 1]
        }),
    }])
};

pub const BACKWARD_X: Rung<Params> = Rung {
    scratch: |p| 2 * elements(p),
    texels: |p| weights(p).max(2 * elements(p)),
    iterations: |p| 3 * p.out_channels as usize,
    ..textures(&[
        GATE,
        Pass {
            entry: "backward_x",
            textures: &[("w", "w"), ("gated", "scratch")],
            packs: false,
            grid: Grid::Groups(|p| {
                let patches = p.batch * p.in_h.div_ceil(2) * p.in_w.div_ceil(8);
                [patches.div_ceil(LANES), p.in_channels.div_ceil(ROWS), 1]
            }),
        },
    ])
};

pub const BACKWARD_W: Rung<Params> = Rung {
    scratch: gated_and_partial,
    texels: |p| gated_and_partial(p).max((p.batch * p.in_channels * p.in_h * p.in_w) as usize),
    iterations: |p| (2 * WINDOWS.max(p.out_w)).max(window_splits(p)) as usize,
    ..textures(&[
        GATE,
        Pass {
            entry: "backward_w_partial",
            textures: &[("x", "x"), ("gated", "scratch")],
            packs: false,
            grid: Grid::Groups(|p| {
                [p.in_channels.div_ceil(LANES), p.out_channels.div_ceil(ROWS), window_splits(p)]
            }),
        },
        Pass::new("backward_w", Grid::Threads(weights)),
    ])
};

const fn textures(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[
            ("ROWS", ROWS as f64),
            ("LANES", LANES as f64),
            ("WIDTH", WIDTH as f64),
            ("WINDOWS", WINDOWS as f64),
        ],
        only_for: only_for_own_windows,
        ..Rung::for_software("textures", SOURCE, passes)
    }
}

/// Sums that backward_w's first pass leaves for each weight.
fn window_splits(p: &Params) -> u32 {
    rows_in_parts(p.batch * p.out_h, p.out_w, WINDOWS)
}

/// Words of backward_w's scratch: what the gate leaves, then the partial sums.
fn gated_and_partial(p: &Params) -> usize {
    2 * elements(p) + window_splits(p) as usize * weights(p)
}

/// Elements of y.
fn elements(p: &Params) -> usize {
    (p.batch * p.out_channels * p.out_h * p.out_w) as usize
}
