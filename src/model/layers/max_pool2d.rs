//! Max-pooling.

use super::layer::{Context, Layer, check_sizes, maps, pair};
use super::unit::{Behind, Unit};
use crate::error::{Remedy, Result, error};
use crate::ops;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Keras's `MaxPooling2D` without padding. Sizes are `[height, width]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct MaxPool2d {
    /// The window, in pixels.
    pub pool_size: [usize; 2],
    /// Pixels from window to window.
    pub strides: [usize; 2],
}

/// As files have it, with Keras's defaults: windows of 2x2 that do not overlap.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(deserialize_with = "pair", default = "two")]
    pool_size: [usize; 2],
    strides: Option<Strides>,
}

#[derive(Deserialize)]
struct Strides(#[serde(deserialize_with = "pair")] [usize; 2]);

fn two() -> [usize; 2] {
    [2; 2]
}

impl From<Written> for MaxPool2d {
    fn from(Written { pool_size, strides }: Written) -> MaxPool2d {
        MaxPool2d { pool_size, strides: strides.map_or(pool_size, |Strides(strides)| strides) }
    }
}

impl MaxPool2d {
    /// Square windows that do not overlap.
    pub fn new(pool_size: usize) -> MaxPool2d {
        MaxPool2d { pool_size: [pool_size; 2], strides: [pool_size; 2] }
    }
}

impl Layer for MaxPool2d {
    fn label(&self) -> &'static str {
        "MaxPooling2D"
    }

    fn meaning(&self) -> &'static str {
        "Of every window of units the largest is kept."
    }

    fn stem(&self) -> &'static str {
        "pool"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let MaxPool2d { pool_size, strides } = self;
        check_sizes(&[("pool_size", pool_size), ("strides", strides)])?;
        let [channels, height, width] = maps(inputs[0])?;
        if pool_size[0] > height || pool_size[1] > width {
            let why = error!(Usage, "a window of {pool_size:?} does not fit pictures of {height}x{width}");
            return Err(why.with(Remedy::LargerImageSize));
        }
        let out = |len: usize, i: usize| (len - pool_size[i]) / strides[i] + 1;
        Ok(vec![channels, out(height, 0), out(width, 1)])
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        ops::max_pool2d::max_pool2d(context.tape, &inputs[0], self.pool_size, self.strides)
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        let len = output.iter().product();
        vec![("output", len), ("argmax", len)]
    }

    fn unit(&self, behind: &Behind) -> Result<Unit> {
        let (x, shape) = behind.inputs[0];
        let ([_, in_h, in_w], [channel, row, column]) = (maps(shape)?, behind.at);
        let line = |h: usize| {
            let first = (channel * in_h + row * self.strides[0] + h) * in_w + column * self.strides[1];
            x[first..first + self.pool_size[1]].to_vec()
        };
        Ok(Unit::MaxPool2d { window: (0..self.pool_size[0]).map(line).collect(), output: behind.output })
    }
}
