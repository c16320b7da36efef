//! One Adam update of one parameter, in place.

use crate::cases::{Case, Row, Table, Tolerance, Values};
use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::adam::Params;
use crate::tensor::Tensor;

/// Updates `parameter` and its moments `m` and `v`, all of one shape, from `gradient`; raises
/// `non_finite` (u32 `[1]`) where the gradient is infinite or NaN.
///
/// `params` carries the step's constants; its `len` is filled in here.
pub fn adam(
    params: Params,
    gradient: &Tensor,
    parameter: &Tensor,
    m: &Tensor,
    v: &Tensor,
    non_finite: &Tensor,
) -> Result<()> {
    let params = Params { len: parameter.len() as u32, ..params };
    STEP.run(parameter.device(), &params, &[gradient], &[parameter, m, v, non_finite])
}

/// As [`adam`] for a gradient that counts times `factor` (`[1]`): the inverse of the loss scale, or what clipping leaves; does
/// nothing where `overflow` (u32 `[1]`) is raised.
pub fn scaled_adam(
    params: Params,
    gradient: &Tensor,
    factor: &Tensor,
    overflow: &Tensor,
    parameter: &Tensor,
    m: &Tensor,
    v: &Tensor,
) -> Result<()> {
    let params = Params { len: parameter.len() as u32, ..params };
    SCALED_STEP.run(parameter.device(), &params, &[gradient, factor, overflow], &[parameter, m, v])
}

const SOURCE: &str = include_str!("../../shaders/adam.wgsl");
const FOUR_SOURCE: &str = include_str!("../../shaders/adam.2_four.wgsl");

pub static STEP: Kernel<Params> = kernel!(
    adam::step(gradient) -> (parameter: update, m: update, v: update, non_finite: flag),
    items: |p| p.len as usize, four);
pub static SCALED_STEP: Kernel<Params> = kernel!(
    adam::scaled_step(gradient, factor, overflow: u32) -> (parameter: update, m: update, v: update),
    items: |p| p.len as usize, four);

pub fn cases(table: Table) -> Vec<Case> {
    fn at(t: u32, len: u32) -> Params {
        Params { len, ..Params::of_step(t, 0.001, [0.9, 0.999], 1e-7) }
    }
    let sizes = match table {
        Table::Awkward => vec![
            (at(1, 257), "the first step"),
            (at(2, 1757), "the second step"),
            (at(1000, 1757), "a late step"),
            (Params { kept: 0.875, ..at(3, 1021) }, "the weight decays"),
        ],
        Table::Network { image_size, .. } => {
            vec![(at(1000, 128 * 256 * (image_size / 8).pow(2)), "dense1's weight")]
        }
    };
    let shape = |p: &Params, name: &str| match name {
        "non_finite" | "overflow" | "factor" => vec![1],
        _ => vec![p.len],
    };
    Row::new(sizes, shape)
        .random(|dice| at(dice.size(2000), dice.size(5000)))
        .inexact()
        .no_golden("a whole network's steps are compared instead")
        .draw(|p, name, random| match name {
            // From 0, so that what is compared is the update itself and not its rounding into the parameter; unless it decays.
            "parameter" if p.kept == 1.0 => Some(Values::Float(vec![0.0; p.len as usize])),
            "v" => Some(Values::Float((0..p.len).map(|_| random.number().abs()).collect())),
            // The first step is skipped.
            "overflow" => Some(Values::Uint(vec![u32::from(p.len == 257)])),
            "factor" => Some(Values::Float(vec![0.25])),
            _ => None,
        })
        // Sums of two, in which little may be left of m: then that little is as inexact as m was.
        .kernel(&STEP, |_| Tolerance::Sum { terms: 32 })
        .kernel(&SCALED_STEP, |_| Tolerance::Sum { terms: 32 })
        .cases()
}
