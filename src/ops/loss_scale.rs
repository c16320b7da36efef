//! Loss scaling: looks for gradients that overflowed, and moves the scale.

use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::loss_scale::Params;
use crate::tensor::Tensor;

/// Raises `overflow` (u32 `[1]`) where the gradient is infinite or NaN.
pub fn look(gradient: &Tensor, overflow: &Tensor) -> Result<()> {
    let params = Params { len: gradient.len() as u32, growth_interval: 0 };
    LOOK.run(gradient.device(), &params, &[gradient], &[overflow])
}

/// Halves `scale` where `overflow` is raised, and doubles it after `growth_interval` steps in a row where it was not;
/// `inverse` is 1 / scale. All are `[1]`, `good_steps` of u32.
pub fn update(
    growth_interval: u32,
    overflow: &Tensor,
    scale: &Tensor,
    inverse: &Tensor,
    good_steps: &Tensor,
) -> Result<()> {
    let params = Params { len: 1, growth_interval };
    UPDATE.run(scale.device(), &params, &[overflow], &[scale, inverse, good_steps])
}

const SOURCE: &str = include_str!("../../shaders/loss_scale.wgsl");

pub static LOOK: Kernel<Params> =
    kernel!(loss_scale::look(gradient) -> (overflow: flag), items: |p| p.len as usize);
pub static UPDATE: Kernel<Params> = kernel!(
    loss_scale::update(overflow: u32) -> (scale: update, inverse: update, good_steps: update u32),
    items: |_| 1);
