//! Dropout.

use super::layer::{Context, Layer, Mode, features};
use crate::error::{Result, error};
use crate::ops;
use crate::ops::dropout::Mask;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Keras's `Dropout`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Share of the values that are dropped, from 0 up to below 1.
    pub rate: f64,
}

impl Dropout {
    pub fn new(rate: f64) -> Dropout {
        Dropout { rate }
    }
}

impl Layer for Dropout {
    fn label(&self) -> &'static str {
        "Dropout"
    }

    fn meaning(&self) -> &'static str {
        "Switches off some units at random in training. Outside of training it changes nothing."
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        if !(0.0..1.0).contains(&self.rate) {
            return Err(error!(Usage, "rate is {}, not at least 0 and below 1", self.rate));
        }
        features(inputs[0]).map(|features| vec![features])
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        let x = &inputs[0];
        match context.mode {
            Mode::Train { seed, step, first_image } if self.rate > 0.0 => {
                let mask = Mask { seed, step, layer: context.number, first_image };
                ops::dropout::dropout(context.tape, x, self.rate as f32, mask)
            }
            _ => Ok(x.clone()),
        }
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        vec![("output", output.iter().product())]
    }
}
