//! Logistic sigmoid: `y = 1 / (1 + exp(-x))`.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call.
    pub struct Params {
        /// Elements in all.
        pub len: u32,
    }
}

/// `y[i] = 1 / (1 + exp(-x[i]))`, through `exp(-|x|)` so that nothing overflows.
pub fn forward<T: Real>(_p: &Params, elements: Range<usize>, x: &[T], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(&x[elements]) {
        *y = sigmoid(x);
    }
}

/// `dx[i] = dy[i] * y[i] * (1 - y[i])`.
pub fn backward_x<T: Real>(_p: &Params, elements: Range<usize>, y: &[T], dy: &[T], dx: &mut [T]) {
    for ((dx, &y), &dy) in dx.iter_mut().zip(&y[elements.clone()]).zip(&dy[elements]) {
        *dx = dy * y * (T::ONE - y);
    }
}

/// The sigmoid of one value.
pub fn sigmoid<T: Real>(x: T) -> T {
    let e = (-x.abs()).exp();
    if x < T::ZERO { e / (T::ONE + e) } else { T::ONE / (T::ONE + e) }
}
