//! The ways to normalise batches on a GPU.

use crate::kernel::{Adapters, Grid, Pass, Rung};
use crate::reference::batch_norm::Params;

pub const SOURCE: &str = include_str!("../../../shaders/batch_norm.wgsl");
const SHARED_SOURCE: &str = include_str!("../../../shaders/batch_norm.2_shared.wgsl");

/// Values of a channel that one thread of the plain rung adds up, and one group of the second.
const CHUNKS: [u32; 2] = [1024, 8192];
/// Values of a plane from which on the threads of a group share a channel.
const FEWEST: u32 = 32;

pub const STATISTICS_PLAIN: Rung<Params> =
    plain_sums(&[Pass::new("statistics_partial", Grid::Threads(partial_sums)), per_channel("statistics")]);
pub const STATISTICS_SHARED: Rung<Params> = shared_sums(&[
    Pass::new("statistics_partial", Grid::Groups(|p| [p.channels, parts(p, CHUNKS[1]), 1])),
    Pass::new("statistics", Grid::Groups(|p| [p.channels, 1, 1])),
]);
pub const BACKWARD_GAMMA_BETA_PLAIN: Rung<Params> = plain_sums(&[
    Pass::new("backward_gamma_beta_partial", Grid::Threads(partial_sums)),
    per_channel("backward_gamma_beta"),
]);
pub const BACKWARD_GAMMA_BETA_SHARED: Rung<Params> = shared_sums(&[
    Pass::new("backward_gamma_beta_partial", Grid::Groups(|p| [p.channels, parts(p, CHUNKS[1]), 1])),
    Pass::new("backward_gamma_beta", Grid::Groups(|p| [p.channels, 1, 1])),
]);
pub const FORWARD_PLAIN: Rung<Params> = Rung::plain(SOURCE, &[Pass::new("forward", Grid::Threads(values))]);
pub const FORWARD_SHARED: Rung<Params> =
    Rung::new("2_shared", SHARED_SOURCE, &[Pass::new("forward", Grid::ThreadsOfFour(values))]);
pub const BACKWARD_X_PLAIN: Rung<Params> =
    Rung::plain(SOURCE, &[Pass::new("backward_x", Grid::Threads(values))]);
pub const BACKWARD_X_SHARED: Rung<Params> =
    Rung::new("2_shared", SHARED_SOURCE, &[Pass::new("backward_x", Grid::ThreadsOfFour(values))]);

/// Two sums of each channel, one thread for each part of it, then one for all its parts.
const fn plain_sums(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[("CHUNK", CHUNKS[0] as f64)],
        scratch: |p| 2 * partial_sums(p),
        iterations: |p| 2 * CHUNKS[0].max(parts(p, CHUNKS[0])) as usize,
        ..Rung::plain(SOURCE, passes)
    }
}

/// The same by groups.
const fn shared_sums(passes: &'static [Pass<Params>]) -> Rung<Params> {
    Rung {
        constants: &[("CHUNK", CHUNKS[1] as f64)],
        scratch: |p| (2 * p.channels * parts(p, CHUNKS[1])) as usize,
        iterations: |p| 2 * (CHUNKS[1].max(parts(p, CHUNKS[1])).div_ceil(256) + 8) as usize,
        only_for: |p| (p.area < FEWEST).then_some("it is for planes of 32 values or more"),
        // Its many barriers cost lavapipe more than what it reads.
        default_on: Adapters::Gpus,
        ..Rung::new("2_shared", SHARED_SOURCE, passes)
    }
}

const fn per_channel(entry: &'static str) -> Pass<Params> {
    Pass::new(entry, Grid::Threads(|p| p.channels as usize))
}

/// Parts of a channel, of `chunk` values each.
fn parts(p: &Params, chunk: u32) -> u32 {
    (p.batch * p.area).div_ceil(chunk)
}

/// Threads of the plain rung's first pass.
fn partial_sums(p: &Params) -> usize {
    (p.channels * parts(p, CHUNKS[0])) as usize
}

fn values(p: &Params) -> usize {
    (p.batch * p.channels) as usize * p.area as usize
}
