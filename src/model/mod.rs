//! A network with its weights on a device: forward pass, initialisation, the list of tensors.

mod forward;
pub mod head;
pub mod layer;
pub mod network;
pub mod summary;
pub mod weights;

pub use head::BinaryHead;
pub use layer::{Activation, Layer};
pub use network::Network;

use crate::device::Device;
use crate::error::Result;
use crate::ops;
use crate::random::generator;
use crate::tensor::Tensor;
use network::Placed;
use rand::RngExt;

/// A network with its weights on a device.
pub struct Model {
    pub network: Network,
    pub head: BinaryHead,
    device: Device,
    layers: Vec<Placed>,
    stages: Vec<Stage>,
    tensors: Vec<NamedTensor>,
}

/// One tensor that a model file holds.
pub struct NamedTensor {
    /// `conv1.weight`, `conv1.bias`, …
    pub name: String,
    pub tensor: Tensor,
    pub role: Role,
}

/// What a tensor of the model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Learned from gradients. (All are, so far; a running mean would be state.)
    Parameter,
}

/// How the network is run.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// With dropout, whose masks depend on all of this.
    Train {
        seed: u32,
        step: u32,
        first_image: usize,
    },
    Infer,
}

/// What runs as one: layers by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Layer(usize),
    /// A convolution with ReLU and the pooling behind it, of this window.
    ConvReluPool(usize, usize),
}

impl Model {
    /// A network with Glorot-uniform weights (Glorot and Bengio, "Understanding the difficulty of training
    /// deep feedforward neural networks", 2010, equation 16) and zero biases, drawn from `seed`.
    ///
    /// `fuse` lets a convolution, its ReLU and its pooling run as one kernel.
    ///
    /// # Errors
    /// `Usage` for layers that do not fit each other, `OutOfMemory` for weights that do not fit the device.
    pub fn new(network: Network, device: &Device, seed: u64, fuse: bool) -> Result<Model> {
        let mut drawn = 0;
        Model::with_values(network, device, fuse, |_, shape| {
            if let &[len] = shape {
                return Ok(vec![0.0; len]); // a bias
            }
            drawn += 1;
            Ok(glorot_uniform(shape, seed, drawn))
        })
    }

    /// A network whose tensors get what `values` gives for their name and shape.
    fn with_values(
        network: Network,
        device: &Device,
        fuse: bool,
        mut values: impl FnMut(&str, &[usize]) -> Result<Vec<f32>>,
    ) -> Result<Model> {
        let layers = network.placed()?;
        let mut tensors = Vec::new();
        for layer in &layers {
            for (part, shape) in ["weight", "bias"].into_iter().zip(layer.parameters.iter().flatten()) {
                let name = format!("{}.{part}", layer.name);
                let tensor = Tensor::from_f32(device, shape, &values(&name, shape)?)?;
                tensors.push(NamedTensor { name, tensor, role: Role::Parameter });
            }
        }
        let stages = stages(&layers, fuse);
        Ok(Model { network, head: BinaryHead, device: device.clone(), layers, stages, tensors })
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The layers in order, with names and shapes.
    pub fn layers(&self) -> &[Placed] {
        &self.layers
    }

    /// Every tensor that belongs into a model file, in a fixed order.
    pub fn tensors(&self) -> &[NamedTensor] {
        &self.tensors
    }

    /// The tensors that are learned from gradients, in the order of [`tensors`](Model::tensors).
    pub fn parameters(&self) -> Vec<&Tensor> {
        let learned = self.tensors.iter().filter(|named| named.role == Role::Parameter);
        learned.map(|named| &named.tensor).collect()
    }

    /// Whether the layer at `index` runs in one kernel with its neighbours, unless a model is told not to fuse.
    pub fn is_fused(&self, index: usize) -> bool {
        stages(&self.layers, true).iter().any(|stage| match *stage {
            Stage::ConvReluPool(first, _) => index == first || index == first + 1,
            Stage::Layer(_) => false,
        })
    }

    /// The same weights, run layer by layer.
    pub fn unfused(&self) -> Model {
        let tensors = self.tensors.iter().map(|named| NamedTensor {
            name: named.name.clone(),
            tensor: named.tensor.clone(),
            role: named.role,
        });
        Model {
            network: self.network.clone(),
            head: self.head,
            device: self.device.clone(),
            layers: self.layers.clone(),
            stages: stages(&self.layers, false),
            tensors: tensors.collect(),
        }
    }

    /// Bytes of each buffer that one image's forward pass keeps for the backward pass, with its name.
    pub fn activations(&self) -> Vec<(String, u64)> {
        let image: usize = self.network.channels * self.network.image_size.pow(2);
        let mut buffers = vec![("input".to_string(), image)];
        for stage in &self.stages {
            let (Stage::Layer(index) | Stage::ConvReluPool(index, _)) = *stage;
            let placed = &self.layers[index];
            let len = |placed: &Placed| placed.output_shape.iter().product::<usize>();
            let name = |part: &str| format!("{} {part}", placed.name);
            match (stage, &placed.layer) {
                (Stage::ConvReluPool(..), _) => {
                    let pooled = len(&self.layers[index + 1]);
                    buffers.push((name("fused output"), pooled));
                    buffers.push((name("fused argmax"), pooled.div_ceil(4)));
                }
                (_, Layer::Conv2d { activation, .. } | Layer::Dense { activation, .. }) => {
                    buffers.push((name("output"), len(placed)));
                    if *activation == Activation::Relu {
                        buffers.push((name("relu"), len(placed)));
                    }
                }
                (_, Layer::MaxPool2d { .. }) => {
                    buffers.push((name("output"), len(placed)));
                    buffers.push((name("argmax"), len(placed)));
                }
                (_, Layer::Dropout { .. }) => buffers.push((name("output"), len(placed))),
                (_, Layer::Flatten) => {}
            }
        }
        buffers.into_iter().map(|(name, len)| (name, len as u64 * 4)).collect()
    }
}

/// The peephole: a convolution with ReLU and a pooling that the fused op covers run as one stage.
fn stages(layers: &[Placed], fuse: bool) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut index = 0;
    while index < layers.len() {
        let next = layers.get(index + 1).map(|placed| &placed.layer);
        match (&layers[index].layer, next) {
            (
                Layer::Conv2d { activation: Activation::Relu, .. },
                Some(Layer::MaxPool2d { pool_size, strides }),
            ) if fuse
                && pool_size == strides
                && pool_size[0] == pool_size[1]
                && pool_size[0] <= ops::conv2d_relu_pool::MAX_POOL =>
            {
                stages.push(Stage::ConvReluPool(index, pool_size[0]));
                index += 2;
            }
            _ => {
                stages.push(Stage::Layer(index));
                index += 1;
            }
        }
    }
    stages
}

/// Uniform in ±sqrt(6 / (fan_in + fan_out)), for a weight `[out, in]` or `[out, in, height, width]`.
fn glorot_uniform(shape: &[usize], seed: u64, tensor: u64) -> Vec<f32> {
    let window: usize = shape[2..].iter().product();
    let limit = (6.0 / ((shape[0] + shape[1]) * window) as f64).sqrt();
    let mut rng = generator(seed, "init", tensor);
    let draw = |_| ((rng.random::<f64>() * 2.0 - 1.0) * limit) as f32;
    (0..shape.iter().product()).map(draw).collect()
}
