//! Softmax: the probabilities of classes.

use super::softmax_cross_entropy::largest;
use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. x and y are `[batch, classes]`.
    pub struct Params {
        pub batch: u32,
        pub classes: u32,
    }
}

/// `y[n, k] = exp(x[n, k] - max) / sum_j exp(x[n, j] - max)`; an item is one image. A NaN makes all of its image NaN.
pub fn forward<T: Real>(p: &Params, images: Range<usize>, x: &[T], y: &mut [T]) {
    let classes = p.classes as usize;
    for (n, y) in images.zip(y.chunks_exact_mut(classes)) {
        let x = &x[n * classes..][..classes];
        let max = x[largest(x)];
        let mut sum = T::ZERO;
        for &logit in x {
            sum += (logit - max).exp();
        }
        for (y, &logit) in y.iter_mut().zip(x) {
            *y = (logit - max).exp() / sum;
        }
    }
}
