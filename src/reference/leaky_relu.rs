//! Leaky ReLU: `y = x`, or `negative_slope * x` below 0.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call.
    pub struct Params {
        /// Elements in all.
        pub len: u32,
        /// What x is multiplied by below 0; at least 0.
        pub negative_slope: f32,
    }
}

/// `y[i] = x[i]`, or `negative_slope * x[i]` where `x[i] <= 0`; NaN stays NaN.
pub fn forward<T: Real>(p: &Params, elements: Range<usize>, x: &[T], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(&x[elements]) {
        *y = if x <= T::ZERO { T::of(p.negative_slope) * x } else { x };
    }
}

/// `dx[i] = dy[i]` where `y[i] > 0`, else `negative_slope * dy[i]`: the derivative at the kink is taken as the slope below
/// it, as TensorFlow and PyTorch do.
///
/// y has the sign of x, as the slope is not negative; with a slope of 0 it is 0 where x is not above 0.
pub fn backward_x<T: Real>(p: &Params, elements: Range<usize>, y: &[T], dy: &[T], dx: &mut [T]) {
    for ((dx, &y), &dy) in dx.iter_mut().zip(&y[elements.clone()]).zip(&dy[elements]) {
        *dx = if y > T::ZERO { dy } else { T::of(p.negative_slope) * dy };
    }
}
