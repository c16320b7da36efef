//! What each layer of a model makes of one picture, and why.
//!
//! The picture runs layer by layer, unfused, so that there is something to see between a convolution and its pooling.

pub mod gradients;
pub mod heat;
mod unit;

pub use heat::Heat;

use crate::data::Raster;
use crate::device::Span;
use crate::error::Result;
use crate::memory::{self, Need};
use crate::model::slot::Slot;
use crate::model::{Mode, Model, Origin, Placed};
use crate::ops::add::accumulate;
use crate::ops::input::{input, upload};
use crate::tape::{Tape, Var};
use crate::train::evaluate::predicted;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Largest weight that is read back while a run is followed: dense1's would take long at large image sizes.
const FOLLOWED: usize = 4 << 20;

/// A picture's way through a model.
pub struct Inside {
    pub classes: Vec<String>,
    /// What the picture was made into.
    pub raster: Raster,
    /// Of every class.
    pub scores: Vec<f32>,
    /// Index of the class that it takes the picture for.
    pub class: usize,
    /// What the last layer made.
    pub logits: Vec<f32>,
    /// `[channels, height, width]`.
    pub input: Vec<f32>,
    pub layers: Vec<Seen>,
    /// Where the network looks for that class; `None` without a convolution.
    pub heat: Option<Heat>,
    input_shape: Vec<usize>,
    slots: Arc<Slots>,
}

/// What one layer made.
pub struct Seen {
    pub placed: Placed,
    /// In the shape `placed.output_shape`.
    pub values: Vec<f32>,
    /// The passes that computed it; empty where a device has no clock.
    pub ran: Vec<Span>,
    /// The kernel that does its work in training, where that is another.
    pub fused: Option<&'static str>,
}

/// The values of a model's slots on the host, by their names.
pub struct Slots(BTreeMap<String, Vec<f32>>);

impl Slots {
    /// All of a model's.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read(model: &Model) -> Result<Slots> {
        Slots::up_to(model, usize::MAX).await
    }

    /// Those of a model in training that are soon read.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read_small(model: &Model) -> Result<Slots> {
        Slots::up_to(model, FOLLOWED).await
    }

    async fn up_to(model: &Model, len: usize) -> Result<Slots> {
        let mut slots = BTreeMap::new();
        for named in model.tensors().iter().filter(|named| named.tensor.len() <= len) {
            slots.insert(named.name.clone(), named.tensor.read_f32().await?);
        }
        Ok(Slots(slots))
    }

    /// The values of a node's slot, if they were read.
    pub fn get(&self, node: &str, slot: &str) -> Option<&[f32]> {
        self.0.get(&format!("{node}.{slot}")).map(Vec::as_slice)
    }
}

/// What a look into a model takes that runs layer by layer: all layers on the device, read back, and once more on the way.
/// `is_another` where a look before it has left the device its part, to be used again.
///
/// # Errors
/// `OutOfMemory` where the picture does not fit the device's limits.
pub fn needs(model: &Model, is_another: bool) -> Result<Vec<Need>> {
    let all: u64 = model.activations().iter().map(|(_, bytes)| *bytes).sum();
    if is_another {
        return Ok(vec![("all layers", all)]);
    }
    Ok([vec![("all layers", 3 * all)], memory::of_use(model, 1)?].concat())
}

/// Runs one picture, gray bytes `[size, size]`, through `model`, which must run layer by layer. `done` is called after each layer.
///
/// # Errors
/// What the device reports.
pub async fn run(model: &Model, slots: Arc<Slots>, pixels: &[u8], done: &dyn Fn()) -> Result<Inside> {
    let (device, network) = (model.device(), &model.network);
    let pixels = upload(device, pixels)?;

    let last = heat::last_maps(model);
    // Not every adapter has a clock; what was computed can be seen all the same.
    let is_timed = device.start_profile().is_ok();
    let tape = Tape::new(device, accumulate);
    let vars = model.vars(&tape, false);
    let (mut made, mut cut) = (Vec::new(), None);
    let mut keep = |index, y: Var| {
        done();
        made.push(y.tensor.clone());
        if Some(index) != last {
            return y;
        }
        // From here on gradients are wanted; what came before stays out of it.
        let maps = tape.parameter(&y.tensor);
        cut = Some(maps.clone());
        maps
    };
    let logits = model.forward_through(&tape, &vars, &pixels, 1, Mode::Infer, &mut keep);
    let spans = if is_timed { device.stop_profile().await } else { Ok(Vec::new()) };
    let (logits, spans) = (logits?, spans?);

    let scores = network.head.scores(&tape, &logits).await?.remove(0);
    let class = predicted(&scores);
    let (size, pre) = (network.image_size, &network.preprocessing);
    let x = input(device, &pixels, [1, network.channels, size, size], pre.mean, pre.std_dev)?;
    let fused = network.fused_kernels();
    let mut layers = Vec::new();
    for (placed, tensor) in model.nodes().zip(made) {
        done();
        layers.push(Seen {
            values: tensor.read_f32().await?,
            ran: spans.iter().filter(|span| *span.label.scope == *placed.name).cloned().collect(),
            fused: fused.get(&placed.name).copied(),
            placed: placed.clone(),
        });
    }
    let heat = match cut {
        Some(maps) => Some(Heat::of(tape, network.head, &logits, &maps, class).await?),
        None => None,
    };
    Ok(Inside {
        classes: network.classes.clone(),
        raster: network.raster(),
        input_shape: network.input_shape().to_vec(),
        heat,
        scores,
        class,
        logits: logits.tensor.read_f32().await?,
        input: x.read_f32().await?,
        layers,
        slots,
    })
}

impl Inside {
    /// What the last layer made for the class that it takes the picture for. Of a sigmoid there is one value for both classes.
    pub fn logit(&self) -> f32 {
        self.logits.get(self.class).unwrap_or(&self.logits[0]).to_owned()
    }

    /// Bytes of its values; slots are shared.
    pub fn bytes(&self) -> usize {
        4 * (self.input.len() + self.layers.iter().map(|seen| seen.values.len()).sum::<usize>())
    }

    /// Values and shape of what the layer at `index` takes.
    pub fn inputs_of(&self, index: usize) -> Vec<(&[f32], &[usize])> {
        let input = |origin: &Origin| match *origin {
            Origin::Input => (&self.input[..], &self.input_shape[..]),
            Origin::Node(index) => {
                let seen = &self.layers[index];
                (&seen.values[..], &seen.placed.output_shape[..])
            }
        };
        self.layers[index].placed.inputs.iter().map(input).collect()
    }

    /// The slots of the layer at `index` that were read.
    pub fn slots_of(&self, index: usize) -> Vec<(&'static str, &[f32])> {
        let placed = &self.layers[index].placed;
        let values = |slot: &Slot| Some((slot.name, self.slots.get(&placed.name, slot.name)?));
        placed.slots.iter().filter_map(values).collect()
    }
}
