//! Fully connected layer.

use super::layer::{Context, Layer, check_sizes, features, is_yes, yes};
use super::unit::{Behind, Top, Unit};
use crate::error::Result;
use crate::model::slot::{Init, Slot};
use crate::ops;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Products that are listed one by one.
const TOP: usize = 32;

/// Keras's `Dense` without its activation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Features of the output.
    pub units: usize,
    /// Whether each unit has a number that is added to it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub use_bias: bool,
}

impl Dense {
    /// With so many units.
    pub fn new(units: usize) -> Dense {
        Dense { units, use_bias: true }
    }
}

impl Layer for Dense {
    fn label(&self) -> &'static str {
        "Dense"
    }

    fn meaning(&self) -> &'static str {
        "Every unit is a weighted sum of all the numbers before it."
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        check_sizes(&[("units", &[self.units])])?;
        features(inputs[0]).map(|_| vec![self.units])
    }

    fn slots(&self, inputs: &[&[usize]]) -> Vec<Slot> {
        let weight = Slot::parameter("weight", &[self.units, inputs[0][0]], Init::Weight);
        match self.use_bias {
            true => vec![weight, Slot::parameter("bias", &[self.units], Init::Constant(0.0))],
            false => vec![weight],
        }
    }

    fn zeros(&self) -> usize {
        if self.use_bias { 0 } else { self.units }
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        let bias = if self.use_bias { context.slot("bias").clone() } else { context.zeros(self.units) };
        ops::dense::dense(context.tape, &inputs[0], context.slot("weight"), &bias)
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        vec![("output", output.iter().product())]
    }

    fn flop(&self, inputs: &[&[usize]], _output: &[usize]) -> u64 {
        2 * inputs[0][0] as u64 * self.units as u64
    }

    fn unit(&self, behind: &Behind) -> Result<Unit> {
        let weight = behind.slot("weight")?;
        let ((x, _), unit) = (behind.inputs[0], behind.at[0]);
        let product = |(index, (&input, &weight)): (usize, (&f32, &f32))| Top {
            index,
            input,
            weight,
            product: f64::from(input) * f64::from(weight),
        };
        let mut top: Vec<Top> = x.iter().zip(&weight[unit * x.len()..]).enumerate().map(product).collect();
        top.sort_by(|a, b| b.product.abs().total_cmp(&a.product.abs()));
        let rest = top.iter().skip(TOP).map(|top| top.product).sum::<f64>();
        top.truncate(TOP);
        let bias = if self.use_bias { behind.slot("bias")?[unit] } else { 0.0 };
        let sum = top.iter().map(|top| top.product).sum::<f64>() + rest + f64::from(bias);
        Ok(Unit::Dense { top, rest, bias, sum, output: behind.output })
    }
}
