//! The ways to compute a fully connected layer on a GPU.

use crate::kernel::{Grid, Pass, Rung};
use crate::reference::dense::Params;

pub const SOURCE: &str = include_str!("../../../shaders/dense.wgsl");
const TILED_SOURCE: &str = include_str!("../../../shaders/dense.2_tiled.wgsl");

/// Inputs that one thread of the plain forward's first pass adds up.
const CHUNK: u32 = 4096;
/// The same of the tiled one's.
const TILED_CHUNK: u32 = 1024;
/// Rows of a tile.
const ROWS: u32 = 32;
/// Columns that a group of 64 threads of a tiled kernel owns.
const COLUMNS: u32 = 256;

/// Sums of `CHUNK` inputs each, one thread for each of them, then the sums of those.
pub const FORWARD_PLAIN: Rung<Params> = Rung {
    scratch: |p| p.in_features.div_ceil(CHUNK) as usize * elements(p),
    constants: &[("CHUNK", CHUNK as f64)],
    iterations: |p| p.in_features.div_ceil(CHUNK).max(CHUNK) as usize,
    ..Rung::plain(
        SOURCE,
        &[
            Pass::new(
                "forward_partial",
                Grid::Threads(|p| p.in_features.div_ceil(CHUNK) as usize * elements(p)),
            ),
            Pass::new("forward", Grid::Threads(elements)),
        ],
    )
};
pub const FORWARD_TILED: Rung<Params> = Rung {
    scratch: |p| p.in_features.div_ceil(TILED_CHUNK) as usize * elements(p),
    iterations: |p| p.in_features.div_ceil(TILED_CHUNK).max(TILED_CHUNK) as usize,
    ..tiled(&[
        Pass::new(
            "forward_partial",
            Grid::Groups(|p| {
                [p.batch.div_ceil(32), p.out_features.div_ceil(ROWS), p.in_features.div_ceil(TILED_CHUNK)]
            }),
        ),
        Pass::new("forward", Grid::Threads(elements)),
    ])
};

pub const BACKWARD_X_PLAIN: Rung<Params> = Rung {
    iterations: |p| p.out_features as usize,
    ..Rung::plain(SOURCE, &[Pass::new("backward_x", Grid::Threads(|p| (p.batch * p.in_features) as usize))])
};
pub const BACKWARD_X_TILED: Rung<Params> = Rung {
    iterations: |p| p.out_features as usize,
    ..tiled(&[Pass::new(
        "backward_x",
        Grid::Groups(|p| [p.in_features.div_ceil(COLUMNS), p.batch.div_ceil(ROWS), 1]),
    )])
};

pub const BACKWARD_W_PLAIN: Rung<Params> = Rung {
    iterations: |p| p.batch as usize,
    ..Rung::plain(
        SOURCE,
        &[Pass::new("backward_w", Grid::Threads(|p| (p.out_features * p.in_features) as usize))],
    )
};
pub const BACKWARD_W_TILED: Rung<Params> = Rung {
    iterations: |p| p.batch as usize,
    ..tiled(&[Pass::new(
        "backward_w",
        Grid::Groups(|p| [p.in_features.div_ceil(COLUMNS), p.out_features.div_ceil(ROWS), 1]),
    )])
};

/// A rung of the tiled file. On lavapipe it is 25 to 40 times as fast as the plain one.
const fn tiled(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[("CHUNK", TILED_CHUNK as f64), ("ROWS", ROWS as f64)],
        ..Rung::broadcasting("2_tiled", TILED_SOURCE, passes)
    }
}

/// Of y.
fn elements(p: &Params) -> usize {
    (p.batch * p.out_features) as usize
}
