//! A network with its weights on a device: slots, forward pass, what it keeps.

mod file;
mod forward;
mod fuse;
pub mod graph;
pub mod head;
pub(crate) mod header;
pub mod layers;
pub mod network;
pub mod slot;
pub(crate) mod stored;
mod summary;
mod version_1;

pub use file::SavedModel;
pub use graph::{Graph, Node, Origin, Placed};
pub use head::Head;
pub use layers::Mode;
pub use network::Network;
pub use slot::{Initializer, Role};

use crate::device::Device;
use crate::error::Result;
use crate::tape::{Tape, Var};
use crate::tensor::{Kind, Tensor};
use slot::Slot;
use std::collections::HashMap;

/// A network with its weights on a device.
pub struct Model {
    pub network: Network,
    device: Device,
    /// The nodes as they run: fused, or as they were written.
    stages: Vec<Stage>,
    tensors: Vec<NamedTensor>,
    /// What layers read in the place of slots that they have not, as many as any of them takes.
    zeros: Option<Tensor>,
}

/// A node that runs.
#[derive(Clone)]
struct Stage {
    node: Placed,
    /// Where its slots are among the model's tensors.
    slots: Vec<usize>,
    /// Values that no later node takes, so that they can go.
    last_taken: Vec<Origin>,
}

/// One slot of a model.
#[derive(Clone)]
pub struct NamedTensor {
    /// `conv1.weight`, `conv1.bias`, …
    pub name: String,
    pub tensor: Tensor,
    pub role: Role,
}

impl Model {
    /// [`initialized`](Model::initialized) as Keras does.
    ///
    /// # Errors
    /// As there.
    pub fn new(network: Network, device: &Device, seed: u64, fuse: bool) -> Result<Model> {
        Model::initialized(network, device, seed, fuse, Initializer::Glorot)
    }

    /// A network whose slots hold what their layers say, drawn from `seed`; what weights are drawn from is said by `initializer`.
    ///
    /// `fuse` lets layers run as one where there is a kernel for it.
    ///
    /// # Errors
    /// `Usage` for layers that do not fit each other, `OutOfMemory` for weights that do not fit the device.
    pub fn initialized(
        network: Network,
        device: &Device,
        seed: u64,
        fuse: bool,
        initializer: Initializer,
    ) -> Result<Model> {
        let mut drawn = 0;
        let last = network.placed()?.into_iter().rev().find(|node| !node.slots.is_empty());
        let logits = last.map(|node| format!("{}.weight", node.name));
        Model::with_values(network, device, fuse, |name, slot| {
            if device.is_on_paper() {
                return Ok(None);
            }
            // No ReLU halves the logits.
            let is_last = logits.as_deref() == Some(name);
            let initializer = if is_last { Initializer::Glorot } else { initializer };
            slot.initial(initializer, seed, &mut drawn).map(Some)
        })
    }

    /// A network whose slots get what `values` gives for their name, which may be nothing on paper.
    fn with_values(
        network: Network,
        device: &Device,
        fuse: bool,
        mut values: impl FnMut(&str, &Slot) -> Result<Option<Vec<f32>>>,
    ) -> Result<Model> {
        let mut tensors = Vec::new();
        for node in &network.placed()? {
            for slot in &node.slots {
                let name = format!("{}.{}", node.name, slot.name);
                let tensor = match values(&name, slot)? {
                    Some(values) => Tensor::from_f32(device, &slot.shape, &values)?,
                    None => Tensor::empty(device, &slot.shape, Kind::F32)?,
                };
                tensors.push(NamedTensor { name, tensor, role: slot.role });
            }
        }
        Model::of(network, device, tensors, fuse)
    }

