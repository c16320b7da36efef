//! The arithmetic behind one value of one layer.

use super::Inside;
use crate::error::{Result, error};
use crate::model::{Activation, Layer};
use serde::Serialize;

/// Products of a dense unit that are told one by one.
const TOP: usize = 32;

/// How a value came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Unit {
    Conv2d {
        /// One for each channel of the input, the largest first.
        terms: Vec<Term>,
        bias: f32,
        /// Of all terms and the bias, before the activation.
        sum: f64,
        activation: Activation,
        output: f32,
    },
    MaxPool2d {
        /// `[height][width]`; the largest is the output.
        window: Vec<Vec<f32>>,
        output: f32,
    },
    Dense {
        /// The largest products.
        top: Vec<Top>,
        /// The sum of the others.
        rest: f64,
        bias: f32,
        sum: f64,
        activation: Activation,
        output: f32,
    },
    /// The value of the layer before, as it is.
    Other { output: f32 },
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

impl Inside {
    /// The arithmetic behind `[channel, row, column]` of the layer at `index`; a dense unit is a channel.
    ///
    /// # Errors
    /// `Usage` where there is no such value, or its weights were not read.
    pub fn unit(&self, index: usize, channel: usize, row: usize, column: usize) -> Result<Unit> {
        let seen = self.layers.get(index).ok_or_else(|| error!(Usage, "there is no layer {index}"))?;
        let (channels, height, width) = match seen.placed.output_shape[..] {
            [channels, height, width] => (channels, height, width),
            _ => (seen.values.len(), 1, 1),
        };
        if channel >= channels || row >= height || column >= width {
            let name = &seen.placed.name;
            return Err(error!(Usage, "{name} is {channels} x {height} x {width}: there is no such value"));
        }
        let output = seen.values[(channel * height + row) * width + column];
        match &seen.placed.layer {
            Layer::Conv2d { .. } => self.convolved(index, channel, row, column, output),
            Layer::MaxPool2d { .. } => Ok(self.pooled(index, channel, row, column, output)),
            Layer::Dense { .. } => self.weighed(index, channel, output),
            Layer::Flatten | Layer::Dropout { .. } => Ok(Unit::Other { output }),
        }
    }

    fn parameters(&self, index: usize) -> Result<(&[f32], &[f32])> {
        let [weight, bias] = self.weights(index).ok_or_else(|| {
            error!(
                Usage,
                "the weights of {} are too many to be read while the training is followed: look at the saved model",
                self.layers[index].placed.name
            )
        })?;
        Ok((weight, bias))
    }

    fn convolved(
        &self,
        index: usize,
        channel: usize,
        row: usize,
        column: usize,
        output: f32,
    ) -> Result<Unit> {
        let Layer::Conv2d { kernel_size, strides, padding, activation, .. } =
            &self.layers[index].placed.layer
        else {
            unreachable!("a convolution")
        };
        let (weight, bias) = self.parameters(index)?;
        let (x, shape) = self.input_of(index);
        let &[in_channels, in_h, in_w] = shape else { unreachable!("maps go into a convolution") };
        let [kernel_h, kernel_w] = *kernel_size;
        let pad =
            |len, axis: usize| padding.axis(len, kernel_size[axis], strides[axis]).map_or(0, |(_, pad)| pad);
        let (top, left) = (pad(in_h, 0) as i64, pad(in_w, 1) as i64);
        let input = |ci: usize, kh: usize, kw: usize| {
            let ih = usize::try_from((row * strides[0] + kh) as i64 - top).ok().filter(|&ih| ih < in_h)?;
            let iw =
                usize::try_from((column * strides[1] + kw) as i64 - left).ok().filter(|&iw| iw < in_w)?;
            Some(x[(ci * in_h + ih) * in_w + iw])
        };
        let mut terms: Vec<Term> = (0..in_channels)
            .map(|ci| {
                let first = (channel * in_channels + ci) * kernel_h * kernel_w;
                let rows = |kh| first + kh * kernel_w..first + (kh + 1) * kernel_w;
                let weights: Vec<_> = (0..kernel_h).map(|kh| weight[rows(kh)].to_vec()).collect();
                let inputs: Vec<Vec<_>> =
                    (0..kernel_h).map(|kh| (0..kernel_w).map(|kw| input(ci, kh, kw)).collect()).collect();
                let pairs = inputs.iter().flatten().zip(weights.iter().flatten());
                let sum = pairs.map(|(x, w)| f64::from(x.unwrap_or(0.0)) * f64::from(*w)).sum();
                Term { channel: ci, inputs, weights, sum }
            })
            .collect();
        let bias = bias[channel];
        let sum = terms.iter().map(|term| term.sum).sum::<f64>() + f64::from(bias);
        terms.sort_by(|a, b| b.sum.abs().total_cmp(&a.sum.abs()));
        Ok(Unit::Conv2d { terms, bias, sum, activation: *activation, output })
    }

    fn pooled(&self, index: usize, channel: usize, row: usize, column: usize, output: f32) -> Unit {
        let Layer::MaxPool2d { pool_size, strides } = &self.layers[index].placed.layer else {
            unreachable!("a pooling")
        };
        let (x, shape) = self.input_of(index);
        let (in_h, in_w) = (shape[1], shape[2]);
        let line = |h: usize| {
            let first = (channel * in_h + row * strides[0] + h) * in_w + column * strides[1];
            x[first..first + pool_size[1]].to_vec()
        };
        Unit::MaxPool2d { window: (0..pool_size[0]).map(line).collect(), output }
    }

    fn weighed(&self, index: usize, unit: usize, output: f32) -> Result<Unit> {
        let Layer::Dense { activation, .. } = self.layers[index].placed.layer else { unreachable!("dense") };
        let (weight, bias) = self.parameters(index)?;
        let (x, _) = self.input_of(index);
        let products = x.iter().zip(&weight[unit * x.len()..]).enumerate();
        let mut top: Vec<Top> = products
            .map(|(index, (&input, &weight))| Top {
                index,
                input,
                weight,
                product: f64::from(input) * f64::from(weight),
            })
            .collect();
        top.sort_by(|a, b| b.product.abs().total_cmp(&a.product.abs()));
        let rest = top.iter().skip(TOP).map(|top| top.product).sum::<f64>();
        top.truncate(TOP);
        let bias = bias[unit];
        let sum = top.iter().map(|top| top.product).sum::<f64>() + rest + f64::from(bias);
        // The sigmoid belongs to the head: the value of the last layer is the logit.
        let activation = if activation == Activation::Sigmoid { Activation::Linear } else { activation };
        Ok(Unit::Dense { top, rest, bias, sum, activation, output })
    }
}
