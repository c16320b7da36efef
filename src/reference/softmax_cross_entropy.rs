//! Cross-entropy between the softmax of logits and class indices, and the count of right answers.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. x is `[batch, classes]` logits, labels is `[batch]`.
    pub struct Params {
        /// Images in this micro-batch.
        pub batch: u32,
        pub classes: u32,
        /// Images in the whole batch: what the sum is divided by, so that losses and gradients of
        /// micro-batches simply add up.
        pub whole_batch: u32,
    }
}

/// The first largest of an image's logits.
pub(crate) fn largest<T: Real>(x: &[T]) -> usize {
    let mut best = 0;
    for (class, &logit) in x.iter().enumerate() {
        if logit > x[best] {
            best = class;
        }
    }
    best
}

/// `loss = sum_n (ln(sum_k exp(x[n, k] - max)) + max - x[n, label]) / whole_batch`, where the term of the maximum is the 1 of
/// `ln(1 + …)`: nothing overflows, and nothing cancels. `hits` = how many images have their first largest logit at their label.
///
/// One item: the loss is one sum.
pub fn forward<T: Real>(
    p: &Params,
    _whole: Range<usize>,
    x: &[T],
    labels: &[u32],
    loss: &mut [T],
    hits: &mut [u32],
) {
    let mut sum = T::ZERO;
    let mut right = 0;
    for (x, &label) in x.chunks_exact(p.classes as usize).zip(labels) {
        let best = largest(x);
        let others = x.iter().enumerate().filter(|(class, _)| *class != best);
        let rest = others.fold(T::ZERO, |rest, (_, &logit)| rest + (logit - x[best]).exp());
        sum += rest.ln_1p() + (x[best] - x[label as usize]);
        // An image with a NaN among its logits is not right, whatever is largest.
        right += u32::from(best == label as usize && rest >= T::ZERO);
    }
    loss[0] = sum / T::of(p.whole_batch as f32);
    hits[0] = right;
}

/// `dx[n, k] = dloss * (softmax(x[n])[k] - (k == label)) / whole_batch`; an item is one image.
///
/// At the label it is computed as minus the sum of the others: where the softmax is close to 1, subtracting 1 would lose digits.
pub fn backward_x<T: Real>(
    p: &Params,
    images: Range<usize>,
    x: &[T],
    labels: &[u32],
    dloss: &[T],
    dx: &mut [T],
) {
    let classes = p.classes as usize;
    for (n, dx) in images.zip(dx.chunks_exact_mut(classes)) {
        let (x, label) = (&x[n * classes..][..classes], labels[n] as usize);
        let max = x[largest(x)];
        let others = x.iter().enumerate().filter(|(class, _)| *class != label);
        let others = others.fold(T::ZERO, |sum, (_, &logit)| sum + (logit - max).exp());
        let scale = dloss[0] / ((others + (x[label] - max).exp()) * T::of(p.whole_batch as f32));
        for (class, (dx, &logit)) in dx.iter_mut().zip(x).enumerate() {
            *dx = if class == label { -others } else { (logit - max).exp() } * scale;
        }
    }
}
