//! The exponential moving average of a tensor (Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992,
//! with weights that fade).

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call.
    pub struct Params {
        /// Elements in all.
        pub len: u32,
        /// How much of the way to the new value the average goes: 1 - decay.
        pub rate: f32,
    }
}

/// `average[i] += (value[i] - average[i]) * rate`.
pub fn step<T: Real>(p: &Params, elements: Range<usize>, value: &[T], average: &mut [T]) {
    let rate = T::of(p.rate);
    for (average, &value) in average.iter_mut().zip(&value[elements]) {
        *average += (value - *average) * rate;
    }
}
