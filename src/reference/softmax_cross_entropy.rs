//! Cross-entropy between logits of any number of classes and class indices, and the count of right answers.

use super::softmax::argmax;
use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. x is `[batch, classes]` logits, labels is `[batch]`, each below `classes`,
    /// weights is `[classes]`.
    pub struct Params {
        /// Images in this micro-batch.
        pub batch: u32,
        /// Logits of an image.
        pub classes: u32,
        /// Images in the whole batch: what the sum is divided by, so that losses and gradients of
        /// micro-batches simply add up.
        pub whole_batch: u32,
        /// How much of the label is shared out evenly among all classes, 0 to 1, as in
        /// [`binary_cross_entropy`](super::binary_cross_entropy::Params).
        pub smoothing: f32,
    }
}

/// `loss = sum_n weights[label] * (ln(sum_c exp(x[n, c])) - sum_c target[n, c] * x[n, c]) / whole_batch`, where `target` is 1 at the
/// label, but for `smoothing`, which is shared out evenly; `hits` = how many rows have their
/// largest logit, the first of equal ones, at the label. A row with a NaN is no hit.
///
/// With m the row's largest logit and `rest` the sum of `exp(x[n, c] - m)` over all others, a row's loss is
/// `ln(1 + rest) + (1 - smoothing) * (m - x[n, label]) + smoothing / classes * sum_c (m - x[n, c])`: nothing overflows, and terms
/// that are not negative do not cancel.
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
    let (smoothing, classes) = (T::of(p.smoothing), T::of(p.classes as f32));
    let mut sum = T::ZERO;
    let mut right = 0;
    for (x, &label) in x.chunks_exact(p.classes as usize).zip(labels) {
        let best = argmax(x);
        let (mut rest, mut below) = (T::ZERO, T::ZERO);
        for (c, &v) in x.iter().enumerate() {
            if c != best {
                rest += (v - x[best]).exp();
                below += x[best] - v;
            }
        }
        let at_label = x[best] - x[label as usize];
        // Without smoothing, 0 times an infinite logit would be NaN.
        let linear = if smoothing == T::ZERO {
            at_label
        } else {
            (T::ONE - smoothing) * at_label + smoothing / classes * below
        };
        sum += weights[label as usize] * (rest.ln_1p() + linear);
        right += u32::from(best == label as usize && !x[best].is_nan());
    }
    loss[0] = sum / T::of(p.whole_batch as f32);
    hits[0] = right;
}

/// `dx[n, c] = dloss * weights[label] * (softmax(x[n])[c] - target[n, c]) / whole_batch`. At the label `softmax - 1` is
/// `-others / (others + e)`, where e is the label's power and `others` the sum of all others: where softmax is close to 1,
/// subtracting 1 would lose digits.
///
/// An item is a row.
pub fn backward_x<T: Real>(
    p: &Params,
    rows: Range<usize>,
    x: &[T],
    labels: &[u32],
    weights: &[T],
    dloss: &[T],
    dx: &mut [T],
) {
    let classes = p.classes as usize;
    let smoothing = T::of(p.smoothing);
    let shared = smoothing / T::of(p.classes as f32);
    for (n, dx) in rows.zip(dx.chunks_exact_mut(classes)) {
        let (x, label) = (&x[n * classes..][..classes], labels[n] as usize);
        let largest = x[argmax(x)];
        let mut others = T::ZERO;
        for (c, (dx, &v)) in dx.iter_mut().zip(x).enumerate() {
            *dx = (v - largest).exp();
            if c != label {
                others += *dx;
            }
        }
        let sum = others + dx[label];
        dx[label] = -others;
        let scale = dloss[0] * weights[label];
        for (c, dx) in dx.iter_mut().enumerate() {
            let kept = if c == label { smoothing } else { T::ZERO };
            *dx = scale * (*dx / sum + (kept - shared)) / T::of(p.whole_batch as f32);
        }
    }
}
