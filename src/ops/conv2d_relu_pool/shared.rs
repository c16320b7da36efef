//! The fourth rung, which shares through workgroup memory, for the network's own convolutions on GPUs.

use super::rungs::{WINDOWS, fits, partial_weights, weights, window_splits};
use crate::kernel::{Grid, Pass, Rung};
use crate::reference::conv2d_relu_pool::Params;

const SOURCE: &str = include_str!("../../../shaders/conv2d_relu_pool.4_shared.wgsl");

/// Channels of a tile.
const ROWS: u32 = 64;
/// Positions of a tile in height and in width.
const SIDE: u32 = 16;
/// in_channels that a group of backward_w owns.
const COLUMNS: u32 = 16;

pub const FORWARD: Rung<Params> = shared(&[Pass::new(
    "forward",
    Grid::Groups(|p| {
        let tiles = p.out_h.div_ceil(SIDE / 2) * p.out_w.div_ceil(SIDE / 2);
        [tiles, p.out_channels.div_ceil(ROWS), p.batch]
    }),
)]);

pub const BACKWARD_X: Rung<Params> = shared(&[Pass::new(
    "backward_x",
    Grid::Groups(|p| {
        let tiles = p.in_h.div_ceil(SIDE) * p.in_w.div_ceil(SIDE);
        [tiles, p.in_channels.div_ceil(ROWS), p.batch]
    }),
)]);

pub const BACKWARD_W: Rung<Params> = Rung {
    scratch: partial_weights,
    ..shared(&[
        Pass::new(
            "backward_w_partial",
            Grid::Groups(|p| {
                [p.in_channels.div_ceil(COLUMNS), p.out_channels.div_ceil(ROWS), window_splits(p)]
            }),
        ),
        Pass::new("backward_w", Grid::Threads(weights)),
    ])
};

/// It has to be asked for: what it gains on a GPU was not measured yet, and on lavapipe it is slower.
const fn shared(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[
            ("ROWS", ROWS as f64),
            ("SIDE", SIDE as f64),
            ("COLUMNS", COLUMNS as f64),
            ("WINDOWS", WINDOWS as f64),
        ],
        fits,
        iterations,
        default_on: |_| false,
        ..Rung::new("4_shared", SOURCE, passes)
    }
}

/// Of all three: channels in turn, or rows of windows and their columns, and what is staged for each.
fn iterations(p: &Params) -> usize {
    let staged = 9; // a thread's share of 36 x 64 values
    let channels = p.in_channels.max(p.out_channels) as usize * (2 + staged);
    let rows = (WINDOWS / p.out_w).max(1) as usize;
    let columns = (2 * p.out_w).div_ceil(SIDE) as usize * (2 * SIDE as usize + 2 * staged);
    channels.max(rows * columns).max(window_splits(p) as usize)
}
