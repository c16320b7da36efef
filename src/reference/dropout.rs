//! Inverted dropout: each value is dropped with probability `rate`, the others are scaled by
//! `1 / (1 - rate)` so that the expected sum stays. Only used in training.

use super::random::uniform;
use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes and the mask's coordinates.
    pub struct Params {
        /// Elements in all.
        pub len: u32,
        /// Position of element 0 in the whole batch: (first image of this micro-batch) x features.
        pub first: u32,
        /// The run's seed.
        pub seed: u32,
        /// The optimizer step, from 1.
        pub step: u32,
        /// Which dropout layer of the network this is.
        pub layer: u32,
        /// Probability of dropping a value, in `[0, 1]`.
        pub rate: f32,
        /// `1 / (1 - rate)`; 0 where `rate` is 1.
        pub scale: f32,
    }
}

/// `y[i] = x[i] * scale` where the mask keeps element `i`, else 0.
pub fn forward<T: Real>(p: &Params, elements: Range<usize>, x: &[T], y: &mut [T]) {
    for (i, y) in elements.zip(y) {
        *y = if keeps(p, i) { x[i] * T::of(p.scale) } else { T::ZERO };
    }
}

/// `dx[i] = dy[i] * scale` under the same mask, which is made again and not stored.
pub fn backward_x<T: Real>(p: &Params, elements: Range<usize>, dy: &[T], dx: &mut [T]) {
    forward(p, elements, dy, dx);
}

/// Whether the mask keeps element `i` of this call.
fn keeps(p: &Params, i: usize) -> bool {
    uniform(p.seed, p.step, p.layer, p.first + i as u32) >= p.rate
}
