//! ReLU: `y = max(x, 0)`, with NaN passed on.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call.
    pub struct Params {
        /// Elements in all.
        pub len: u32,
    }
}

/// `y[i] = x[i]`, or 0 where `x[i] <= 0`.
///
/// Written as a choice and not as `max`, which would turn NaN into 0 and hide that a run diverged.
pub fn forward<T: Real>(_p: &Params, elements: Range<usize>, x: &[T], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(&x[elements]) {
        *y = if x <= T::ZERO { T::ZERO } else { x };
    }
}

/// `dx[i] = dy[i]` where `y[i] > 0`, else 0: the derivative at the kink is taken as 0.
pub fn backward_x<T: Real>(_p: &Params, elements: Range<usize>, y: &[T], dy: &[T], dx: &mut [T]) {
    for ((dx, &y), &dy) in dx.iter_mut().zip(&y[elements.clone()]).zip(&dy[elements]) {
        *dx = if y > T::ZERO { dy } else { T::ZERO };
    }
}
