//! 2-D convolution.

use super::layer::{Context, Layer, check_sizes, is_yes, maps, pair, yes};
use super::unit::{Behind, Term, Unit};
use crate::error::{Remedy, Result, error};
use crate::model::slot::{Init, Slot};
use crate::ops;
use crate::ops::conv2d::Padding;
use crate::tape::Var;
use serde::{Deserialize, Serialize};

/// Keras's `Conv2D` without its activation, with Keras's defaults in files. Sizes with two numbers are `[height, width]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Maps of the output.
    pub filters: usize,
    /// The window, in pixels.
    #[serde(deserialize_with = "pair")]
    pub kernel_size: [usize; 2],
    /// Pixels from window to window.
    #[serde(deserialize_with = "pair", default = "one")]
    pub strides: [usize; 2],
    /// Whether zeros surround the input.
    #[serde(default = "valid")]
    pub padding: Padding,
    /// Whether each map has a number that is added to it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub use_bias: bool,
}

fn one() -> [usize; 2] {
    [1; 2]
}

fn valid() -> Padding {
    Padding::Valid
}

impl Conv2d {
    /// `filters` square windows of `kernel_size`, stride 1, padding 'same'.
    pub fn new(filters: usize, kernel_size: usize) -> Conv2d {
        Conv2d {
            filters,
            kernel_size: [kernel_size; 2],
            strides: [1; 2],
            padding: Padding::Same,
            use_bias: true,
        }
    }

    /// The slot `bias`, or zeros in its place: for the fused kernel too.
    pub(super) fn bias(&self, context: &Context) -> Var {
        if self.use_bias { context.slot("bias").clone() } else { context.zeros(self.filters) }
    }
}

impl Layer for Conv2d {
    fn label(&self) -> &'static str {
        "Conv2D"
    }

    fn meaning(&self) -> &'static str {
        "Every map comes from a filter of its own, which is slid over all maps of the layer before."
    }

    fn stem(&self) -> &'static str {
        "conv"
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let Conv2d { filters, kernel_size, strides, padding, .. } = self;
        check_sizes(&[("filters", &[*filters]), ("kernel_size", kernel_size), ("strides", strides)])?;
        let [_, height, width] = maps(inputs[0])?;
        let axis = |len, i: usize| padding.axis(len, kernel_size[i], strides[i]);
        match (axis(height, 0), axis(width, 1)) {
            (Some((out_h, _)), Some((out_w, _))) => Ok(vec![*filters, out_h, out_w]),
            _ => {
                let why =
                    error!(Usage, "a window of {kernel_size:?} does not fit pictures of {height}x{width}");
                Err(why.with(Remedy::LargerImageSize))
            }
        }
    }

    fn slots(&self, inputs: &[&[usize]]) -> Vec<Slot> {
        let [kernel_h, kernel_w] = self.kernel_size;
        let weight = [self.filters, inputs[0][0], kernel_h, kernel_w];
        let mut slots = vec![Slot::parameter("weight", &weight, Init::Weight)];
        if self.use_bias {
            slots.push(Slot::parameter("bias", &[self.filters], Init::Constant(0.0)));
        }
        slots
    }

    fn zeros(&self) -> usize {
        if self.use_bias { 0 } else { self.filters }
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        let (w, b) = (context.slot("weight"), self.bias(context));
        ops::conv2d::conv2d(context.tape, &inputs[0], w, &b, self.strides, self.padding)
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        vec![("output", output.iter().product())]
    }

    fn flop(&self, inputs: &[&[usize]], output: &[usize]) -> u64 {
        let window = inputs[0][0] * self.kernel_size.iter().product::<usize>();
        (2 * window as u64).saturating_mul(output.iter().product::<usize>() as u64)
    }

    fn unit(&self, behind: &Behind) -> Result<Unit> {
        let weight = behind.slot("weight")?;
        let (x, shape) = behind.inputs[0];
        let [in_channels, in_h, in_w] = maps(shape)?;
        let [channel, row, column] = behind.at;
        let [kernel_h, kernel_w] = self.kernel_size;
        // Row or column of the input that the window's row or column k is at; none in the padding.
        let source = |len, axis: usize, at: usize, k: usize| {
            let pad =
                self.padding.axis(len, self.kernel_size[axis], self.strides[axis]).map_or(0, |(_, pad)| pad);
            (at * self.strides[axis] + k).checked_sub(pad).filter(|&i| i < len)
        };
        let input = |ci: usize, kh: usize, kw: usize| {
            let (ih, iw) = (source(in_h, 0, row, kh)?, source(in_w, 1, column, kw)?);
            Some(x[(ci * in_h + ih) * in_w + iw])
        };
        let term = |ci| {
            let first = (channel * in_channels + ci) * kernel_h * kernel_w;
            let rows = |kh| first + kh * kernel_w..first + (kh + 1) * kernel_w;
            let weights: Vec<_> = (0..kernel_h).map(|kh| weight[rows(kh)].to_vec()).collect();
            let inputs: Vec<Vec<_>> =
                (0..kernel_h).map(|kh| (0..kernel_w).map(|kw| input(ci, kh, kw)).collect()).collect();
            let pairs = inputs.iter().flatten().zip(weights.iter().flatten());
            let sum = pairs.map(|(x, w)| f64::from(x.unwrap_or(0.0)) * f64::from(*w)).sum();
            Term { channel: ci, inputs, weights, sum }
        };
        let mut terms: Vec<Term> = (0..in_channels).map(term).collect();
        let bias = if self.use_bias { behind.slot("bias")?[channel] } else { 0.0 };
        let sum = terms.iter().map(|term| term.sum).sum::<f64>() + f64::from(bias);
        terms.sort_by(|a, b| b.sum.abs().total_cmp(&a.sum.abs()));
        Ok(Unit::Conv2d { terms, bias, sum, output: behind.output })
    }
}
