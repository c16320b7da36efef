//! Loss scaling (Micikevicius et al., "Mixed Precision Training", 2018, section 3.2): the loss is multiplied by a scale, so
//! that small gradients are not lost in halves. Where a gradient overflows, the step is skipped and the scale shrinks.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call.
    pub struct Params {
        /// Elements of the gradient that is looked at.
        pub len: u32,
        /// Steps in a row without overflow after which the scale grows.
        pub growth_interval: u32,
    }
}

/// Largest scale, 2^125: its inverse is a normal number; that of a scale four times as large would not be one.
pub const LARGEST: f32 = f32::from_bits(0x7e00_0000);

/// Raises `overflow` where a gradient is infinite or NaN. Nothing else is written.
pub fn detect<T: Real>(_p: &Params, elements: Range<usize>, gradient: &[T], overflow: &mut [u32]) {
    overflow[0] |= u32::from(gradient[elements].iter().any(|g| !g.is_finite()));
}

/// Halves `scale` after an overflow, and doubles it after `growth_interval` steps in a row without one, as PyTorch's
/// GradScaler does. `inverse` is 1 / scale: both are powers of two, so that neither is ever rounded.
pub fn update<T: Real>(
    p: &Params,
    _items: Range<usize>,
    overflow: &[u32],
    scale: &mut [T],
    inverse: &mut [T],
    good_steps: &mut [u32],
) {
    let [half, two] = [0.5, 2.0].map(T::of);
    if overflow[0] != 0 {
        scale[0] = scale[0] * half;
        inverse[0] = inverse[0] * two;
        good_steps[0] = 0;
        return;
    }
    good_steps[0] += 1;
    if good_steps[0] >= p.growth_interval {
        good_steps[0] = 0;
        if scale[0] < T::of(LARGEST) {
            scale[0] = scale[0] * two;
            inverse[0] = inverse[0] * half;
        }
    }
}
