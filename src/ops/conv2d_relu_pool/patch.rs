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
/// Channels of the sum that are staged at a time.
const DEPTH: u32 = 4;
/// Columns of positions that backward_w stages at a time.
const STRIP: u32 = 8;
/// in_channels that a group of backward_w owns, where there are so many.
const COLUMNS: u32 = 32;

pub const FORWARD: Rung<Params> = Rung {
    scratch: |p| 4 * packed(p.out_channels, p.in_channels),
    ..patch(&[
        Pass::packing("pack_for_forward", Grid::Threads(|p| packed(p.out_channels, p.in_channels))),
        Pass::new(
            "forward",
            Grid::Groups(|p| {
                let tiles = p.out_h.div_ceil(HEIGHT / 2) * p.out_w.div_ceil(WIDTH / 2);
                [tiles, p.out_channels.div_ceil(ROWS), p.batch]
            }),
        ),
    ])
};

pub const BACKWARD_X: Rung<Params> = Rung {
    scratch: |p| 4 * packed(p.in_channels, p.out_channels),
    ..patch(&[
        Pass::packing("pack_for_backward_x", Grid::Threads(|p| packed(p.in_channels, p.out_channels))),
        Pass::new(
            "backward_x",
            Grid::Groups(|p| {
                let tiles = p.in_h.div_ceil(HEIGHT) * p.in_w.div_ceil(WIDTH);
                [tiles, p.in_channels.div_ceil(ROWS), p.batch]
            }),
        ),
    ])
};

pub const BACKWARD_W: Rung<Params> = Rung {
    scratch: |p| (parts(p) * shares(p)) as usize * weights(p),
    ..patch(&[
        Pass::new(
            "backward_w_partial",
            Grid::Groups(|p| [p.in_channels.div_ceil(owned(p)), p.out_channels.div_ceil(ROWS), parts(p)]),
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
            ("DEPTH", DEPTH as f64),
            ("COLUMNS", COLUMNS as f64),
            ("STRIP", STRIP as f64),
        ],
        only_for: only_for_own_windows,
        iterations,
        trusted: true,
        ..Rung::new("3_patch", SOURCE, passes)
    }
}

/// Vectors of w in the order of use: `rows` channels of a tile by the channels of the sum, both rounded up to whole tiles.
fn packed(rows: u32, terms: u32) -> usize {
    9 * (rows.next_multiple_of(ROWS) / 4 * terms.next_multiple_of(DEPTH)) as usize
}

/// in_channels that a group of backward_w owns: `owned_channels` of the shader.
fn owned(p: &Params) -> u32 {
    p.in_channels.next_power_of_two().clamp(2, COLUMNS)
}

/// Threads of a group that share the positions of an in_channel.
fn shares(p: &Params) -> u32 {
    COLUMNS / owned(p)
}

/// Groups that share the positions. Threads of a group that share an in_channel make more parts of each.
fn parts(p: &Params) -> u32 {
    weight_parts(p, ROWS, owned(p))
}

/// Of all three: channels in turn, or rows of windows and their columns, and what is staged for each.
fn iterations(p: &Params) -> usize {
    let staged = 11; // a thread's share of 4 x 180 and 36 x 16 values, for four channels
    let channels = p.in_channels.max(p.out_channels) as usize * (2 + staged);
    let rows = rows_of_part(p, parts(p)) as usize;
    let columns = (2 * p.out_w).div_ceil(STRIP) as usize * (2 * STRIP as usize + 9);
    channels.max(rows * columns).max((parts(p) * shares(p)) as usize)
}
