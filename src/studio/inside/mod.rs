//! What each layer of a model makes of one picture, and why.
//!
//! The picture runs layer by layer, unfused, so that there is something to see between a convolution and its pooling.

mod heat;
mod unit;

pub use heat::Heat;
pub use unit::{Term, Top, Unit};

use crate::device::Span;
use crate::error::Result;
use crate::model::network::Placed;
use crate::model::{Mode, Model};
use crate::ops::add::accumulate;
use crate::ops::input::{input, pack};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;
use std::sync::Arc;

/// Largest weight that is read back while a run is followed: dense1's would take long at large image sizes.
const FOLLOWED: usize = 4 << 20;

/// A picture's way through a model.
pub struct Inside {
    pub classes: Vec<String>,
    pub image_size: usize,
    /// Of every class.
    pub scores: Vec<f32>,
    pub logit: f32,
    /// `[channels, height, width]`.
    pub input: Vec<f32>,
    pub layers: Vec<Seen>,
    pub heat: Heat,
    weights: Arc<Weights>,
}

/// What one layer made.
pub struct Seen {
    pub placed: Placed,
    /// In the shape `placed.output_shape`; of the last layer the logit.
    pub values: Vec<f32>,
    /// The passes that computed it; empty where a device has no clock.
    pub ran: Vec<Span>,
    /// The kernel that does its work in training, where that is another.
    pub fused: Option<&'static str>,
}

/// Weight and bias of every layer that has them, on the host.
pub struct Weights(Vec<Option<[Vec<f32>; 2]>>);

impl Weights {
    /// All of a model's.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read(model: &Model) -> Result<Weights> {
        Weights::up_to(model, usize::MAX).await
    }

    /// Those of a model in training that are soon read.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read_small(model: &Model) -> Result<Weights> {
        Weights::up_to(model, FOLLOWED).await
    }

    async fn up_to(model: &Model, len: usize) -> Result<Weights> {
        let mut parameters = model.parameters().into_iter();
        let mut weights = Vec::new();
        for layer in model.layers() {
            let pair = layer.parameters.as_ref().and_then(|_| parameters.next().zip(parameters.next()));
            weights.push(match pair {
                Some((weight, bias)) if weight.len() <= len => {
                    Some([weight.read_f32().await?, bias.read_f32().await?])
                }
                _ => None,
            });
        }
        Ok(Weights(weights))
    }

    /// Weight and bias of the layer at `index`, if it has them and they were read.
    pub fn of(&self, index: usize) -> Option<&[Vec<f32>; 2]> {
        self.0.get(index)?.as_ref()
    }
}

/// Runs one picture, gray bytes `[size, size]`, through `model`, which must run layer by layer.
///
/// # Errors
/// What the device reports.
pub async fn look(model: &Model, weights: Arc<Weights>, pixels: &[u8]) -> Result<Inside> {
    let (device, network) = (model.device(), &model.network);
    let words = pack(pixels);
    let pixels = Tensor::from_u32(device, &[words.len()], &words)?;

    // Not every adapter has a clock; what was computed can be seen all the same.
    let is_timed = device.start_profile().is_ok();
    let tape = Tape::new(device, accumulate);
    let parameters: Vec<_> = model.parameters().into_iter().map(|p| tape.constant(p)).collect();
    let (mut made, mut cut) = (Vec::new(), None);
    let last = heat::last_convolution(model)?;
    let mut keep = |index, x: Var| {
        made.push((index, x.tensor.clone()));
        if index != last {
            return x;
        }
        // From here on gradients are wanted; what came before stays out of it.
        let maps = tape.parameter(&x.tensor);
        cut = Some(maps.clone());
        maps
    };
    let logits = model.forward_through(&tape, &parameters, &pixels, 1, Mode::Infer, &mut keep);
    let spans = if is_timed { device.stop_profile().await } else { Ok(Vec::new()) };
    let (logits, spans) = (logits?, spans?);

    let logit = logits.tensor.read_f32().await?[0];
    let scores = model.head.scores(&tape, &logits).await?.remove(0);
    let (size, pre) = (network.image_size, &network.preprocessing);
    let x = input(device, &pixels, [1, network.channels, size, size], pre.mean, pre.std_dev)?;
    let mut layers = Vec::new();
    for (index, tensor) in made {
        let placed = model.layers()[index].clone();
        layers.push(Seen {
            values: tensor.read_f32().await?,
            ran: spans.iter().filter(|span| *span.label.scope == *placed.name).cloned().collect(),
            fused: model.is_fused(index).then_some(crate::ops::conv2d_relu_pool::FORWARD.name),
            placed,
        });
    }
    Ok(Inside {
        classes: network.classes.clone(),
        image_size: size,
        heat: Heat::of(tape, &logits, &cut.expect("every layer was run"), &scores).await?,
        scores,
        logit,
        input: x.read_f32().await?,
        layers,
        weights,
    })
}

impl Inside {
    /// Bytes of its values; weights are shared.
    pub fn bytes(&self) -> usize {
        4 * (self.input.len() + self.layers.iter().map(|seen| seen.values.len()).sum::<usize>())
    }

    /// What goes into the layer at `index`, with its shape.
    fn input_of(&self, index: usize) -> (&[f32], &[usize]) {
        let values = if index == 0 { &self.input } else { &self.layers[index - 1].values };
        (values, &self.layers[index].placed.input_shape)
    }

    /// Weight and bias of the layer at `index`, if it has them and they were read.
    pub fn weights(&self, index: usize) -> Option<&[Vec<f32>; 2]> {
        self.weights.of(index)
    }
}
