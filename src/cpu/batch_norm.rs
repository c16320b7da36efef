//! The sums of batch normalisation on the CPU: of each plane first, then of each channel over its planes. Which thread has
//! which plane changes no bit.

use super::sums::{planes_of_a_task, sum};
use crate::reference::batch_norm::Params;
use rayon::prelude::*;

/// See [`crate::reference::batch_norm::statistics`]. Of each plane the mean, and the sum of the squares around that; both are
/// merged as Chan, Golub and LeVeque do ("Updating formulae and a pairwise algorithm for computing sample variances", 1979),
/// so that x is read from memory once.
pub fn statistics(p: &Params, x: &[f32], mean: &mut [f32], variance: &mut [f32]) {
    let (channels, area) = (p.channels as usize, p.area as usize);
    let of_plane = |(plane, values): (usize, &[f32])| {
        let first = x[plane % channels * area];
        let mean = sum([values], |[x]| x - first) / area as f32;
        let squares = sum([values], |[x]| {
            let deviation = (x - first) - mean;
            deviation * deviation
        });
        (mean, squares)
    };
    let planes = x.par_chunks_exact(area).enumerate().with_min_len(planes_of_a_task(area));
    let planes: Vec<(f32, f32)> = planes.map(of_plane).collect();
    let count = p.batch as f32 * p.area as f32;
    for (c, (mean, variance)) in mean.iter_mut().zip(variance).enumerate() {
        let planes = || planes[c..].iter().step_by(channels);
        let shifted_mean = planes().map(|(mean, _)| mean).sum::<f32>() / p.batch as f32;
        let squares = planes().map(|(mean, squares)| {
            let deviation = mean - shifted_mean;
            squares + area as f32 * (deviation * deviation)
        });
        *variance = squares.sum::<f32>() / count;
        *mean = x[c * area] + shifted_mean;
    }
}

/// See [`crate::reference::batch_norm::backward_gamma_beta`].
pub fn backward_gamma_beta(
    p: &Params,
    x: &[f32],
    mean: &[f32],
    variance: &[f32],
    dy: &[f32],
    dgamma: &mut [f32],
    dbeta: &mut [f32],
) {
    let (channels, area) = (p.channels as usize, p.area as usize);
    let of_plane = |(plane, (x, dy)): (usize, (&[f32], &[f32]))| {
        let mean = mean[plane % channels];
        (sum([x, dy], |[x, dy]| dy * (x - mean)), sum([dy], |[dy]| dy))
    };
    let planes = x.par_chunks_exact(area).zip(dy.par_chunks_exact(area)).enumerate();
    let planes: Vec<(f32, f32)> = planes.with_min_len(planes_of_a_task(area)).map(of_plane).collect();
    for (c, (dgamma, dbeta)) in dgamma.iter_mut().zip(dbeta).enumerate() {
        let planes = || planes[c..].iter().step_by(channels);
        *dgamma = planes().map(|(products, _)| products).sum::<f32>() / (variance[c] + p.epsilon).sqrt();
        *dbeta = planes().map(|(_, sum)| sum).sum();
    }
}
