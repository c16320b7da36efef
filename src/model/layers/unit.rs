//! The arithmetic behind one value, with its numbers, for a reader.

use crate::error::{Result, error};
use serde::Serialize;
use std::borrow::Cow;

/// How a value came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Unit {
    /// A sum over windows, one of each channel.
    Conv2d {
        /// One for each channel of the input, the largest first.
        terms: Vec<Term>,
        bias: f32,
        /// Of all terms and the bias.
        sum: f64,
        output: f32,
    },
    /// The largest of a window.
    MaxPool2d {
        /// `[height][width]`.
        window: Vec<Vec<f32>>,
        output: f32,
    },
    /// A weighted sum.
    Dense {
        /// The largest products.
        top: Vec<Top>,
        /// The sum of the others.
        rest: f64,
        bias: f32,
        sum: f64,
        output: f32,
    },
    /// A function of one value of the layer before.
    Function {
        /// Such as `ReLU: max(x, 0)`.
        formula: Cow<'static, str>,
        input: f32,
        output: f32,
    },
    /// Two values, added up.
    Sum { inputs: Vec<f32>, output: f32 },
    /// The mean of a map.
    Mean {
        /// Values of the map.
        count: usize,
        sum: f64,
        output: f32,
    },
    /// A value that is normalised by what was kept of the training, then multiplied by `gamma`, and `beta` added.
    BatchNorm {
        input: f32,
        mean: f32,
        variance: f32,
        /// What is added to the variance, so that nothing is divided by 0.
        epsilon: f64,
        /// (input - mean) / sqrt(variance + epsilon)
        normal: f64,
        gamma: f32,
        beta: f32,
        output: f32,
    },
    /// The value of the layer before, as it is.
    Same { output: f32 },
}

/// What one channel of the input adds to a convolution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Term {
    pub channel: usize,
    /// `[height][width]`; `None` outside of the picture, which counts as 0.
    pub inputs: Vec<Vec<Option<f32>>>,
    pub weights: Vec<Vec<f32>>,
    pub sum: f64,
}

/// One product of a dense unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Top {
    pub index: usize,
    pub input: f32,
    pub weight: f32,
    pub product: f64,
}

/// What stands behind one value: where it is, and the numbers that it came from.
pub struct Behind<'a> {
    /// Channel, row and column; of `[features]` the feature, 0 and 0.
    pub at: [usize; 3],
    pub output: f32,
    /// Values and shape of each input, of one picture.
    pub inputs: Vec<(&'a [f32], &'a [usize])>,
    /// The layer's slots that were read.
    pub slots: Vec<(&'static str, &'a [f32])>,
}

impl Behind<'_> {
    /// The input's value at the place of the output's, for functions of single values.
    pub fn same_place(&self) -> f32 {
        self.same_place_of(0)
    }

    /// The same of one of several inputs, by its number.
    pub fn same_place_of(&self, input: usize) -> f32 {
        let ((values, shape), [channel, row, column]) = (self.inputs[input], self.at);
        match shape {
            &[_, height, width] => values[(channel * height + row) * width + column],
            _ => values[channel],
        }
    }

    /// The values of a slot.
    ///
    /// # Errors
    /// `Usage` where it was not read.
    pub fn slot(&self, name: &str) -> Result<&[f32]> {
        let slot = self.slots.iter().find(|(known, _)| *known == name);
        slot.map(|(_, values)| *values).ok_or_else(|| error!(Usage, "{name} was not read"))
    }
}
