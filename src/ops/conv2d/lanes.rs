//! A rung for software adapters, whose threads share factors with the other lanes of their subgroup, for any window.

use super::rungs::{SPLIT, partial_weights, positions, splits, weights};
use crate::kernel::{Grid, Pass, Rung};
use crate::reference::conv2d::Params;

const SOURCE: &str = include_str!("../../../shaders/conv2d.lanes.wgsl");

/// Channels in a tile of lanes.
pub const ROWS: u32 = 32;
/// Columns that a thread of lanes owns.
const COLUMNS: u32 = 8;

pub const FORWARD: Rung<Params> = Rung {
    iterations: |p| slides(p, p.in_channels),
    ..lanes(&[Pass::new("forward", Grid::Groups(|p| tiles(p.batch * p.out_h, p.out_w, p.out_channels)))])
};
pub const BACKWARD_X: Rung<Params> = Rung {
    iterations: |p| slides(p, p.out_channels),
    ..lanes(&[Pass::new("backward_x", Grid::Groups(|p| tiles(p.batch * p.in_h, p.in_w, p.in_channels)))])
};
/// Sums of about `SPLIT` positions each, one group for each of them and each tile of weights, then the sums of those.
pub const BACKWARD_W: Rung<Params> = Rung {
    scratch: partial_weights,
    iterations: positions,
    ..lanes(&[
        Pass::new(
            "backward_w_partial",
            Grid::Groups(|p| {
                let lines = (p.in_channels * p.kernel_h).div_ceil(2) * p.kernel_w.div_ceil(4);
                [lines.div_ceil(256), p.out_channels.div_ceil(ROWS), splits(p)]
            }),
        ),
        Pass::new("backward_w", Grid::Threads(weights)),
    ])
};

/// Groups for so many rows of positions, of this width, and channels.
fn tiles(rows: u32, width: u32, channels: u32) -> [u32; 3] {
    [(rows * width.div_ceil(COLUMNS)).div_ceil(256), channels.div_ceil(ROWS), 1]
}

/// A rung of the file for software adapters. On lavapipe it is 35 to 70 times as fast as the plain one.
const fn lanes(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[("ROWS", ROWS as f64), ("SPLIT", SPLIT as f64)],
        only_for: |p| (p.kernel_w > 128).then_some("it is for windows of at most 128 columns"),
        ..Rung::for_software("lanes", SOURCE, passes)
    }
}

/// The same where a thread slides over `COLUMNS` columns.
fn slides(p: &Params, channels: u32) -> usize {
    (channels * p.kernel_h * (p.kernel_w + COLUMNS)) as usize
}
