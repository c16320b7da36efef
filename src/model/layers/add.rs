//! The sum of two values.

use super::layer::{Context, Layer};
use super::unit::{Behind, Unit};
use crate::error::{Result, error};
use crate::ops;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Keras's `Add`, of two values of one shape: what a residual network's shortcuts end in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {}

impl Layer for Add {
    fn label(&self) -> &'static str {
        "Add"
    }

    fn meaning(&self) -> &'static str {
        "Two layers, added up value by value: what one of them passes on, the other only has to correct."
    }

    fn arity(&self) -> usize {
        2
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        if inputs[0] != inputs[1] {
            return Err(error!(
                Usage,
                "it takes two values of one shape, not {:?} and {:?}", inputs[0], inputs[1]
            ));
        }
        Ok(inputs[0].to_vec())
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        ops::add::add(context.tape, &inputs[0], &inputs[1])
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        vec![("output", output.iter().product())]
    }

    fn unit(&self, behind: &Behind) -> Result<Unit> {
        let inputs = (0..2).map(|input| behind.same_place_of(input)).collect();
        Ok(Unit::Sum { inputs, output: behind.output })
    }
}
