//! Sizes of batch normalisation, for tests and timing, and how far its kernels may be off.

use super::{BACKWARD_GAMMA_BETA, BACKWARD_X, FORWARD, STATISTICS, UPDATE};
use crate::cases::{Case, Row, Table, Tolerance, Values};
use crate::cpu::{Input, Output};
use crate::reference::batch_norm::{Params, statistics};

fn params([batch, channels, area]: [u32; 3]) -> Params {
    Params { batch, channels, area, epsilon: 1e-3, momentum: 0.99, one_minus_momentum: 0.01 }
}

pub fn cases(table: Table) -> Vec<Case> {
    let exact = match table {
        Table::Awkward => exact_statistics().into_iter().chain(exact_sums()).collect(),
        Table::Network { .. } => Vec::new(),
    };
    usual(table).into_iter().chain(exact).collect()
}

/// The shape of every buffer.
fn shape(p: &Params, name: &str) -> Vec<u32> {
    match name {
        "x" | "y" | "dy" | "dx" => vec![p.batch, p.channels, p.area],
        _ => vec![p.channels],
    }
}

/// Channels of a power of two values, in parts of an even number for every rung.
const EVEN: [([u32; 3], &str); 3] = [
    ([2, 3, 64], "few values, whole numbers"),
    ([4, 2, 4096], "several parts for a thread and for a group, whole numbers"),
    ([64, 3, 1], "features, whole numbers"),
];

/// Values one above and one below 4096 and the channel's number, in turns: mean and squares of every even part are exact in f32.
/// A value that is missing, or counted twice, shows; and the variance as a difference of two means would have no right digit.
fn exact_statistics() -> Vec<Case> {
    Row::new(EVEN.map(|(sizes, why)| (params(sizes), why)).to_vec(), shape)
        .random(|dice| params(dice.one_of(&EVEN).0))
        .draw(|p, _, _| {
            let value = |i: u32| {
                let (n, c, place) = (i / p.area / p.channels, i / p.area % p.channels, i % p.area);
                4096.0 + f64::from(c) + if (n * p.area + place) % 2 == 0 { 1.0 } else { -1.0 }
            };
            Some(Values::Float((0..p.batch * p.channels * p.area).map(value).collect()))
        })
        .bounded(&STATISTICS, |p| Tolerance::sum(p.batch * p.area + 16), statistics_magnitude)
        .cases()
}

/// With `variance + epsilon = 1` nothing is rounded where all else are whole numbers.
fn exact_sums() -> Vec<Case> {
    let sizes = EVEN.map(|(sizes, why)| (Params { epsilon: 0.25, ..params(sizes) }, why));
    Row::new(sizes.to_vec(), shape)
        .random(|dice| Params { epsilon: 0.25, ..params(dice.one_of(&EVEN).0) })
        .draw(|p, name, _| (name == "variance").then(|| Values::Float(vec![0.75; p.channels as usize])))
        .bounded(&FORWARD, |_| Tolerance::sum(16), forward_magnitude)
        .bounded(
            &BACKWARD_GAMMA_BETA,
            |p| Tolerance::sum(p.batch * p.area + 16),
            backward_gamma_beta_magnitude,
        )
        .bounded(&BACKWARD_X, |_| Tolerance::sum(16), backward_x_magnitude)
        // What is differentiated has the statistics of its x.
        .inexact()
        .bounded(&STATISTICS, |p| Tolerance::sum(p.batch * p.area + 16), statistics_magnitude)
        .cases()
}

fn usual(table: Table) -> Vec<Case> {
    let sizes = match table {
        Table::Awkward => vec![
            ([1, 1, 1], "one value, whose variance is 0"),
            ([3, 2, 1], "a few features"),
            ([33, 257, 1], "more features than a group has threads, one more picture than usual"),
            ([2, 3, 35], "odd planes"),
            ([1, 2, 257], "one more value than a group has threads"),
            ([5, 3, 1031], "parts that do not end where planes do"),
            ([2, 1, 8209], "a channel of three parts for groups"),
        ],
        Table::Network { image_size, batch } => vec![
            ([batch, 64, image_size.pow(2)], "conv1's output"),
            ([batch, 256, (image_size / 4).pow(2)], "conv3's output"),
        ],
    };
    Row::new(sizes.into_iter().map(|(sizes, why)| (params(sizes), why)).collect(), shape)
        .random(|dice| {
            let [batch, channels, area] = dice.sizes([40, 300, 3000]);
            let area = if dice.up_to(1) == 0 { 1 } else { area };
            let (epsilon, momentum) = (dice.one_of(&[1e-3, 1e-5]), dice.one_of(&[0.99, 0.9]));
            Params {
                epsilon,
                momentum,
                one_minus_momentum: 1.0 - momentum,
                ..params([batch, channels, area])
            }
        })
        .inexact()
        .draw(|p, name, random| match name {
            // Images differ in brightness, so that the means of parts do too.
            "x" => {
                let image = |i: u32| f64::from(i / p.area / p.channels % 4);
                let values = (0..p.batch * p.channels * p.area)
                    .map(|i| f64::from((random.number() + image(i)) as f32));
                Some(Values::Float(values.collect()))
            }
            "variance" | "moving_variance" => {
                Some(Values::Float((0..p.channels).map(|_| random.number().abs()).collect()))
            }
            _ => None,
        })
        .bounded(&STATISTICS, |p| Tolerance::sum(p.batch * p.area + 16), statistics_magnitude)
        .bounded(&FORWARD, |_| Tolerance::sum(16), forward_magnitude)
        .bounded(
            &BACKWARD_GAMMA_BETA,
            |p| Tolerance::sum(p.batch * p.area + 16),
            backward_gamma_beta_magnitude,
        )
        .bounded(&BACKWARD_X, |_| Tolerance::sum(16), backward_x_magnitude)
        .no_golden("tests/golden.rs follows the moving statistics from step to step")
        .kernel(&UPDATE, |_| Tolerance::sum(4))
        .cases()
}

