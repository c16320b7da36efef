//! The ways to compute a fully connected layer on a GPU.

use crate::kernel::{Adapters, Grid, Pass, Rung, parts, sums_of_parts};
use crate::reference::dense::Params;

pub const SOURCE: &str = include_str!("../../../shaders/dense.wgsl");
const SHARED_SOURCE: &str = include_str!("../../../shaders/dense.2_shared.wgsl");
const REGISTERS_SOURCE: &str = include_str!("../../../shaders/dense.3_registers.wgsl");
const VECTORS_SOURCE: &str = include_str!("../../../shaders/dense.4_vectors.wgsl");
const LANES_SOURCE: &str = include_str!("../../../shaders/dense.lanes.wgsl");

/// Inputs that one thread or group of forward's first pass adds up, unless the rung splits sums by their sizes.
const CHUNK: u32 = 4096;

/// Sums of `CHUNK` inputs each, one thread for each of them, then the sums of those.
pub const FORWARD_PLAIN: Rung<Params> = Rung {
    scratch: |p| chunks(p) as usize * elements(p),
    constants: &[("CHUNK", CHUNK as f64)],
    iterations: |p| chunks(p).max(CHUNK) as usize,
    ..Rung::plain(
        SOURCE,
        &[
            Pass::new("forward_partial", Grid::Threads(|p| chunks(p) as usize * elements(p))),
            Pass::new("forward", Grid::Threads(elements)),
        ],
    )
};
pub const BACKWARD_X_PLAIN: Rung<Params> = Rung {
    iterations: |p| p.out_features as usize,
    ..Rung::plain(SOURCE, &[Pass::new("backward_x", Grid::Threads(|p| (p.batch * p.in_features) as usize))])
};
pub const BACKWARD_W_PLAIN: Rung<Params> = Rung {
    iterations: |p| p.batch as usize,
    ..Rung::plain(
        SOURCE,
        &[Pass::new("backward_w", Grid::Threads(|p| (p.out_features * p.in_features) as usize))],
    )
};

pub const BACKWARD_B_PLAIN: Rung<Params> =
    Rung::plain(SOURCE, &[Pass::new("backward_b", Grid::Threads(|p| p.out_features as usize))]);

/// Elements of a tile of the second rung in both directions, and terms that it stages at a time.
const TILE: u32 = 16;

pub const FORWARD_SHARED: Rung<Params> = Rung {
    scratch: |p| chunks(p) as usize * elements(p),
    iterations: |p| chunks(p).max(CHUNK + CHUNK / TILE) as usize,
    ..shared(&[
        Pass::new(
            "forward_partial",
            Grid::Groups(|p| [p.out_features.div_ceil(TILE), p.batch.div_ceil(TILE), chunks(p)]),
        ),
        Pass::new("forward", Grid::Threads(elements)),
    ])
};
pub const BACKWARD_X_SHARED: Rung<Params> = Rung {
    iterations: |p| (p.out_features + 2 * TILE) as usize * 17 / 16,
    ..shared(&[Pass::new(
        "backward_x",
        Grid::Groups(|p| [p.in_features.div_ceil(TILE), p.batch.div_ceil(TILE), 1]),
    )])
};
pub const BACKWARD_W_SHARED: Rung<Params> = Rung {
    iterations: |p| (p.batch + 2 * TILE) as usize * 17 / 16,
    ..shared(&[Pass::new(
        "backward_w",
        Grid::Groups(|p| [p.in_features.div_ceil(TILE), p.out_features.div_ceil(TILE), 1]),
    )])
};

/// A group adds up 16 out_features.
pub const BACKWARD_B_SHARED: Rung<Params> = Rung {
    iterations: |p| (p.batch.div_ceil(16) + 16) as usize,
    default_on: Adapters::Gpus,
    ..shared(&[Pass::new("backward_b", Grid::Groups(|p| [p.out_features.div_ceil(16), 1, 1]))])
};

const fn shared(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[("CHUNK", CHUNK as f64), ("TILE", TILE as f64)],
        ..Rung::new("2_shared", SHARED_SOURCE, passes)
    }
}

/// Elements of a tile of the third rung in both directions.
const SIDE: u32 = 64;

/// In as many parts as rung 5, for which it stands in.
pub const FORWARD_REGISTERS: Rung<Params> = Rung {
    scratch: |p| forward_parts(p) as usize * elements(p),
    iterations: |p| staged(p.in_features.div_ceil(forward_parts(p))).max(forward_parts(p)) as usize,
    ..registers(&[
        Pass::new(
            "forward_partial",
            Grid::Groups(|p| [p.out_features.div_ceil(SIDE), p.batch.div_ceil(SIDE), forward_parts(p)]),
        ),
        Pass::new("forward", Grid::Threads(elements)),
    ])
};
pub const BACKWARD_X_REGISTERS: Rung<Params> = Rung {
    iterations: |p| staged(p.out_features) as usize,
    ..registers(&[Pass::new(
        "backward_x",
        Grid::Groups(|p| [p.in_features.div_ceil(SIDE), p.batch.div_ceil(SIDE), 1]),
    )])
};
pub const BACKWARD_W_REGISTERS: Rung<Params> = Rung {
    iterations: |p| staged(p.batch) as usize,
    ..registers(&[Pass::new(
        "backward_w",
        Grid::Groups(|p| [p.in_features.div_ceil(SIDE), p.out_features.div_ceil(SIDE), 1]),
    )])
};

