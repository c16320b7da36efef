//! Softmax of each row: `y = exp(x) / sum of exp(x)`, which is above 0 and adds up to 1.

use super::max_pool2d::beats;
use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. All buffers are `[batch, classes]`.
    pub struct Params {
        /// Rows.
        pub batch: u32,
        /// Values of a row.
        pub classes: u32,
    }
}

/// `y[n, c] = exp(x[n, c] - m) / sum_k exp(x[n, k] - m)`, m = the largest of the row: no power overflows, and the largest is
/// 1, so that the sum is not 0. A NaN makes its whole row NaN.
///
/// An item is a row.
pub fn forward<T: Real>(p: &Params, rows: Range<usize>, x: &[T], y: &mut [T]) {
    let classes = p.classes as usize;
    for (x, y) in x.chunks_exact(classes).skip(rows.start).zip(y.chunks_exact_mut(classes)) {
        let largest = x[argmax(x)];
        let mut sum = T::ZERO;
        for (y, &x) in y.iter_mut().zip(x) {
            *y = (x - largest).exp();
            sum += *y;
        }
        y.iter_mut().for_each(|y| *y = *y / sum);
    }
}

/// `dx[n, c] = y[n, c] * (dy[n, c] - sum_k y[n, k] * dy[n, k])`.
///
/// An item is a row.
pub fn backward_x<T: Real>(p: &Params, rows: Range<usize>, y: &[T], dy: &[T], dx: &mut [T]) {
    let classes = p.classes as usize;
    let given = y.chunks_exact(classes).zip(dy.chunks_exact(classes)).skip(rows.start);
    for ((y, dy), dx) in given.zip(dx.chunks_exact_mut(classes)) {
        let mut mean = T::ZERO;
        for (&y, &dy) in y.iter().zip(dy) {
            mean += y * dy;
        }
        for ((dx, &y), &dy) in dx.iter_mut().zip(y).zip(dy) {
            *dx = y * (dy - mean);
        }
    }
}

/// Where the largest value of a row is: the first of equal ones, and the first NaN before every number.
pub fn argmax<T: Real>(x: &[T]) -> usize {
    let mut best = 0;
    for c in 1..x.len() {
        if beats(x[c], x[best]) {
            best = c;
        }
    }
    best
}
