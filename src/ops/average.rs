//! The exponential moving average of a tensor, in place.

use crate::cases::{Case, Row, Table, Tolerance, lengths};
use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::average::Params;
use crate::tensor::Tensor;

/// Moves `average` towards `value`, of one shape, by `rate` of the way.
pub fn average(value: &Tensor, average: &Tensor, rate: f32) -> Result<()> {
    let params = Params { len: value.len() as u32, rate };
    STEP.run(value.device(), &params, &[value], &[average])
}

const SOURCE: &str = include_str!("../../shaders/average.wgsl");
const FOUR_SOURCE: &str = include_str!("../../shaders/average.2_four.wgsl");

pub static STEP: Kernel<Params> =
    kernel!(average::step(value) -> (average: update), items: |p| p.len as usize, four);

pub fn cases(table: Table) -> Vec<Case> {
    Row::new(lengths(table, |len| Params { len, rate: 0.0625 }), |p, _| vec![p.len])
        .random(|dice| Params { len: dice.size(5000), rate: dice.one_of(&[1.0, 0.25, 0.001]) })
        .inexact()
        // A sum of the old value, the new one and the old one again, of which little may be left.
        .kernel(&STEP, |_| Tolerance::Sum { terms: 8 })
        .cases()
}
