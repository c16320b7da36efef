//! Flatten.

use super::layer::{Context, Layer};
use crate::error::Result;
use crate::ops;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Keras's `Flatten`, in the order of memory: channel by channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {}

impl Layer for Flatten {
    fn label(&self) -> &'static str {
        "Flatten"
    }

    fn meaning(&self) -> &'static str {
        "The same numbers in one row, map after map. Nothing is computed."
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(vec![inputs[0].iter().product()])
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        ops::flatten::flatten(context.tape, &inputs[0])
    }

    fn keeps(&self, _inputs: &[&[usize]], _output: &[usize]) -> Vec<(&'static str, usize)> {
        Vec::new() // a view
    }
}
