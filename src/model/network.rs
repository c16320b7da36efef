//! The network as a list of layers: what a model file describes, without any numbers on a device.

use super::layer::{Activation, Layer};
use crate::error::{Result, error};
use serde::{Deserialize, Serialize};

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

    /// Floating-point operations of one image's forward pass: a multiplication and an addition per weight
    /// and position. Each of the two backward kernels takes about as many.
    pub fn flop(&self) -> u64 {
        let weights = self.parameters.as_ref().map_or(0, |[weight, _]| weight.iter().product());
        let positions: usize = self.output_shape[1..].iter().product();
        2 * weights as u64 * positions as u64
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
        let scaled = mean.is_finite() && std_dev.is_finite() && *std_dev > 0.0;
        if *grayscale != known.grayscale || *resize != known.resize || !scaled {
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
