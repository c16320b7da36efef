//! Leaky ReLU.

use super::layer::{Context, Layer};
use super::unit::{Behind, Unit};
use crate::error::{Result, error};
use crate::ops;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Keras's `LeakyReLU`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeakyRelu {
    /// What values below 0 are multiplied by; at least 0.
    #[serde(default = "negative_slope")]
    pub negative_slope: f64,
}

/// Keras's default.
fn negative_slope() -> f64 {
    0.3
}

impl LeakyRelu {
    /// With this slope below 0.
    pub fn new(negative_slope: f64) -> LeakyRelu {
        LeakyRelu { negative_slope }
    }
}

/// With Keras's slope, 0.3.
impl Default for LeakyRelu {
    fn default() -> LeakyRelu {
        LeakyRelu::new(negative_slope())
    }
}

impl Layer for LeakyRelu {
    fn label(&self) -> &'static str {
        "LeakyReLU"
    }

    fn meaning(&self) -> &'static str {
        "What is above 0 passes; of what is negative a part does, so that no unit falls silent for good."
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        if !(0.0..=f64::from(f32::MAX)).contains(&self.negative_slope) {
            return Err(error!(
                Usage,
                "negative_slope is {}, not a number of at least 0", self.negative_slope
            ));
        }
        Ok(inputs[0].to_vec())
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        ops::leaky_relu::leaky_relu(context.tape, &inputs[0], self.negative_slope as f32)
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        vec![("output", output.iter().product())]
    }

    fn is_activation(&self) -> bool {
        true
    }

    fn unit(&self, behind: &Behind) -> Result<Unit> {
        let formula = format!("LeakyReLU: x, below 0 times {}", self.negative_slope).into();
        Ok(Unit::Function { formula, input: behind.same_place(), output: behind.output })
    }
}
