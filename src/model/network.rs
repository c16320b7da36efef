//! What a model file says beside the weights: classes, pictures, layers, head. No numbers on a device.

use super::fuse::fuse;
use super::graph::{Graph, Placed};
use super::head::Head;
use super::layers::{Conv2d, Dense, Dropout, Flatten, MaxPool2d, Relu};
use crate::data::{Color, Raster};
use crate::device::Device;
use crate::error::{Remedy, Result, count, error, list, shown};
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A network, and what it needs to know about pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Of a picture: 1, gray, or 3, red, green and blue.
    pub channels: usize,
    /// Names of the classes, in the order of the labels.
    pub classes: Vec<String>,
    /// What is made of the last layer's output.
    pub head: Head,
    /// Pictures are resized to this many pixels in height and width.
    pub image_size: usize,
    /// The layers.
    pub nodes: Graph,
    /// How pixels become the input.
    pub preprocessing: Preprocessing,
}

/// How pixels become the network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// `bt601`: the luma of BT.601; nothing for pictures in colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grayscale: Option<String>,
    /// `bilinear_antialiased`: as Pillow's BILINEAR; the aspect ratio is not kept.
    pub resize: String,
    /// The input is `(pixel / 255 - mean) / std_dev`.
    pub mean: f32,
    pub std_dev: f32,
}

impl Preprocessing {
    /// What pictures of this colour usually get.
    pub fn of(color: Color) -> Preprocessing {
        Preprocessing {
            grayscale: (color == Color::Gray).then(|| "bt601".to_string()),
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

impl Network {
    /// A network of these layers for gray pictures of these classes.
    pub fn new(classes: Vec<String>, image_size: usize, nodes: Graph) -> Network {
        let (head, preprocessing) = (Head::of(classes.len()), Preprocessing::of(Color::Gray));
        Network { channels: 1, classes, head, image_size, nodes, preprocessing }
    }

    /// The same for pixels that are moved and scaled by these: the input is `(pixel / 255 - mean) / std_dev`.
    pub fn normalized(self, mean: f32, std_dev: f32) -> Network {
        Network { preprocessing: Preprocessing { mean, std_dev, ..self.preprocessing }, ..self }
    }

    /// The default network: three convolutions with pooling, then three dense layers.
    pub fn cats_and_dogs(classes: Vec<String>, image_size: usize, dropout: f64) -> Network {
        // Too few classes are found by whoever looks at the network.
        let logits = Head::of(classes.len()).logits(classes.len()).unwrap_or(1);
        let nodes = Graph::new()
            .then(Conv2d::new(64, 3))
            .then(Relu {})
            .then(MaxPool2d::new(2))
            .then(Conv2d::new(128, 3))
            .then(Relu {})
            .then(MaxPool2d::new(2))
            .then(Conv2d::new(256, 3))
            .then(Relu {})
            .then(MaxPool2d::new(2))
            .then(Flatten {})
            .then(Dense::new(128))
            .then(Relu {})
            .then(Dropout::new(dropout))
            .then(Dense::new(64))
            .then(Relu {})
            .then(Dense::new(logits));
        Network::new(classes, image_size, nodes)
    }

    /// The same for pictures of this colour.
    pub fn in_color(self, color: Color) -> Network {
        Network { channels: color.channels(), preprocessing: Preprocessing::of(color), ..self }
    }

    /// Whether a layer drops some of its values in training.
    pub fn has_dropout(&self) -> bool {
        self.nodes.nodes.iter().any(|node| node.layer.downcast::<Dropout>().is_some())
    }

    /// Weights of the classes for [`Head::loss`], f32 `[classes]`, with which they count alike.
    ///
    /// # Errors
    /// `OutOfMemory`.
    pub fn even_weights(&self, device: &Device) -> Result<Tensor> {
        Tensor::from_f32(device, &[self.classes.len()], &vec![1.0; self.classes.len()])
    }

    /// What pictures are made into.
    pub fn raster(&self) -> Raster {
        let color = if self.channels == 1 { Color::Gray } else { Color::Rgb };
        Raster { size: self.image_size, color }
    }

    /// The shape of one picture.
    pub fn input_shape(&self) -> [usize; 3] {
        [self.channels, self.image_size, self.image_size]
    }

    /// Every node with its shapes.
    ///
    /// # Errors
    /// `Usage` for what no network can have.
    pub fn placed(&self) -> Result<Vec<Placed>> {
        self.check()?;
        let placed = self.nodes.placed(&self.input_shape())?;
        let output = placed.last().expect("a network has a layer");
        let logits = self.head.logits(self.classes.len())?;
        if output.output_shape != [logits] {
            return Err(error!(
                Usage,
                "the last layer, {}, makes {:?} of a picture, but {} classes take {}",
                shown(&output.name),
                output.output_shape,
                self.classes.len(),
                count(logits, "logit")
            ));
        }
        Ok(placed)
    }

    /// For each node that a fused model computes together with others: the kernel that does it.
    pub fn fused_kernels(&self) -> BTreeMap<String, &'static str> {
        fuse(&self.nodes).kernels
    }

    /// Finds what no network can have, such as in a file that somebody else wrote.
    fn check(&self) -> Result<()> {
        let size = self.image_size;
        if !(MIN_IMAGE_SIZE..=MAX_IMAGE_SIZE).contains(&size) {
            let why =
                error!(Usage, "an image size of {size} is not between {MIN_IMAGE_SIZE} and {MAX_IMAGE_SIZE}");
            return Err(why.with(Remedy::OtherImageSize));
        }
        self.head.logits(self.classes.len())?;
        let names: BTreeSet<_> = self.classes.iter().collect();
        if names.len() < self.classes.len() {
            return Err(error!(Usage, "two classes have one name: {}", list(&self.classes)));
        }
        let color = self.raster().color;
        if self.channels != color.channels() {
            return Err(error!(
                Usage,
                "pictures have 1 channel, gray, or 3, red, green and blue, not {}", self.channels
            ));
        }
        let Preprocessing { grayscale, resize, mean, std_dev } = &self.preprocessing;
        let known = Preprocessing::of(color);
        let scaled = mean.is_finite() && std_dev.is_finite() && *std_dev > 0.0;
        if *grayscale != known.grayscale || *resize != known.resize || !scaled {
            return Err(error!(
                Usage,
                "pictures cannot be prepared as {}",
                shown(format_args!("{:?}", self.preprocessing))
            ));
        }
        Ok(())
    }
}