const fn registers(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[("SIDE", SIDE as f64)],
        trusted: true,
        ..Rung::new("3_registers", REGISTERS_SOURCE, passes)
    }
}

/// Elements of a tile of the fourth rung, along the side of which there is much, and along the other.
const WIDE: u32 = 128;
const NARROW: u32 = 32;

pub const FORWARD_VECTORS: Rung<Params> = Rung {
    scratch: |p| chunks(p) as usize * elements(p),
    iterations: |p| staged(p.in_features.div_ceil(chunks(p))).max(chunks(p)) as usize,
    ..vectors(&[
        Pass::new("forward_partial", Grid::Groups(|p| forward_groups(p, chunks(p)))),
        Pass::new("forward", Grid::Groups(|p| sums_of_parts(elements(p)))),
    ])
};
pub const BACKWARD_X_VECTORS: Rung<Params> = Rung {
    iterations: |p| staged(p.out_features) as usize,
    ..vectors(&[Pass::new(
        "backward_x",
        Grid::Groups(|p| [p.in_features.div_ceil(WIDE), p.batch.div_ceil(NARROW), 1]),
    )])
};
pub const BACKWARD_W_VECTORS: Rung<Params> = Rung {
    iterations: |p| staged(p.batch) as usize,
    ..vectors(&[Pass::new(
        "backward_w",
        Grid::Groups(|p| [p.in_features.div_ceil(WIDE), p.out_features.div_ceil(NARROW), 1]),
    )])
};

/// The fourth rung with as many parts of the sum as keep a large GPU busy. They do not depend on the batch: a picture's
/// result is the same in any company.
pub const FORWARD_SPLIT_K: Rung<Params> = Rung {
    name: "5_split_k",
    scratch: |p| forward_parts(p) as usize * elements(p),
    iterations: |p| staged(p.in_features.div_ceil(forward_parts(p))).max(forward_parts(p)) as usize,
    ..vectors(&[
        Pass::new("forward_partial", Grid::Groups(|p| forward_groups(p, forward_parts(p)))),
        Pass::new("forward", Grid::Groups(|p| sums_of_parts(elements(p)))),
    ])
};

const fn vectors(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[("WIDE", WIDE as f64), ("NARROW", NARROW as f64)],
        only_for: |p| {
            (!p.in_features.is_multiple_of(4)).then_some("it is for inputs that are a multiple of 4")
        },
        trusted: true,
        ..Rung::new("4_vectors", VECTORS_SOURCE, passes)
    }
}

fn forward_groups(p: &Params, parts: u32) -> [u32; 3] {
    [p.out_features.div_ceil(WIDE), p.batch.div_ceil(NARROW), parts]
}

fn forward_parts(p: &Params) -> u32 {
    parts(p.out_features.div_ceil(WIDE), WIDE * NARROW, p.in_features)
}

/// Inputs that one thread of forward's first pass adds up, with lanes.
const LANES_CHUNK: u32 = 1024;
/// Rows of a tile.
const ROWS: u32 = 32;
/// Columns that a group of 64 threads owns.
const COLUMNS: u32 = 256;

pub const FORWARD_LANES: Rung<Params> = Rung {
    scratch: |p| p.in_features.div_ceil(LANES_CHUNK) as usize * elements(p),
    iterations: |p| p.in_features.div_ceil(LANES_CHUNK).max(LANES_CHUNK) as usize,
    ..lanes(&[
        Pass::new(
            "forward_partial",
            Grid::Groups(|p| {
                [p.batch.div_ceil(32), p.out_features.div_ceil(ROWS), p.in_features.div_ceil(LANES_CHUNK)]
            }),
        ),
        Pass::new("forward", Grid::Threads(elements)),
    ])
};
pub const BACKWARD_X_LANES: Rung<Params> = Rung {
    iterations: |p| p.out_features as usize,
    ..lanes(&[Pass::new(
        "backward_x",
        Grid::Groups(|p| [p.in_features.div_ceil(COLUMNS), p.batch.div_ceil(ROWS), 1]),
    )])
};
pub const BACKWARD_W_LANES: Rung<Params> = Rung {
    iterations: |p| p.batch as usize,
    ..lanes(&[Pass::new(
        "backward_w",
        Grid::Groups(|p| [p.in_features.div_ceil(COLUMNS), p.out_features.div_ceil(ROWS), 1]),
    )])
};

const fn lanes(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[("CHUNK", LANES_CHUNK as f64), ("ROWS", ROWS as f64)],
        ..Rung::for_software("lanes", LANES_SOURCE, passes)
    }
}

/// Of y.
fn elements(p: &Params) -> usize {
    (p.batch * p.out_features) as usize
}

fn chunks(p: &Params) -> u32 {
    p.in_features.div_ceil(CHUNK)
}

/// Loop iterations over so many terms where a thread stages eight values for 16 of them.
fn staged(terms: u32) -> u32 {
    terms.div_ceil(16) * (1 + 8 + 16)
}
