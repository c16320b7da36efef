//! One layer of a network: its sizes, the shape it makes of another, its parameters.

use crate::error::{Result, error};
use crate::ops::conv2d::Padding;
use serde::{Deserialize, Serialize};

/// What is applied to a layer's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    Linear,
    Relu,
    /// Of the last layer only: training works on what goes into it, the logit.
    Sigmoid,
}

/// One layer. Sizes with two numbers are `[height, width]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Layer {
    Conv2d {
        filters: usize,
        kernel_size: [usize; 2],
        strides: [usize; 2],
        padding: Padding,
        activation: Activation,
    },
    MaxPool2d {
        pool_size: [usize; 2],
        strides: [usize; 2],
    },
    Flatten,
    Dense {
        units: usize,
        activation: Activation,
    },
    Dropout {
        rate: f64,
    },
}

/// Constructors with Keras's names and defaults.
impl Layer {
    /// `filters` square windows of `kernel_size`, stride 1, padding 'same', ReLU.
    pub fn conv2d(filters: usize, kernel_size: usize) -> Layer {
        Layer::Conv2d {
            filters,
            kernel_size: [kernel_size; 2],
            strides: [1; 2],
            padding: Padding::Same,
            activation: Activation::Relu,
        }
    }

    /// Square windows that do not overlap.
    pub fn max_pool2d(pool_size: usize) -> Layer {
        Layer::MaxPool2d { pool_size: [pool_size; 2], strides: [pool_size; 2] }
    }

    pub fn flatten() -> Layer {
        Layer::Flatten
    }

    pub fn dense(units: usize, activation: Activation) -> Layer {
        Layer::Dense { units, activation }
    }

    pub fn dropout(rate: f64) -> Layer {
        Layer::Dropout { rate }
    }

    /// Every number of the layer that is a size.
    pub(super) fn sizes(&self) -> Vec<usize> {
        match self {
            Layer::Conv2d { filters, kernel_size, strides, .. } => {
                [&[*filters], &kernel_size[..], strides].concat()
            }
            Layer::MaxPool2d { pool_size, strides } => [&pool_size[..], strides].concat(),
            Layer::Dense { units, .. } => vec![*units],
            Layer::Flatten | Layer::Dropout { .. } => vec![],
        }
    }

    /// The first part of the layer's name, which is numbered among its kind: `conv1`, `dense2`.
    pub(super) fn stem(&self) -> &'static str {
        match self {
            Layer::Conv2d { .. } => "conv",
            Layer::MaxPool2d { .. } => "pool",
            Layer::Flatten => "flatten",
            Layer::Dense { .. } => "dense",
            Layer::Dropout { .. } => "dropout",
        }
    }

    /// The name in tables, as Keras calls it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Layer::Conv2d { .. } => "Conv2D",
            Layer::MaxPool2d { .. } => "MaxPooling2D",
            Layer::Flatten => "Flatten",
            Layer::Dense { .. } => "Dense",
            Layer::Dropout { .. } => "Dropout",
        }
    }

    /// What the layer makes of one image's shape: `[channels, height, width]` or `[features]`.
    pub(super) fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        match (self, input) {
            (Layer::Conv2d { filters, kernel_size, strides, padding, .. }, &[_, height, width]) => {
                let axis = |len, i: usize| padding.axis(len, kernel_size[i], strides[i]);
                let (Some((out_h, _)), Some((out_w, _))) = (axis(height, 0), axis(width, 1)) else {
                    return Err(error!(
                        Usage,
                        "a window of {kernel_size:?} does not fit pictures of {height}x{width}: \
                         use a larger --image-size"
                    ));
                };
                Ok(vec![*filters, out_h, out_w])
            }
            (Layer::MaxPool2d { pool_size, strides }, &[channels, height, width]) => {
                if pool_size[0] > height
                    || pool_size[1] > width
                    || pool_size.contains(&0)
                    || strides.contains(&0)
                {
                    return Err(error!(
                        Usage,
                        "pooling windows of {pool_size:?} do not fit pictures of {height}x{width}: \
                         use a larger --image-size"
                    ));
                }
                let out = |len: usize, i: usize| (len - pool_size[i]) / strides[i] + 1;
                Ok(vec![channels, out(height, 0), out(width, 1)])
            }
            (Layer::Flatten, shape) => Ok(vec![shape.iter().product()]),
            (Layer::Dense { units, .. }, &[_]) => Ok(vec![*units]),
            (Layer::Dropout { .. }, shape @ &[_]) => Ok(shape.to_vec()),
            (layer, shape) => {
                Err(error!(Usage, "a {} layer cannot follow a shape of {shape:?}", layer.type_name()))
            }
        }
    }

    /// Shapes of the layer's weight and bias; `None` for a layer without.
    pub(super) fn parameter_shapes(&self, input: &[usize]) -> Option<[Vec<usize>; 2]> {
        match self {
            Layer::Conv2d { filters, kernel_size, .. } => {
                Some([vec![*filters, input[0], kernel_size[0], kernel_size[1]], vec![*filters]])
            }
            Layer::Dense { units, .. } => Some([vec![*units, input[0]], vec![*units]]),
            Layer::MaxPool2d { .. } | Layer::Flatten | Layer::Dropout { .. } => None,
        }
    }
}
