//! The network as a list of layers: what a model file describes, without any numbers on a device.

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
    fn sizes(&self) -> Vec<usize> {
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
    fn stem(&self) -> &'static str {
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
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
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
    fn parameter_shapes(&self, input: &[usize]) -> Option<[Vec<usize>; 2]> {
        match self {
            Layer::Conv2d { filters, kernel_size, .. } => {
                Some([vec![*filters, input[0], kernel_size[0], kernel_size[1]], vec![*filters]])
            }
            Layer::Dense { units, .. } => Some([vec![*units, input[0]], vec![*units]]),
            Layer::MaxPool2d { .. } | Layer::Flatten | Layer::Dropout { .. } => None,
        }
    }
}

/// A network and what it needs to know about pictures: all that a model file says beside the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    pub channels: usize,
    /// Names of the classes, in the order of the labels.
    pub classes: Vec<String>,
    /// Pictures are resized to this many pixels in height and width.
    pub image_size: usize,
    pub layers: Vec<Layer>,
    pub preprocessing: Preprocessing,
}

/// How pixels become the network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    pub grayscale: String,
    pub resize: String,
    /// The input is `(pixel / 255 - mean) / std_dev`.
    pub mean: f32,
    pub std_dev: f32,
}

impl Default for Preprocessing {
    fn default() -> Self {
        Preprocessing {
            grayscale: "bt601".to_string(),
            resize: "bilinear_antialiased".to_string(),
            mean: 0.0,
            std_dev: 1.0,
        }
    }
}

/// The smallest picture: three poolings halve it to one pixel.
pub const MIN_IMAGE_SIZE: usize = 8;
/// The largest picture: larger ones are not decoded either.
pub const MAX_IMAGE_SIZE: usize = 16_384;
/// More units, filters or pixels of a window than any network has; keeps products of sizes below 2^64.
const MAX_LAYER_SIZE: usize = 1 << 16;

/// A layer in its place in the network. Shapes are those of one image.
#[derive(Debug, Clone)]
pub struct Placed {
    /// `conv1`, `pool1`, …
    pub name: String,
    pub layer: Layer,
    pub input_shape: Vec<usize>,
    pub output_shape: Vec<usize>,
    /// Shapes of weight and bias.
    pub parameters: Option<[Vec<usize>; 2]>,
}

impl Placed {
    /// How many numbers the layer learns.
    pub fn parameter_count(&self) -> usize {
        self.parameters.iter().flatten().map(|shape| shape.iter().product::<usize>()).sum()
    }
}

impl Network {
    /// The default network: three convolutions with pooling, then three dense layers.
    pub fn cats_and_dogs(classes: Vec<String>, image_size: usize, dropout: f64) -> Network {
        Network {
            channels: 1,
            classes,
            image_size,
            layers: vec![
                Layer::conv2d(64, 3),
                Layer::max_pool2d(2),
                Layer::conv2d(128, 3),
                Layer::max_pool2d(2),
                Layer::conv2d(256, 3),
                Layer::max_pool2d(2),
                Layer::flatten(),
                Layer::dense(128, Activation::Relu),
                Layer::dropout(dropout),
                Layer::dense(64, Activation::Relu),
                Layer::dense(1, Activation::Sigmoid),
            ],
            preprocessing: Preprocessing::default(),
        }
    }

    /// Finds what no network can have, such as in a file that somebody else wrote.
    fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(error!(Usage, "{what}"));
        if !(MIN_IMAGE_SIZE..=MAX_IMAGE_SIZE).contains(&self.image_size) {
            return wrong(format!(
                "an image size of {} is not between {MIN_IMAGE_SIZE} and {MAX_IMAGE_SIZE}: use another --image-size",
                self.image_size
            ));
        }
        if self.classes.len() != 2 || self.classes[0] == self.classes[1] || self.channels != 1 {
            let classes = self.classes.join(", ");
            return wrong(format!(
                "two classes and one channel are supported, not ({classes}) and {}",
                self.channels
            ));
        }
        let Preprocessing { grayscale, resize, mean, std_dev } = &self.preprocessing;
        let known = Preprocessing::default();
        if *grayscale != known.grayscale || *resize != known.resize || !mean.is_finite() || !(*std_dev > 0.0)
        {
            return wrong(format!("pictures cannot be prepared as {:?}", self.preprocessing));
        }
        let sizes = self.layers.iter().flat_map(Layer::sizes);
        if let Some(size) = sizes.into_iter().find(|size| !(1..=MAX_LAYER_SIZE).contains(size)) {
            return wrong(format!("a layer has a size of {size}, not between 1 and {MAX_LAYER_SIZE}"));
        }
        let sigmoid = |layer: &Layer| match layer {
            Layer::Conv2d { activation, .. } | Layer::Dense { activation, .. } => {
                *activation == Activation::Sigmoid
            }
            _ => false,
        };
        let ends_right = self.layers.last() == Some(&Layer::dense(1, Activation::Sigmoid));
        if !ends_right || self.layers.iter().filter(|layer| sigmoid(layer)).count() != 1 {
            return wrong("a network ends with one dense unit and its sigmoid, and has no other".to_string());
        }
        Ok(())
    }

    /// Every layer with its name and shapes.
    ///
    /// # Errors
    /// `Usage` where a layer does not fit what comes before it.
    pub fn placed(&self) -> Result<Vec<Placed>> {
        self.check()?;
        let mut shape = vec![self.channels, self.image_size, self.image_size];
        let mut placed: Vec<Placed> = Vec::new();
        for layer in &self.layers {
            let number = 1 + placed.iter().filter(|earlier| earlier.layer.stem() == layer.stem()).count();
            let output_shape = layer.output_shape(&shape)?;
            placed.push(Placed {
                name: format!("{}{number}", layer.stem()),
                layer: layer.clone(),
                parameters: layer.parameter_shapes(&shape),
                input_shape: std::mem::replace(&mut shape, output_shape.clone()),
                output_shape,
            });
        }
        Ok(placed)
    }
}
