//! Batch normalisation: each channel is shifted and scaled to a mean of 0 and a variance of 1, then by what was learned
//! (Ioffe and Szegedy, "Batch Normalization", 2015, algorithms 1 and 2, and the derivatives below them).
//!
//! In training mean and variance are those of the batch ([`statistics`]), and so depend on x: [`backward_x`] counts that in.
//! In use they are the moving ones ([`update`]), which are constants: then its `dgamma` and `dbeta` are given as 0.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. x and y are `[batch, channels, area]`; the others `[channels]`.
    pub struct Params {
        pub batch: u32,
        pub channels: u32,
        /// Values of a plane: height times width; 1 for `[batch, features]`.
        pub area: u32,
        /// Added to the variance, which may be 0.
        pub epsilon: f32,
        /// How much a step keeps of the moving mean and variance.
        pub momentum: f32,
        /// 1 - momentum, computed in f64.
        pub one_minus_momentum: f32,
    }
}

/// `mean[c] = sum_{n, i} x[n, c, i] / count` with `count = batch * area`, and
/// `variance[c] = sum_{n, i} (x[n, c, i] - mean[c])^2 / count`.
///
/// In two passes: the mean of the squares minus the square of the mean is the small difference of two large numbers where the
/// mean is large, and may come out negative. For the same reason both passes see x less the channel's first value: a mean
/// far from 0 would take digits from the sums (Chan, Golub and LeVeque, "Algorithms for computing the sample variance",
/// 1983).
///
/// An item is a channel.
pub fn statistics<T: Real>(p: &Params, channels: Range<usize>, x: &[T], mean: &mut [T], variance: &mut [T]) {
    for ((c, mean), variance) in channels.zip(mean).zip(variance) {
        let first = x[c * p.area as usize];
        let mut sum = T::ZERO;
        for i in places(p, c) {
            sum += x[i] - first;
        }
        let shifted_mean = sum / count(p);
        let mut squares = T::ZERO;
        for i in places(p, c) {
            let deviation = (x[i] - first) - shifted_mean;
            squares += deviation * deviation;
        }
        *mean = first + shifted_mean;
        *variance = squares / count(p);
    }
}

/// `y[n, c, i] = gamma[c] * (x[n, c, i] - mean[c]) / sqrt(variance[c] + epsilon) + beta[c]`.
///
/// An item is one plane (n, c).
#[allow(clippy::too_many_arguments)] // one for each buffer
pub fn forward<T: Real>(
    p: &Params,
    planes: Range<usize>,
    x: &[T],
    mean: &[T],
    variance: &[T],
    gamma: &[T],
    beta: &[T],
    y: &mut [T],
) {
    let area = p.area as usize;
    for (plane, y) in planes.zip(y.chunks_exact_mut(area)) {
        let c = plane % p.channels as usize;
        let scale = gamma[c] * inverse_deviation(p, variance[c]);
        for (y, &x) in y.iter_mut().zip(&x[plane * area..]) {
            *y = (x - mean[c]) * scale + beta[c];
        }
    }
}

/// `dgamma[c] = sum_{n, i} dy[n, c, i] * (x[n, c, i] - mean[c]) / sqrt(variance[c] + epsilon)`, `dbeta[c] = sum_{n, i} dy[n, c, i]`.
///
/// An item is a channel.
#[allow(clippy::too_many_arguments)] // one for each buffer
pub fn backward_gamma_beta<T: Real>(
    p: &Params,
    channels: Range<usize>,
    x: &[T],
    mean: &[T],
    variance: &[T],
    dy: &[T],
    dgamma: &mut [T],
    dbeta: &mut [T],
) {
    for ((c, dgamma), dbeta) in channels.zip(dgamma).zip(dbeta) {
        let (mut products, mut sum) = (T::ZERO, T::ZERO);
        for i in places(p, c) {
            products += dy[i] * (x[i] - mean[c]);
            sum += dy[i];
        }
        *dgamma = products * inverse_deviation(p, variance[c]);
        *dbeta = sum;
    }
}

/// With `normal = (x - mean) / sqrt(variance + epsilon)`:
/// `dx[n, c, i] = gamma[c] / sqrt(variance[c] + epsilon) * (dy[n, c, i] - (dbeta[c] + normal[n, c, i] * dgamma[c]) / count)`.
///
/// What is taken off is what an x moves the mean and the variance by. Where these are constants it is nothing: `dgamma` and
/// `dbeta` of 0 give that. An item is one plane (n, c).
#[allow(clippy::too_many_arguments)] // one for each buffer
pub fn backward_x<T: Real>(
    p: &Params,
    planes: Range<usize>,
    x: &[T],
    mean: &[T],
    variance: &[T],
    gamma: &[T],
    dgamma: &[T],
    dbeta: &[T],
    dy: &[T],
    dx: &mut [T],
) {
    let area = p.area as usize;
    for (plane, dx) in planes.zip(dx.chunks_exact_mut(area)) {
        let c = plane % p.channels as usize;
        let inverse = inverse_deviation(p, variance[c]);
        let (scale, shift) = (gamma[c] * inverse, dbeta[c] / count(p));
        let slope = inverse * dgamma[c] / count(p);
        let given = x[plane * area..].iter().zip(&dy[plane * area..]);
        for (dx, (&x, &dy)) in dx.iter_mut().zip(given) {
            *dx = scale * (dy - (shift + (x - mean[c]) * slope));
        }
    }
}

/// `moving_mean[c] = momentum * moving_mean[c] + (1 - momentum) * mean[c]`, and the same of the variance.
///
/// An item is a channel.
pub fn update<T: Real>(
    p: &Params,
    channels: Range<usize>,
    mean: &[T],
    variance: &[T],
    moving_mean: &mut [T],
    moving_variance: &mut [T],
) {
    for (moving, of_batch) in [(moving_mean, mean), (moving_variance, variance)] {
        for (moving, &of_batch) in moving.iter_mut().zip(&of_batch[channels.clone()]) {
            *moving = T::of(p.momentum) * *moving + T::of(p.one_minus_momentum) * of_batch;
        }
    }
}

/// Values of a channel. As a product, which is exact for more of them than an f32 can count.
fn count<T: Real>(p: &Params) -> T {
    T::of(p.batch as f32) * T::of(p.area as f32)
}

fn inverse_deviation<T: Real>(p: &Params, variance: T) -> T {
    T::ONE / (variance + T::of(p.epsilon)).sqrt()
}

/// Where the values of a channel are, image by image.
fn places(p: &Params, c: usize) -> impl Iterator<Item = usize> {
    let (channels, area) = (p.channels as usize, p.area as usize);
    (0..p.batch as usize).flat_map(move |n| (n * channels + c) * area..(n * channels + c + 1) * area)
}
