//! Batch normalisation.

mod cases;
mod rungs;

pub use cases::cases;

use super::shapes::gradient;
use crate::error::{Result, error};
use crate::kernel::{Kernel, kernel};
use crate::reference::batch_norm::Params;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};
use rungs::SOURCE;

/// What belongs to one normalisation. All tensors are `[channels]`.
pub struct Norm<'a> {
    /// What a normalised value is multiplied by.
    pub gamma: &'a Var,
    /// What is added to it then.
    pub beta: &'a Var,
    /// What the mean is in use; training moves it.
    pub moving_mean: &'a Tensor,
    /// The same of the variance.
    pub moving_variance: &'a Tensor,
    /// How much a batch leaves of the moving mean and variance.
    pub momentum: f64,
    /// Added to the variance.
    pub epsilon: f64,
}

/// `gamma (x - mean) / sqrt(variance + epsilon) + beta` for x `[batch, channels, height, width]` or `[batch, channels]`; y has
/// its shape.
///
/// With `training`, mean and variance of each channel are those of the batch, and the moving ones are updated, on the spot:
/// the variance is the batch's own, divided by the count of its values, as Keras does it. Otherwise they are the moving
/// ones, which are constants.
pub fn batch_norm(tape: &Tape, x: &Var, norm: &Norm, training: bool) -> Result<Var> {
    let params = params(x, norm)?;
    let device = tape.device().clone();
    let channels = [params.channels as usize];
    let (mean, variance) = if training {
        let [mean, variance] = [empty_like(norm.moving_mean)?, empty_like(norm.moving_variance)?];
        STATISTICS.run(&device, &params, &[&x.tensor], &[&mean, &variance])?;
        UPDATE.run(&device, &params, &[&mean, &variance], &[norm.moving_mean, norm.moving_variance])?;
        (mean, variance)
    } else {
        (norm.moving_mean.clone(), norm.moving_variance.clone())
    };
    let inputs = [&x.tensor, &mean, &variance, &norm.gamma.tensor, &norm.beta.tensor];
    let y = FORWARD.compute(&device, &params, &inputs, x.shape())?;
    let (x_saved, gamma) = (x.tensor.clone(), norm.gamma.tensor.clone());
    Ok(tape.record("batch_norm", &[x, norm.gamma, norm.beta], y, move |dy, needs| {
        let x = &x_saved;
        let [dgamma, dbeta] = [empty_like(&gamma)?, empty_like(&gamma)?];
        if training || needs[1] || needs[2] {
            BACKWARD_GAMMA_BETA.run(&device, &params, &[x, &mean, &variance, dy], &[&dgamma, &dbeta])?;
        }
        let dx = gradient(needs[0], || {
            // What a constant mean and variance are moved by.
            let zeros = || Tensor::zeros(&device, &channels, Kind::F32);
            let [moved, shifted] =
                if training { [dgamma.clone(), dbeta.clone()] } else { [zeros()?, zeros()?] };
            let inputs = [x, &mean, &variance, &gamma, &moved, &shifted, dy];
            BACKWARD_X.compute(&device, &params, &inputs, x.shape())
        })?;
        Ok(vec![dx, needs[1].then_some(dgamma), needs[2].then_some(dbeta)])
    }))
}

fn empty_like(tensor: &Tensor) -> Result<Tensor> {
    Tensor::empty(tensor.device(), tensor.shape(), Kind::F32)
}

/// The sizes of one call, or what does not match.
fn params(x: &Var, norm: &Norm) -> Result<Params> {
    let (batch, channels, area) = match *x.shape() {
        [batch, channels] => (batch, channels, 1),
        [batch, channels, height, width] => (batch, channels, height * width),
        _ => {
            return Err(error!(
                Other,
                "batch_norm takes x as [batch, channels, height, width] or [batch, features], not {:?}",
                x.shape()
            ));
        }
    };
    let [gamma, beta] = [norm.gamma.shape(), norm.beta.shape()];
    let [mean, variance] = [norm.moving_mean.shape(), norm.moving_variance.shape()];
    if [gamma, beta, mean, variance].iter().any(|shape| *shape != [channels]) {
        return Err(error!(
            Other,
            "batch_norm: x {:?} needs gamma, beta, mean and variance as [{channels}], not {gamma:?}, {beta:?}, {mean:?} and \
             {variance:?}",
            x.shape()
        ));
    }
    Ok(Params {
        batch: batch as u32,
        channels: channels as u32,
        area: area as u32,
        epsilon: norm.epsilon as f32,
        momentum: norm.momentum as f32,
        one_minus_momentum: (1.0 - norm.momentum) as f32,
    })
}

pub static STATISTICS: Kernel<Params> = Kernel {
    rungs: &[rungs::STATISTICS_PLAIN, rungs::STATISTICS_SHARED],
    ..kernel!(batch_norm::statistics(x) -> (mean, variance), items: |p| p.channels as usize, fast)
};
pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[rungs::FORWARD_PLAIN, rungs::FORWARD_SHARED],
    ..kernel!(
        batch_norm::forward(x, mean, variance, gamma, beta) -> (y), items: |p| (p.batch * p.channels) as usize)
};
pub static UPDATE: Kernel<Params> = kernel!(
    batch_norm::update(mean, variance) -> (moving_mean: update, moving_variance: update),
    items: |p| p.channels as usize);
pub static BACKWARD_GAMMA_BETA: Kernel<Params> = Kernel {
    rungs: &[rungs::BACKWARD_GAMMA_BETA_PLAIN, rungs::BACKWARD_GAMMA_BETA_SHARED],
    ..kernel!(
        batch_norm::backward_gamma_beta(x, mean, variance, dy) -> (dgamma, dbeta),
        items: |p| p.channels as usize, fast)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    rungs: &[rungs::BACKWARD_X_PLAIN, rungs::BACKWARD_X_SHARED],
    ..kernel!(
        batch_norm::backward_x(x, mean, variance, gamma, dgamma, dbeta, dy) -> (dx),
        items: |p| (p.batch * p.channels) as usize)
};
