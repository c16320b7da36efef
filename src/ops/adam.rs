//! One Adam update of one parameter, in place.

use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::adam::Params;
use crate::tensor::Tensor;

const SOURCE: &str = include_str!("../../shaders/adam.wgsl");

pub static STEP: Kernel<Params> =
    kernel!(adam::step(gradient) -> (parameter, m, v; non_finite), items: |p| p.len as usize);

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