/// The values of a channel.
fn of_channel<'a>(p: &Params, values: &'a [f64], c: usize) -> impl Iterator<Item = f64> + Clone + 'a {
    let (channels, area) = (p.channels as usize, p.area as usize);
    values.chunks_exact(area).skip(c).step_by(channels).flatten().copied()
}

fn count(p: &Params) -> f64 {
    f64::from(p.batch) * f64::from(p.area)
}

/// With d = x - the channel's first: for the mean its own size, as it is rounded at last, and the mean of |d|. For the variance
/// v itself; errors of a part's mean move the part's squares in second order only, but what the parts' means differ by in
/// first: as 2 |mean of part - mean| times the two means' errors, which are 4 sqrt(v) sqrt(mean of d^2) at most (Cauchy and
/// Schwarz), and the rounding of d does by half of that.
fn statistics_magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let ([Input::Float(x)], [Output::Float(mean), Output::Float(variance)]) = (inputs, outputs) else {
        unreachable!("its buffers")
    };
    statistics(p, 0..p.channels as usize, x, mean, variance);
    for (c, (mean, variance)) in mean.iter_mut().zip(variance.iter_mut()).enumerate() {
        let first = x[c * p.area as usize];
        let distances = of_channel(p, x, c).map(|x| x - first);
        let squares: f64 = distances.clone().map(|d| d * d).sum();
        *mean = mean.abs() + distances.map(f64::abs).sum::<f64>() / count(p);
        *variance += 6.0 * (*variance * squares / count(p)).sqrt();
    }
}

/// `|gamma (x - mean)| / sqrt(variance + epsilon) + |beta|`.
fn forward_magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let ([x, mean, variance, gamma, beta], [Output::Float(y)]) = (inputs, outputs) else {
        unreachable!("its buffers")
    };
    let [x, mean, variance, gamma, beta] = [x, mean, variance, gamma, beta].map(|input| input.floats());
    for (i, y) in y.iter_mut().enumerate() {
        let c = i / p.area as usize % p.channels as usize;
        *y = (gamma[c] * (x[i] - mean[c])).abs() * inverse(p, variance[c]) + beta[c].abs();
    }
}

/// The sums over absolute values.
fn backward_gamma_beta_magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let ([x, mean, variance, dy], [Output::Float(dgamma), Output::Float(dbeta)]) = (inputs, outputs) else {
        unreachable!("its buffers")
    };
    let [x, mean, variance, dy] = [x, mean, variance, dy].map(|input| input.floats());
    for (c, (dgamma, dbeta)) in dgamma.iter_mut().zip(dbeta.iter_mut()).enumerate() {
        let products =
            of_channel(p, x, c).zip(of_channel(p, dy, c)).map(|(x, dy)| (dy * (x - mean[c])).abs());
        *dgamma = products.sum::<f64>() * inverse(p, variance[c]);
        *dbeta = of_channel(p, dy, c).map(f64::abs).sum();
    }
}

/// `|gamma| r (|dy| + (|dbeta| + |x - mean| r |dgamma|) / count)`, r = 1 / sqrt(variance + epsilon).
fn backward_x_magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let ([x, mean, variance, gamma, dgamma, dbeta, dy], [Output::Float(dx)]) = (inputs, outputs) else {
        unreachable!("its buffers")
    };
    let [x, mean, variance] = [x, mean, variance].map(|input| input.floats());
    let [gamma, dgamma, dbeta, dy] = [gamma, dgamma, dbeta, dy].map(|input| input.floats());
    for (i, dx) in dx.iter_mut().enumerate() {
        let c = i / p.area as usize % p.channels as usize;
        let r = inverse(p, variance[c]);
        let moved = dbeta[c].abs() + (x[i] - mean[c]).abs() * r * dgamma[c].abs();
        *dx = gamma[c].abs() * r * (dy[i].abs() + moved / count(p));
    }
}

fn inverse(p: &Params, variance: f64) -> f64 {
    1.0 / (variance + f64::from(p.epsilon)).sqrt()
}
