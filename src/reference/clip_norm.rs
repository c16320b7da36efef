//! Clipping by the norm of all gradients together (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
//! networks", 2013, algorithm 1), as Keras's `global_clipnorm`.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call.
    pub struct Params {
        /// Elements of the gradient.
        pub len: u32,
        /// How many sums of squares there are: as many threads add them up.
        pub sums: u32,
        /// No norm is longer afterwards.
        pub max_norm: f32,
    }
}

/// `sums[i] += gradient[i]^2 + gradient[i + p.sums]^2 + gradient[i + 2 * p.sums]^2 + ...`: called for one gradient after the other.
pub fn square_sums<T: Real>(p: &Params, sums: Range<usize>, gradient: &[T], out: &mut [T]) {
    // Row after row, as the gradient lies in memory.
    for row in gradient.chunks(p.sums as usize) {
        let row = &row[sums.start.min(row.len())..sums.end.min(row.len())];
        for (sum, &g) in out.iter_mut().zip(row) {
            *sum += g * g;
        }
    }
}

/// With `norm = sqrt(sums[0] + sums[1] + ...) * scale`, which is the norm of all gradients times `scale`:
/// `factor = scale * max_norm / max(norm, max_norm)`.
///
/// `overflow` is raised where the sum is infinite or NaN: then a gradient is, or its norm is beyond 1.8e19.
pub fn combine<T: Real>(
    p: &Params,
    _whole: Range<usize>,
    sums: &[T],
    scale: &[T],
    factor: &mut [T],
    overflow: &mut [u32],
) {
    let mut sum = T::ZERO;
    for &part in sums {
        sum += part;
    }
    let (norm, max_norm) = (sum.sqrt() * scale[0], T::of(p.max_norm));
    factor[0] = scale[0] * if norm > max_norm { max_norm / norm } else { T::ONE };
    overflow[0] |= u32::from(!sum.is_finite());
}
