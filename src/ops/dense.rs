//! Fully connected layer.

use super::{gradient, row_shape};
use crate::error::{Result, error};
use crate::kernel::{Grid, Kernel, PLAIN, Pass, Rung, fast, kernel};
use crate::reference::dense::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};

const SOURCE: &str = include_str!("../../shaders/dense.wgsl");
const TILED_SOURCE: &str = include_str!("../../shaders/dense.2_tiled.wgsl");

/// Rows of a tile.
const ROWS: u32 = 32;
/// Columns that a group of 64 threads of a tiled kernel owns.
const COLUMNS: u32 = 256;
/// Inputs that one thread of the tiled forward's first pass adds up.
const TILED_CHUNK: usize = 1024;

/// The tiled rung. On lavapipe it is 25 to 40 times as fast as the plain one.
const fn tiled(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung::broadcasting("2_tiled", TILED_SOURCE, passes)
}

const TILED_FORWARD: Rung<Params> = Rung {
    scratch: |p| (p.in_features as usize).div_ceil(TILED_CHUNK) * elements(p),
    constants: &[("CHUNK", TILED_CHUNK as f64)],
    iterations: |p| (p.in_features as usize).div_ceil(TILED_CHUNK).max(TILED_CHUNK),
    ..tiled(&[
        Pass::new(
            "forward_partial",
            &["x", "w", "scratch"],
            Grid::Groups(|p| {
                [
                    p.batch.div_ceil(32),
                    p.out_features.div_ceil(ROWS),
                    p.in_features.div_ceil(TILED_CHUNK as u32),
                ]
            }),
        ),
        Pass::new("forward", &["b", "y", "scratch"], Grid::Threads(elements)),
    ])
};

/// Inputs that one thread of forward's first pass adds up.
const CHUNK: usize = 4096;

/// Sums of `CHUNK` inputs each, one thread for each of them, then the sums of those.
const PLAIN_FORWARD: Rung<Params> = Rung {
    scratch: |p| parts(p) * elements(p),
    constants: &[("CHUNK", CHUNK as f64)],
    iterations: |p| parts(p).max(CHUNK),
    ..Rung::new(
        PLAIN,
        SOURCE,
        &[
            Pass::new("forward_partial", &["x", "w", "scratch"], Grid::Threads(|p| parts(p) * elements(p))),
            Pass::new("forward", &["b", "y", "scratch"], Grid::Threads(elements)),
        ],
    )
};

fn parts(p: &Params) -> usize {
    (p.in_features as usize).div_ceil(CHUNK)
}

/// Of y.
fn elements(p: &Params) -> usize {
    (p.batch * p.out_features) as usize
}

pub static FORWARD: Kernel<Params> = Kernel {
    cpu: fast!(dense::forward(x, w, b) -> (y)),
    flop,
    rungs: &[PLAIN_FORWARD, TILED_FORWARD],
    ..kernel!(dense::forward(x, w, b) -> (y), items: elements)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    cpu: fast!(dense::backward_x(w, dy) -> (dx)),
    flop,
    ..kernel!(
    dense::backward_x(w, dy) -> (dx),
    items: |p| (p.batch * p.in_features) as usize,
    threads: |p| (p.batch * p.in_features) as usize,
    iterations: |p| p.out_features as usize,
    faster: Rung {
        iterations: |p| p.out_features as usize,
        ..tiled(&[Pass::new("backward_x", &[], Grid::Groups(|p| [p.in_features.div_ceil(COLUMNS), p.batch.div_ceil(ROWS), 1]))])
    })
};
pub static BACKWARD_W: Kernel<Params> = Kernel {
    cpu: fast!(dense::backward_w(x, dy) -> (dw)),
    flop,
    ..kernel!(
    dense::backward_w(x, dy) -> (dw),
    items: |p| (p.out_features * p.in_features) as usize,
    threads: |p| (p.out_features * p.in_features) as usize,
    iterations: |p| p.batch as usize,
    faster: Rung {
        iterations: |p| p.batch as usize,
        ..tiled(&[Pass::new("backward_w", &[], Grid::Groups(|p| [p.in_features.div_ceil(COLUMNS), p.out_features.div_ceil(ROWS), 1]))])
    })
};
pub static BACKWARD_B: Kernel<Params> =
    kernel!(dense::backward_b(dy) -> (db), items: |p| p.out_features as usize);

fn flop(p: &Params) -> f64 {
    2.0 * f64::from(p.batch) * f64::from(p.in_features) * f64::from(p.out_features)
}

/// `x w^T + b` for x `[batch, in_features]`, w `[out_features, in_features]` and b `[out_features]`.
pub fn dense(tape: &Tape, x: &Var, w: &Var, b: &Var) -> Result<Var> {
    let [batch, in_features] = row_shape("dense", x)?;
    let [out_features, w_in] = row_shape("dense", w)?;
    if w_in != in_features || b.shape() != [out_features] {
        return Err(error!(
            Other,
            "dense: x {:?} needs w as [out, {in_features}] and b as [out], not {:?} and {:?}",
            x.shape(),
            w.shape(),
            b.shape()
        ));
    }
    let params =
        Params { batch: batch as u32, in_features: in_features as u32, out_features: out_features as u32 };
    let device = tape.device().clone();
    let y = Tensor::empty(&device, &[batch, out_features], Kind::F32)?;
    FORWARD.run(&device, &params, &[&x.tensor, &w.tensor, &b.tensor], &[&y])?;
    let (x_saved, w_saved) = (x.tensor.clone(), w.tensor.clone());
    Ok(tape.record("dense", &[x, w, b], y, move |dy, needs| {
        let dx = gradient(needs[0], &device, x_saved.shape(), |dx| {
            BACKWARD_X.run(&device, &params, &[&w_saved, dy], &[dx])
        })?;
        let dw = gradient(needs[1], &device, w_saved.shape(), |dw| {
            BACKWARD_W.run(&device, &params, &[&x_saved, dy], &[dw])
        })?;
        let db = gradient(needs[2], &device, &[out_features], |db| {
            BACKWARD_B.run(&device, &params, &[dy], &[db])
        })?;
        Ok(vec![dx, dw, db])
    }))
}
