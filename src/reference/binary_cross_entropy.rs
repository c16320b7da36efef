//! Binary cross-entropy between logits and class indices 0 or 1, and the count of right answers.

use super::sigmoid::sigmoid;
use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. x is `[batch, 1]` logits, labels is `[batch]`, weights is `[2]`, of each class.
    pub struct Params {
        /// Images in this micro-batch.
        pub batch: u32,
        /// Images in the whole batch: what the sum is divided by, so that losses and gradients of
        /// micro-batches simply add up.
        pub whole_batch: u32,
    }
}

/// `loss = sum_n weights[label] * (max(x, 0) - x * label + ln(1 + exp(-|x|))) / whole_batch`: the form that neither
/// overflows nor cancels. `hits` = how many `x > 0` agree with `label = 1`.
///
/// One item: the loss is one sum.
pub fn forward<T: Real>(
    p: &Params,
    _whole: Range<usize>,
    x: &[T],
    labels: &[u32],
    weights: &[T],
    loss: &mut [T],
    hits: &mut [u32],
) {
    let mut sum = T::ZERO;
    let mut right = 0;
    for n in 0..p.batch as usize {
        let x = x[n];
        let positive_part = if x <= T::ZERO { T::ZERO } else { x };
        let linear = if labels[n] == 1 { positive_part - x } else { positive_part };
        sum += weights[labels[n] as usize] * (linear + (-x.abs()).exp().ln_1p());
        right += u32::from((x > T::ZERO) == (labels[n] == 1));
    }
    loss[0] = sum / T::of(p.whole_batch as f32);
    hits[0] = right;
}

/// `dx[n] = dloss * weights[label[n]] * (sigmoid(x[n]) - label[n]) / whole_batch`.
pub fn backward_x<T: Real>(
    p: &Params,
    elements: Range<usize>,
    x: &[T],
    labels: &[u32],
    weights: &[T],
    dloss: &[T],
    dx: &mut [T],
) {
    for (n, dx) in elements.zip(dx) {
        // For label 1, sigmoid(x) - 1 = -sigmoid(-x), which does not cancel.
        let slope = if labels[n] == 1 { -sigmoid(-x[n]) } else { sigmoid(x[n]) };
        *dx = dloss[0] * weights[labels[n] as usize] * slope / T::of(p.whole_batch as f32);
    }
}
