//! What a layer has to answer. Whatever the program wants to know about a layer is asked here and nowhere else.

use super::unit::{Behind, Unit};
use crate::error::{Result, error};
use crate::model::slot::Slot;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// A layer: its fields, and all that follows from them. Shapes are those of one picture: `[channels, height, width]` or
/// `[features]`.
pub trait Layer: TypeName + Fields + Debug + Any + Send + Sync {
    /// What tables and the page call it, in Keras's words: `Conv2D`.
    fn label(&self) -> &'static str;

    /// What it does, in a sentence for a learner.
    fn meaning(&self) -> &'static str;

    /// How names of its nodes begin, such as `conv` of `conv1`.
    fn stem(&self) -> &'static str {
        self.type_name()
    }

    /// How many values it takes; the graph sees to it that `inputs` has so many below.
    fn arity(&self) -> usize {
        1
    }

    /// What it makes of these shapes.
    ///
    /// # Errors
    /// `Usage` for a field that makes no sense, or a shape that it cannot take.
    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>>;

    /// The tensors that it owns, in the order in which files hold them.
    fn slots(&self, _inputs: &[&[usize]]) -> Vec<Slot> {
        Vec::new()
    }

    /// Computes the layer and records it on the tape.
    ///
    /// # Errors
    /// What the device reports.
    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var>;

    /// The buffers that one picture's forward pass makes and that stay until its backward pass, each with its name and its
    /// count of values at most (dropout with a rate of 0 makes none). The memory plan adds them up. On the tape every output stays, unless it is a view of its input.
    /// What is as large for any number of pictures, such as the mean of each channel, is left out.
    fn keeps(&self, inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)>;

    /// How many zeros it takes in the place of a slot that its fields leave out, such as a bias: all layers share them.
    fn zeros(&self) -> usize {
        0
    }

    /// Whether what it makes of a picture in training depends on the others of the batch. A network with such a layer is not
    /// split into micro-batches.
    fn couples_pictures(&self) -> bool {
        false
    }

    /// Floating-point operations of one picture's forward pass: a multiplication and an addition count as two. Each of the
    /// two kernels of the backward pass takes about as many.
    fn flop(&self, _inputs: &[&[usize]], _output: &[usize]) -> u64 {
        0
    }

    /// Whether it is a function of single values that is part of the layer before it, in the eyes of a reader.
    fn is_activation(&self) -> bool {
        false
    }

    /// The arithmetic behind one value of its output.
    ///
    /// # Errors
    /// `Usage` where a slot that it needs was not read.
    fn unit(&self, behind: &Behind) -> Result<Unit> {
        Ok(Unit::Same { output: behind.output })
    }
}

/// The `type` by which files know a layer. `layers!` derives it from the name of the layer's file.
pub trait TypeName {
    fn type_name(&self) -> &'static str;
}

/// A layer's fields as plain data.
pub trait Fields {
    fn fields(&self) -> Value;
}

impl<T: Serialize> Fields for T {
    fn fields(&self) -> Value {
        serde_json::to_value(self).expect("fields are plain data")
    }
}

/// Any layer.
pub type AnyLayer = Arc<dyn Layer>;

impl dyn Layer {
    /// The layer as a `T`, if it is one.
    pub fn downcast<T: Layer>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }
}

impl PartialEq for dyn Layer {
    fn eq(&self, other: &dyn Layer) -> bool {
        self.type_name() == other.type_name() && self.fields() == other.fields()
    }
}

/// How a network is run.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    /// With dropout, whose masks depend on all of this.
    Train {
        seed: u32,
        /// From 1.
        step: u32,
        /// Position in the whole batch of the first picture.
        first_image: usize,
    },
    /// Without dropout.
    Infer,
}

/// What a layer's forward pass is given beside its inputs.
pub struct Context<'a> {
    pub tape: &'a Tape,
    pub mode: Mode,
    /// How many layers of its type come before it in the network: each gets random numbers of its own.
    pub number: u32,
    pub(in crate::model) slots: &'a [(&'static str, Var)],
    /// As many as any layer takes.
    pub(in crate::model) zeros: Option<&'a Tensor>,
}

impl Context<'_> {
    /// The slot of this name, which the layer declared.
    pub fn slot(&self, name: &str) -> &Var {
        let slot = self.slots.iter().find(|(known, _)| *known == name);
        &slot.unwrap_or_else(|| panic!("the layer declares no slot {name}")).1
    }

    /// `len` zeros, without a gradient, as the layer's [`zeros`](Layer::zeros) announce. Kernels read a bias; one that is
    /// not there is read as zeros, which costs next to nothing, and its gradient is not computed.
    pub fn zeros(&self, len: usize) -> Var {
        self.tape.constant(&self.zeros.expect("the layer says that it takes zeros").rows(0..len))
    }
}

/// What a field is that a file leaves out because it is true, as it was before there was the field.
pub(super) fn yes() -> bool {
    true
}

/// Whether a file leaves it out.
pub(super) fn is_yes(field: &bool) -> bool {
    *field
}

/// A number stands for two: the same in height and width.
pub(super) fn pair<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<[usize; 2], D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a whole number, 0 or above, or two of them, [height, width]")]
    enum Sizes {
        Both(usize),
        Each([usize; 2]),
    }
    Ok(match Sizes::deserialize(deserializer)? {
        Sizes::Both(size) => [size; 2],
        Sizes::Each(sizes) => sizes,
    })
}

/// More units, filters or pixels of a window than any network has; keeps products of sizes below 2^64.
const MAX_SIZE: usize = 1 << 16;

/// Finds sizes that no layer can have, such as in a file that somebody else wrote.
pub(super) fn check_sizes(sizes: &[(&str, &[usize])]) -> Result<()> {
    for (field, sizes) in sizes {
        if let Some(size) = sizes.iter().find(|size| !(1..=MAX_SIZE).contains(*size)) {
            return Err(error!(Usage, "{field} is {size}, not between 1 and {MAX_SIZE}"));
        }
    }
    Ok(())
}

/// Channels, height and width of a shape.
pub(super) fn maps(shape: &[usize]) -> Result<[usize; 3]> {
    shape.try_into().map_err(|_| error!(Usage, "it takes [channels, height, width], not {shape:?}"))
}

/// The features of a shape.
pub(super) fn features(shape: &[usize]) -> Result<usize> {
    match shape {
        &[features] => Ok(features),
        _ => Err(error!(Usage, "it takes [features], not {shape:?}")),
    }
}
