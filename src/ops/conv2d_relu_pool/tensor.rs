//! The fourth rung, which multiplies halves on tensor cores, for the network's own convolutions in mixed precision.

use super::super::conv2d::rungs::sums_of_parts;
use super::rungs::{only_for_own_windows, rows_of_part, weight_parts, weights};
use crate::kernel::{Grid, Pass, Rounding, Rung};
use crate::reference::conv2d_relu_pool::Params;

const SOURCE: &str = include_str!("../../../shaders/conv2d_relu_pool.4_tensor.wgsl");

/// Channels of a tile.
const ROWS: u32 = 64;
/// Positions of a tile.
const HEIGHT: u32 = 8;
const WIDTH: u32 = 16;
/// Channels of the sum that are staged at a time.
const DEPTH: u32 = 16;
/// in_channels that a group of backward_w owns.
const COLUMNS: u32 = 16;
/// Bytes of workgroup memory of the largest pass.
const MEMORY: u32 = 28 * 1024;

pub const FORWARD: Rung<Params> = tensor(&[Pass::new(
    "forward",
    Grid::Groups(|p| {
        let tiles = p.out_h.div_ceil(HEIGHT / 2) * p.out_w.div_ceil(WIDTH / 2);
        [tiles, p.out_channels.div_ceil(ROWS), p.batch]
    }),
)]);

pub const BACKWARD_X: Rung<Params> = tensor(&[Pass::new(
    "backward_x",
    Grid::Groups(|p| {
        let tiles = p.in_h.div_ceil(HEIGHT) * p.in_w.div_ceil(WIDTH);
        [tiles, p.in_channels.div_ceil(ROWS), p.batch]
    }),
)]);

pub const BACKWARD_W: Rung<Params> = Rung {
    scratch: |p| parts(p) as usize * weights(p),
    ..tensor(&[
        Pass::new(
            "backward_w_partial",
            Grid::Groups(|p| [p.in_channels.div_ceil(COLUMNS), p.out_channels.div_ceil(ROWS), parts(p)]),
        ),
        Pass::new("backward_w", Grid::Groups(|p| sums_of_parts(weights(p)))),
    ])
};

/// The default in mixed precision, which a person asks for; it was not measured yet.
const fn tensor(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[
            ("ROWS", ROWS as f64),
            ("HEIGHT", HEIGHT as f64),
            ("WIDTH", WIDTH as f64),
            ("DEPTH", DEPTH as f64),
            ("COLUMNS", COLUMNS as f64),
        ],
        error: Rounding::Halves,
        lacks: |limits| {
            if !limits.tensor_cores {
                return Some("it is for mixed precision on tensor cores");
            }
            (limits.max_workgroup_memory < MEMORY).then_some("it needs 28 KiB of workgroup memory")
        },
        only_for: only_for_own_windows,
        iterations,
        ..Rung::new("4_tensor", SOURCE, passes)
    }
}

fn parts(p: &Params) -> u32 {
    weight_parts(p, ROWS, COLUMNS)
}

/// Of all three: channels in turn, or rows of windows and their columns, and what is staged for each.
fn iterations(p: &Params) -> usize {
    let staged = 23 + 3 * 25; // a thread's share of 16 x 180 and, three times, 64 x 48 values
    let channels = p.in_channels.max(p.out_channels).div_ceil(DEPTH) as usize * (1 + staged);
    let staged = 16 + 9; // of 32 x 64 and 72 x 16 values
    let rows = rows_of_part(p, parts(p)) as usize;
    let columns = (2 * p.out_w).div_ceil(WIDTH) as usize * (1 + staged);
    channels.max(rows * (1 + columns)).max(parts(p) as usize)
}
