//! The gradient of the loss with respect to what each layer made: what training sends back through the network.

use crate::device::Span;
use crate::error::{Result, error};
use crate::memory::Need;
use crate::model::{Mode, Model, Origin, Placed};
use crate::ops::add::accumulate;
use crate::ops::input::upload;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// Of one picture that is taken for a class.
pub struct Gradients {
    /// Index of that class.
    pub label: usize,
    pub loss: f32,
    /// What the last layer made on the way there: another model, or another picture, makes something else.
    pub logits: Vec<f32>,
    pub layers: Vec<Gradient>,
}

/// Of one layer.
pub struct Gradient {
    /// In the shape of the layer's output.
    pub values: Vec<f32>,
    /// The passes that ran for the layer on the way back; empty where a device has no clock.
    pub ran: Vec<Span>,
    pub owner: Owner,
}

/// Who computes a gradient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This kernel, on the way back through this layer, which takes the output, or what became of it unchanged.
    Kernel { layer: String, kernel: &'static str },
    /// The loss: no layer takes the output.
    Loss,
    /// Several layers take the output: their gradients are added up.
    Sum { layers: Vec<String> },
    /// It is not known, as the device has no clock.
    Unknown,
}

/// What it takes: all layers and their gradients on the device, the latter once more here, and the gradients of all weights.
pub fn needs(model: &Model) -> Vec<Need> {
    let all: u64 = model.activations().iter().map(|(_, bytes)| *bytes).sum();
    let weights: usize = model.parameters().iter().map(|tensor| tensor.len()).sum();
    vec![("all layers", 2 * all), ("their gradients", 3 * all), ("those of the weights", 4 * weights as u64)]
}

/// Runs one picture, gray bytes `[size, size]`, through `model`, which must run layer by layer, and the loss for class
/// `label` back. Nothing is dropped out. `done` is called after each layer.
///
/// # Errors
/// What the device reports.
pub async fn run(model: &Model, pixels: &[u8], label: usize, done: &dyn Fn()) -> Result<Gradients> {
    let device = model.device();
    let pixels = upload(device, pixels)?;
    let labels = Tensor::from_u32(device, &[1], &[label as u32])?;
    let weights = model.network.even_weights(device)?;
    // It also names the layers that kernels run for.
    let is_timed = device.start_profile().is_ok();
    let tape = Tape::new(device, accumulate);
    let vars = model.vars(&tape, true);
    let mut made: Vec<Var> = Vec::new();
    let mut keep = |_, y: Var| {
        done();
        // What no weight stands before has no gradient of itself.
        let y = if y.needs_grad() { y } else { tape.parameter(&y.tensor) };
        tape.keep(&y);
        made.push(y.clone());
        y
    };
    let logits = model.forward_through(&tape, &vars, &pixels, 1, Mode::Infer, &mut keep)?;
    device.enter("loss");
    let loss = model.network.head.loss(&tape, &logits, &labels, &weights, 1, 0.0)?.loss;
    let dy = Tensor::from_f32(device, loss.tensor.shape(), &[1.0])?;
    let found = tape.backward(&loss, dy);
    let spans = if is_timed { device.stop_profile().await } else { Ok(Vec::new()) };
    let (found, spans) = (found?, spans?);
    done();

    let nodes: Vec<_> = model.nodes().collect();
    let back = |name: &str| {
        let of_layer = |span: &&Span| *span.label.scope == *name && span.label.kernel.contains(".backward");
        spans.iter().filter(of_layer).cloned().collect::<Vec<_>>()
    };
    let mut layers = Vec::new();
    for (index, (node, y)) in nodes.iter().zip(&made).enumerate() {
        // A layer that changes nothing hands on its input itself: two layers have one gradient.
        let gradient = found.get(y).ok_or_else(|| error!(Other, "{} has no gradient", node.name))?;
        let owner = if spans.is_empty() { Owner::Unknown } else { owner(&nodes, index, &back) };
        layers.push(Gradient { values: gradient.read_f32().await?, ran: back(&node.name), owner });
        done();
    }
    let (loss, logits) = (loss.tensor.read_f32().await?[0], logits.tensor.read_f32().await?);
    Ok(Gradients { label, loss, logits, layers })
}

/// Who computes the gradient of what the node at `index` made.
fn owner(nodes: &[&Placed], index: usize, back: &dyn Fn(&str) -> Vec<Span>) -> Owner {
    let takes = |node: &&Placed| node.inputs.contains(&Origin::Node(index));
    let readers: Vec<_> = nodes.iter().enumerate().filter(|(_, node)| takes(node)).collect();
    match readers.as_slice() {
        [] => Owner::Loss,
        &[(reader, node)] => {
            let ran = back(&node.name);
            match ran.iter().find(|span| span.label.kernel.ends_with(".backward_x")) {
                Some(span) => Owner::Kernel { layer: node.name.clone(), kernel: span.label.kernel },
                // It hands on what comes back.
                None => owner(nodes, reader, back),
            }
        }
        several => Owner::Sum { layers: several.iter().map(|(_, node)| node.name.clone()).collect() },
    }
}

impl Gradients {
    /// Bytes of its values.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(|layer| 4 * layer.values.len()).sum()
    }
}
