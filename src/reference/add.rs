//! Addition of two tensors of one shape, and the running sum of gradients.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call.
    pub struct Params {
        /// Elements in all.
        pub len: u32,
    }
}

/// `y[i] = a[i] + b[i]`. Its gradient is `dy` for both, so there is no backward kernel.
pub fn forward<T: Real>(_p: &Params, elements: Range<usize>, a: &[T], b: &[T], y: &mut [T]) {
    for ((y, &a), &b) in y.iter_mut().zip(&a[elements.clone()]).zip(&b[elements]) {
        *y = a + b;
    }
}

/// `y[i] += a[i]`: how gradients of a tensor used twice, or of two micro-batches, add up.
pub fn accumulate<T: Real>(_p: &Params, elements: Range<usize>, a: &[T], y: &mut [T]) {
    for (y, &a) in y.iter_mut().zip(&a[elements]) {
        *y += a;
    }
}
