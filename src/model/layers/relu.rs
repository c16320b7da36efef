//! ReLU.

use super::layer::{Context, Layer};
use super::unit::{Behind, Unit};
use crate::error::Result;
use crate::ops;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Keras's `ReLU`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relu {}

impl Layer for Relu {
    fn label(&self) -> &'static str {
        "ReLU"
    }

    fn meaning(&self) -> &'static str {
        "What is above 0 passes; what is negative becomes 0."
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(inputs[0].to_vec())
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        ops::relu::relu(context.tape, &inputs[0])
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        vec![("output", output.iter().product())]
    }

    fn is_activation(&self) -> bool {
        true
    }

    fn unit(&self, behind: &Behind) -> Result<Unit> {
        Ok(Unit::Function {
            formula: "ReLU: max(x, 0)".into(),
            input: behind.same_place(),
            output: behind.output,
        })
    }
}
