//! What a device can do at most, to measure other kernels against.

use crate::cases::{Case, Row, Table, Tolerance, lengths};
use crate::kernel::{Grid, Kernel, Pass, Rung, kernel};
use crate::reference::ceiling::{IN_A_ROUND, NUMBERS, Params};

const SOURCE: &str = include_str!("../../shaders/ceiling.wgsl");

pub static COPY: Kernel<Params> = Kernel {
    rungs: &[Rung::plain(SOURCE, &[Pass::new("copy", Grid::ThreadsOfFour(|p| p.len as usize))])],
    ..kernel!(ceiling::copy(x) -> (y), items: |p| p.len as usize)
};
pub static MULTIPLY_ADD: Kernel<Params> = Kernel {
    rungs: &[Rung {
        iterations: |p| p.rounds as usize,
        ..Rung::plain(SOURCE, &[Pass::new("multiply_add", Grid::Threads(|p| p.len as usize))])
    }],
    flop: |p| 2.0 * (NUMBERS * IN_A_ROUND) as f64 * f64::from(p.rounds) * f64::from(p.len),
    ..kernel!(ceiling::multiply_add(x) -> (y), items: |p| p.len as usize, fast)
};

/// Numbers halve their distance from 2 sixteen times, so that a missing time shows. That keeps all bits of small integers, and
/// a second round would not.
pub fn cases(table: Table) -> Vec<Case> {
    let sizes = lengths(table, |len| Params { len, rounds: 1, factor: 0.5, term: 1.0 });
    Row::new(sizes, |p, _| vec![p.len])
        .random(|dice| Params { len: dice.size(5000), rounds: 1, factor: 0.5, term: 1.0 })
        .no_golden("it measures a device")
        .kernel(&COPY, |_| Tolerance::Exact)
        .kernel(&MULTIPLY_ADD, |_| Tolerance::Sum { terms: 32 })
        .cases()
}
