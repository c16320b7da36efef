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
        /// How much of the label is shared out evenly among the classes, 0 to 1 (Szegedy et al., "Rethinking the Inception
        /// Architecture for Computer Vision", 2016, section 7), as Keras's `label_smoothing`.
        pub smoothing: f32,
    }
}

/// `loss = sum_n weights[label] * (max(x, 0) - x * target + ln(1 + exp(-|x|))) / whole_batch`, with `target` = the label, but for
/// half of `smoothing`: the form that neither overflows nor cancels. `hits` = how many `x > 0` agree with `label = 1`.
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
    let half = T::of(p.smoothing) / T::of(2.0);
    let mut sum = T::ZERO;
    let mut right = 0;
    for n in 0..p.batch as usize {
        let x = x[n];
        let positive_part = if x <= T::ZERO { T::ZERO } else { x };
        let [label, other] = match labels[n] {
            1 => [positive_part - x, positive_part],
            _ => [positive_part, positive_part - x],
        };
        // Without smoothing, 0 times an infinite logit would be NaN.
        let linear = if half == T::ZERO { label } else { (T::ONE - half) * label + half * other };
        sum += weights[labels[n] as usize] * (linear + (-x.abs()).exp().ln_1p());
        right += u32::from((x > T::ZERO) == (labels[n] == 1));
    }
    loss[0] = sum / T::of(p.whole_batch as f32);
    hits[0] = right;
}

/// `dx[n] = dloss * weights[label[n]] * (sigmoid(x[n]) - target[n]) / whole_batch`.
pub fn backward_x<T: Real>(
    p: &Params,
    elements: Range<usize>,
    x: &[T],
    labels: &[u32],
    weights: &[T],
    dloss: &[T],
    dx: &mut [T],
) {
    let half = T::of(p.smoothing) / T::of(2.0);
    for (n, dx) in elements.zip(dx) {
        // For label 1, sigmoid(x) - 1 = -sigmoid(-x), which does not cancel.
        let slope = if labels[n] == 1 { half - sigmoid(-x[n]) } else { sigmoid(x[n]) - half };
        *dx = dloss[0] * weights[labels[n] as usize] * slope / T::of(p.whole_batch as f32);
    }
}
