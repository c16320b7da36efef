//! What a device can do at most: copying, and multiplying and adding.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes and constants of one call.
    pub struct Params {
        /// Elements in all.
        pub len: u32,
        /// How often every number is multiplied and added to, 16 times each.
        pub rounds: u32,
        pub factor: f32,
        pub term: f32,
    }
}

/// Numbers that each element of [`multiply_add`] goes through its rounds with.
pub const NUMBERS: usize = 8;
/// Multiplications and additions of each number in a round.
pub const IN_A_ROUND: usize = 16;

/// `y[i] = x[i]`.
pub fn copy<T: Real>(_p: &Params, elements: Range<usize>, x: &[T], y: &mut [T]) {
    y.copy_from_slice(&x[elements]);
}

/// `y[i]` is the sum of 8 numbers, `x[i]` to `x[i] + 7` at first, that each became `factor * number + term` 16 times
/// in every round.
pub fn multiply_add<T: Real>(p: &Params, elements: Range<usize>, x: &[T], y: &mut [T]) {
    let (factor, term) = (T::of(p.factor), T::of(p.term));
    for (y, &x) in y.iter_mut().zip(&x[elements]) {
        let mut numbers: [T; NUMBERS] = std::array::from_fn(|i| x + T::of(i as f32));
        for _ in 0..p.rounds as usize * IN_A_ROUND {
            numbers = numbers.map(|number| factor * number + term);
        }
        *y = numbers.into_iter().fold(T::ZERO, |sum, number| sum + number);
    }
}
