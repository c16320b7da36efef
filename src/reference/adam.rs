//! One Adam update as Keras 3 writes it (Kingma and Ba, "Adam", 2015, end of section 2, with
//! "epsilon hat"): `p -= lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon)`. Weight decay is decoupled from the
//! gradient (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019): `p -= lr * decay * p` comes first.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes and the constants of step t, worked out on the host in f64: `1f32 - 0.999f32` is off by 1.3e-5.
    pub struct Params {
        /// Elements in all.
        pub len: u32,
        /// `lr * sqrt(1 - beta2^t) / (1 - beta1^t)`.
        pub step_size: f32,
        pub one_minus_beta1: f32,
        pub one_minus_beta2: f32,
        pub epsilon: f32,
        /// What weight decay leaves of a parameter: `1 - lr * decay`, or 1.
        pub kept: f32,
    }
}

impl Params {
    /// The constants of step `t`, from 1, in f64 until the last moment; `len` is left to be filled in, and nothing decays.
    pub fn of_step(t: u32, learning_rate: f64, [beta1, beta2]: [f64; 2], epsilon: f64) -> Params {
        let t = i32::try_from(t).expect("fewer than 2^31 steps");
        let step_size = learning_rate * (1.0 - beta2.powi(t)).sqrt() / (1.0 - beta1.powi(t));
        Params {
            len: 0,
            step_size: step_size as f32,
            one_minus_beta1: (1.0 - beta1) as f32,
            one_minus_beta2: (1.0 - beta2) as f32,
            epsilon: epsilon as f32,
            kept: 1.0,
        }
    }
}

/// `m += (g - m) * (1 - beta1)`, `v += (g^2 - v) * (1 - beta2)`, `p = p * kept - step_size * m / (sqrt(v) + epsilon)`.
///
/// `non_finite` is raised where a gradient is infinite or NaN.
#[allow(clippy::too_many_arguments)] // one per buffer
pub fn step<T: Real>(
    p: &Params,
    elements: Range<usize>,
    gradient: &[T],
    parameter: &mut [T],
    m: &mut [T],
    v: &mut [T],
    non_finite: &mut [u32],
) {
    let is_finite = update(p, gradient[elements].iter().copied(), parameter, m, v);
    non_finite[0] |= u32::from(!is_finite);
}

/// As [`step`] for a gradient that counts times `factor`: the inverse of the loss scale, or what clipping leaves. Where
/// `overflow` is raised the step is skipped: nothing is written.
#[allow(clippy::too_many_arguments)] // one per buffer
pub fn scaled_step<T: Real>(
    p: &Params,
    elements: Range<usize>,
    gradient: &[T],
    factor: &[T],
    overflow: &[u32],
    parameter: &mut [T],
    m: &mut [T],
    v: &mut [T],
) {
    if overflow[0] != 0 {
        return;
    }
    let scaled = gradient[elements].iter().map(|&g| g * factor[0]);
    update(p, scaled, parameter, m, v);
}

/// One update, and whether all gradients are finite.
fn update<T: Real>(
    p: &Params,
    gradient: impl Iterator<Item = T>,
    parameter: &mut [T],
    m: &mut [T],
    v: &mut [T],
) -> bool {
    let [step_size, epsilon, kept] = [p.step_size, p.epsilon, p.kept].map(T::of);
    let [rate1, rate2] = [p.one_minus_beta1, p.one_minus_beta2].map(T::of);
    let mut is_finite = true;
    for (((parameter, m), v), g) in parameter.iter_mut().zip(m).zip(v).zip(gradient) {
        *m += (g - *m) * rate1;
        *v += (g * g - *v) * rate2;
        *parameter = *parameter * kept - step_size * *m / (v.sqrt() + epsilon);
        is_finite &= g.is_finite();
    }
    is_finite
}
