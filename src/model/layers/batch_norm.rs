//! Batch normalisation.

use super::layer::{Context, Layer, Mode};
use super::unit::{Behind, Unit};
use crate::error::{Result, error};
use crate::model::slot::{Init, Slot};
use crate::ops;
use crate::ops::batch_norm::Norm;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Keras's `BatchNormalization`: of maps each channel, of `[features]` each feature.
///
/// Every forward pass in training normalises by its own batch, and moves the mean and the variance that are used later. So a
/// batch is one forward pass, and is not split. With loss scaling a step whose gradients overflowed moves them too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm {
    /// How much a step keeps of the moving mean and variance, from 0 up to below 1.
    #[serde(default = "momentum")]
    pub momentum: f64,
    /// Added to the variance, which may be 0.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
}

/// Keras's default.
fn momentum() -> f64 {
    0.99
}

/// Keras's default.
fn epsilon() -> f64 {
    1e-3
}

/// With Keras's momentum, 0.99, and epsilon, 0.001.
impl Default for BatchNorm {
    fn default() -> BatchNorm {
        BatchNorm { momentum: momentum(), epsilon: epsilon() }
    }
}

impl Layer for BatchNorm {
    fn label(&self) -> &'static str {
        "BatchNormalization"
    }

    fn meaning(&self) -> &'static str {
        "Shifts and scales every map to a mean of 0 and a variance of 1 over the batch, then by what it has learned. Outside \
         of training it takes the mean and the variance that it has seen on average."
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let BatchNorm { momentum, epsilon } = *self;
        if !(0.0..1.0).contains(&momentum) {
            return Err(error!(Usage, "momentum is {momentum}, not at least 0 and below 1"));
        }
        // In f32 it must not be 0: a variance of 0 is divided by.
        if !(f64::from(f32::MIN_POSITIVE)..=1.0).contains(&epsilon) {
            return Err(error!(Usage, "epsilon is {epsilon}, not above 0 and at most 1"));
        }
        match inputs[0].len() {
            1 | 3 => Ok(inputs[0].to_vec()),
            _ => Err(error!(Usage, "it takes [channels, height, width] or [features], not {:?}", inputs[0])),
        }
    }

    fn slots(&self, inputs: &[&[usize]]) -> Vec<Slot> {
        let channels = &inputs[0][..1];
        vec![
            Slot::parameter("gamma", channels, Init::Constant(1.0)),
            Slot::parameter("beta", channels, Init::Constant(0.0)),
            Slot::state("moving_mean", channels, Init::Constant(0.0)),
            Slot::state("moving_variance", channels, Init::Constant(1.0)),
        ]
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        let norm = Norm {
            gamma: context.slot("gamma"),
            beta: context.slot("beta"),
            moving_mean: &context.slot("moving_mean").tensor,
            moving_variance: &context.slot("moving_variance").tensor,
            momentum: self.momentum,
            epsilon: self.epsilon,
        };
        let training = matches!(context.mode, Mode::Train { .. });
        ops::batch_norm::batch_norm(context.tape, &inputs[0], &norm, training)
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        vec![("output", output.iter().product())]
    }

    fn couples_pictures(&self) -> bool {
        true
    }

    fn unit(&self, behind: &Behind) -> Result<Unit> {
        let of_channel = |name| Ok(behind.slot(name)?[behind.at[0]]);
        let (gamma, beta) = (of_channel("gamma")?, of_channel("beta")?);
        let (mean, variance) = (of_channel("moving_mean")?, of_channel("moving_variance")?);
        let input = behind.same_place();
        let normal = (f64::from(input) - f64::from(mean)) / (f64::from(variance) + self.epsilon).sqrt();
        let (epsilon, output) = (self.epsilon, behind.output);
        Ok(Unit::BatchNorm { input, mean, variance, epsilon, normal, gamma, beta, output })
    }
}
