//! One Adam update of one parameter, in place.

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

/// As [`adam`] for a gradient that was multiplied by a scale, whose `inverse` (`[1]`) is given; does nothing where
/// `overflow` (u32 `[1]`) is raised.
pub fn scaled_adam(
    params: Params,
    gradient: &Tensor,
    inverse: &Tensor,
    overflow: &Tensor,
    parameter: &Tensor,
    m: &Tensor,
    v: &Tensor,
) -> Result<()> {
    let params = Params { len: parameter.len() as u32, ..params };
    SCALED_STEP.run(parameter.device(), &params, &[gradient, inverse, overflow], &[parameter, m, v])
}

const SOURCE: &str = include_str!("../../shaders/adam.wgsl");

pub static STEP: Kernel<Params> = kernel!(
    adam::step(gradient) -> (parameter: update, m: update, v: update, non_finite: flag),
    items: |p| p.len as usize);
pub static SCALED_STEP: Kernel<Params> = kernel!(
    adam::scaled_step(gradient, inverse, overflow: u32) -> (parameter: update, m: update, v: update),
    items: |p| p.len as usize);