    /// A network with these slots, fused or not.
    fn of(network: Network, device: &Device, tensors: Vec<NamedTensor>, fuse: bool) -> Result<Model> {
        let graph = if fuse { fuse::fuse(&network.nodes).graph } else { network.nodes.clone() };
        let nodes = graph.placed(&network.input_shape())?;
        let positions: HashMap<_, _> =
            tensors.iter().enumerate().map(|(index, named)| (named.name.as_str(), index)).collect();
        let position = |name: String| {
            let found = positions.get(name.as_str());
            *found.expect("fusing changes no names of slots")
        };
        let slots = |node: &Placed| {
            node.slots.iter().map(|slot| position(format!("{}.{}", node.name, slot.name))).collect()
        };
        let mut last_readers = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            last_readers.extend(node.inputs.iter().map(|origin| (*origin, index)));
        }
        let last_taken = |index: usize| {
            let inputs = nodes[index].inputs.iter().copied();
            inputs.filter(|origin| last_readers[origin] == index).collect()
        };
        let stage = |(index, node): (usize, &Placed)| Stage {
            node: node.clone(),
            slots: slots(node),
            last_taken: last_taken(index),
        };
        let stages: Vec<_> = nodes.iter().enumerate().map(stage).collect();
        let zeros = nodes.iter().map(|node| node.layer.zeros()).max().filter(|&len| len > 0);
        let zeros = zeros.map(|len| Tensor::zeros(device, &[len], Kind::F32)).transpose()?;
        Ok(Model { network, device: device.clone(), stages, tensors, zeros })
    }

    /// The same weights, run layer by layer.
    ///
    /// # Errors
    /// None that [`new`](Model::new) would not have reported.
    pub fn unfused(&self) -> Result<Model> {
        Model::of(self.network.clone(), &self.device, self.tensors.clone(), false)
    }

    /// The same weights, layers run as one where there is a kernel for it.
    ///
    /// # Errors
    /// As [`unfused`](Model::unfused).
    pub fn fused(&self) -> Result<Model> {
        Model::of(self.network.clone(), &self.device, self.tensors.clone(), true)
    }

    /// The same network with nothing but zeros.
    ///
    /// # Errors
    /// `OutOfMemory` where the device cannot hold another copy of the slots.
    pub fn zeros(&self) -> Result<Model> {
        let zeros = |named: &NamedTensor| {
            let tensor = Tensor::zeros(&self.device, named.tensor.shape(), Kind::F32)?;
            Ok(NamedTensor { tensor, ..named.clone() })
        };
        let tensors = self.tensors.iter().map(zeros).collect::<Result<_>>()?;
        Ok(Model {
            network: self.network.clone(),
            tensors,
            stages: self.stages.clone(),
            zeros: self.zeros.clone(),
            device: self.device.clone(),
        })
    }

    /// Where its weights are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The nodes in the order in which they run.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &Placed> + ExactSizeIterator {
        self.stages.iter().map(|stage| &stage.node)
    }

    /// Every slot, in the order of the network as written: what a model file holds.
    pub fn tensors(&self) -> &[NamedTensor] {
        &self.tensors
    }

    /// The tensors that are learned from gradients, in the order of [`tensors`](Model::tensors).
    pub fn parameters(&self) -> Vec<&Tensor> {
        let learned = self.tensors.iter().filter(|named| named.role == Role::Parameter);
        learned.map(|named| &named.tensor).collect()
    }

    /// Bytes of each buffer that one picture's forward pass keeps for the backward pass, with its name.
    pub fn activations(&self) -> Vec<(String, u64)> {
        let input = self.network.input_shape().iter().product();
        let of_node = |node: &Placed| {
            let named = node.keeps().into_iter().map(|(part, len)| (format!("{} {part}", node.name), len));
            named.collect::<Vec<_>>()
        };
        let all = [("input".to_string(), input)].into_iter().chain(self.nodes().flat_map(of_node));
        all.map(|(name, len): (_, usize)| (name, len as u64 * 4)).collect()
    }

    /// The slots on a tape, in the order of [`tensors`](Model::tensors). Parameters get gradients if the model `learns`.
    pub fn vars(&self, tape: &Tape, learns: bool) -> Vec<Var> {
        let var = |named: &NamedTensor| match named.role {
            Role::Parameter if learns => tape.parameter(&named.tensor),
            _ => tape.constant(&named.tensor),
        };
        self.tensors.iter().map(var).collect()
    }
}
