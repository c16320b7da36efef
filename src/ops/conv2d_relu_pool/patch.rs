//! The third rung, which reads a patch once for all elements of the window, for windows of 3x3 with pooling 2x2.

use super::rungs::{only_for_own_windows, rows_of_part, weight_parts, weights};
use crate::kernel::{Grid, Pass, Rung, sums_of_parts};
use crate::reference::conv2d_relu_pool::Params;

const SOURCE: &str = include_str!("../../../shaders/conv2d_relu_pool.3_patch.wgsl");

/// Channels of a tile.
const ROWS: u32 = 64;
/// Positions of a tile.
const HEIGHT: u32 = 8;
const WIDTH: u32 = 16;
/// in_channels that a group of backward_w owns.
const COLUMNS: u32 = 16;

pub const FORWARD: Rung<Params> = patch(&[Pass::new(
    "forward",
    Grid::Groups(|p| {
        let tiles = p.out_h.div_ceil(HEIGHT / 2) * p.out_w.div_ceil(WIDTH / 2);
        [tiles, p.out_channels.div_ceil(ROWS), p.batch]
    }),
)]);

pub const BACKWARD_X: Rung<Params> = patch(&[Pass::new(
    "backward_x",
    Grid::Groups(|p| {
        let tiles = p.in_h.div_ceil(HEIGHT) * p.in_w.div_ceil(WIDTH);
        [tiles, p.in_channels.div_ceil(ROWS), p.batch]
    }),
)]);

/// With fewer in_channels most of a group would have nothing to do, as in the first convolution.
pub const BACKWARD_W: Rung<Params> = Rung {
    scratch: |p| parts(p) as usize * weights(p),
    only_for: |p| {
        let few = p.in_channels < COLUMNS / 2;
        only_for_own_windows(p).or_else(|| few.then_some("it is for 8 in_channels or more"))
    },
    ..patch(&[
        Pass::new(
            "backward_w_partial",
            Grid::Groups(|p| [p.in_channels.div_ceil(COLUMNS), p.out_channels.div_ceil(ROWS), parts(p)]),
        ),
        Pass::new("backward_w", Grid::Groups(|p| sums_of_parts(weights(p)))),
    ])
};

const fn patch(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[
            ("ROWS", ROWS as f64),
            ("HEIGHT", HEIGHT as f64),
            ("WIDTH", WIDTH as f64),
            ("COLUMNS", COLUMNS as f64),
        ],
        only_for: only_for_own_windows,
        iterations,
        ..Rung::new("3_patch", SOURCE, passes)
    }
}

fn parts(p: &Params) -> u32 {
    weight_parts(p, ROWS, COLUMNS)
}

/// Of all three: channels in turn, or rows of windows and their columns, and what is staged for each.
fn iterations(p: &Params) -> usize {
    let staged = 11; // a thread's share of 4 x 180 and 36 x 16 values, for four channels
    let channels = p.in_channels.max(p.out_channels) as usize * (2 + staged);
    let rows = rows_of_part(p, parts(p)) as usize;
    let columns = (2 * p.out_w).div_ceil(WIDTH) as usize * (2 * WIDTH as usize + 9);
    channels.max(rows * columns).max(parts(p) as usize)
}
