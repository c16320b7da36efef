//! Fully connected layer: `y = x w^T + b`, with `w` as `[out_features, in_features]`.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. x is `[batch, in_features]`, y is `[batch, out_features]`.
    pub struct Params {
        pub batch: u32,
        pub in_features: u32,
        pub out_features: u32,
    }
}

/// `y[n, o] = b[o] + sum_i x[n, i] * w[o, i]`; an item is one element of y.
pub fn forward<T: Real>(p: &Params, elements: Range<usize>, x: &[T], w: &[T], b: &[T], y: &mut [T]) {
    let (inputs, outputs) = (p.in_features as usize, p.out_features as usize);
    for (element, y) in elements.zip(y) {
        let (n, o) = (element / outputs, element % outputs);
        let mut sum = T::ZERO;
        for i in 0..inputs {
            sum += x[n * inputs + i] * w[o * inputs + i];
        }
        *y = sum + b[o];
    }
}

/// `dx[n, i] = sum_o dy[n, o] * w[o, i]`; an item is one element of dx.
pub fn backward_x<T: Real>(p: &Params, elements: Range<usize>, w: &[T], dy: &[T], dx: &mut [T]) {
    let (inputs, outputs) = (p.in_features as usize, p.out_features as usize);
    for (element, dx) in elements.zip(dx) {
        let (n, i) = (element / inputs, element % inputs);
        let mut sum = T::ZERO;
        for o in 0..outputs {
            sum += dy[n * outputs + o] * w[o * inputs + i];
        }
        *dx = sum;
    }
}

/// `dw[o, i] = sum_n dy[n, o] * x[n, i]`; an item is one element of dw.
pub fn backward_w<T: Real>(p: &Params, elements: Range<usize>, x: &[T], dy: &[T], dw: &mut [T]) {
    let (inputs, outputs) = (p.in_features as usize, p.out_features as usize);
    for (element, dw) in elements.zip(dw) {
        let (o, i) = (element / inputs, element % inputs);
        let mut sum = T::ZERO;
        for n in 0..p.batch as usize {
            sum += dy[n * outputs + o] * x[n * inputs + i];
        }
        *dw = sum;
    }
}

/// `db[o] = sum_n dy[n, o]`; an item is one element of db.
pub fn backward_b<T: Real>(p: &Params, elements: Range<usize>, dy: &[T], db: &mut [T]) {
    for (o, db) in elements.zip(db) {
        let mut sum = T::ZERO;
        for n in 0..p.batch as usize {
            sum += dy[n * p.out_features as usize + o];
        }
        *db = sum;
    }
}
