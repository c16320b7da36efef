//! Global average pooling: of each map its mean.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. x is `[batch, channels, area]`, y is `[batch, channels]`.
    pub struct Params {
        pub batch: u32,
        pub channels: u32,
        /// Values of a plane: height times width.
        pub area: u32,
    }
}

/// `y[n, c] = sum_i x[n, c, i] / area`.
///
/// An item is one plane (n, c).
pub fn forward<T: Real>(p: &Params, planes: Range<usize>, x: &[T], y: &mut [T]) {
    for (x, y) in x.chunks_exact(p.area as usize).skip(planes.start).zip(y) {
        let mut sum = T::ZERO;
        for &x in x {
            sum += x;
        }
        *y = sum / T::of(p.area as f32);
    }
}

/// `dx[n, c, i] = dy[n, c] / area`.
///
/// An item is one plane (n, c).
pub fn backward_x<T: Real>(p: &Params, planes: Range<usize>, dy: &[T], dx: &mut [T]) {
    for (&dy, dx) in dy[planes].iter().zip(dx.chunks_exact_mut(p.area as usize)) {
        dx.fill(dy / T::of(p.area as f32));
    }
}
