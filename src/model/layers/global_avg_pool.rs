//! Global average pooling.

use super::layer::{Context, Layer, maps};
use super::unit::{Behind, Unit};
use crate::error::Result;
use crate::ops;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Keras's `GlobalAveragePooling2D`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAvgPool {}

impl Layer for GlobalAvgPool {
    fn label(&self) -> &'static str {
        "GlobalAveragePooling2D"
    }

    fn meaning(&self) -> &'static str {
        "Of every map the mean: how much there is of what it looks for, wherever that is."
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let [channels, ..] = maps(inputs[0])?;
        Ok(vec![channels])
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        ops::global_avg_pool::global_avg_pool(context.tape, &inputs[0])
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        vec![("output", output.iter().product())]
    }

    fn flop(&self, inputs: &[&[usize]], _output: &[usize]) -> u64 {
        inputs[0].iter().product::<usize>() as u64
    }

    fn unit(&self, behind: &Behind) -> Result<Unit> {
        let (x, shape) = behind.inputs[0];
        let [_, height, width] = maps(shape)?;
        let count = height * width;
        let map = &x[behind.at[0] * count..][..count];
        let sum = map.iter().map(|&x| f64::from(x)).sum();
        Ok(Unit::Mean { count, sum, output: behind.output })
    }
}
