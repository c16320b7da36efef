//! The buffers of a kernel, as it declares them: once, for its shaders, its reference and its tests.

use super::Kernel;
use crate::device::Device;
use crate::error::{Result, error};
use crate::tensor::{Kind, Tensor};

/// A buffer that a kernel reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffer {
    /// As in the shader and in the reference.
    pub name: &'static str,
    pub kind: Kind,
    pub usage: Usage,
}

/// What a kernel does with a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// An input.
    Read,
    /// An output; what it held before does not matter.
    Write,
    /// An output that is computed from its old values, such as Adam's moments.
    Update,
    /// One word that any thread may raise and none lowers.
    Flag,
}

impl<P> Kernel<P> {
    /// The buffers that are read, in the order in which [`run`](Kernel::run) takes them.
    pub fn inputs(&self) -> &'static [Buffer] {
        &self.buffers[..self.first_output()]
    }

    /// The buffers that are written, flags last, in the order in which [`run`](Kernel::run) takes them.
    pub fn outputs(&self) -> &'static [Buffer] {
        &self.buffers[self.first_output()..]
    }

    fn first_output(&self) -> usize {
        self.buffers.partition_point(|buffer| buffer.usage == Usage::Read)
    }

    /// How many flags there are.
    pub(crate) fn flags(&self) -> usize {
        self.buffers.iter().filter(|buffer| buffer.usage == Usage::Flag).count()
    }

    /// Whether these tensors are as many as the kernel takes, on `device`, and of the kinds that it takes.
    ///
    /// Their lengths are left to the ops, which know shapes.
    pub(super) fn check(&self, device: &Device, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<()> {
        for (what, buffers, tensors) in
            [("inputs", self.inputs(), inputs), ("outputs", self.outputs(), outputs)]
        {
            if buffers.len() != tensors.len() {
                let names: Vec<_> = buffers.iter().map(|buffer| buffer.name).collect();
                let (names, wanted, given) = (names.join(", "), buffers.len(), tensors.len());
                return Err(error!(
                    Other,
                    "{} takes {wanted} {what} ({names}), but {given} were given", self.name
                ));
            }
            for (buffer, tensor) in buffers.iter().zip(tensors) {
                if !device.shares_memory_with(tensor.device()) {
                    let (name, own, other) = (buffer.name, device.name(), tensor.device().name());
                    return Err(error!(Other, "{}: {name} is on {other}, not on {own}", self.name));
                }
                if buffer.kind != tensor.kind() {
                    let (wanted, given) = (word(buffer.kind), word(tensor.kind()));
                    return Err(error!(
                        Other,
                        "{}: {} must be {wanted}, but {given} was given", self.name, buffer.name
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A kind as WGSL and Rust call it.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::F32 => "f32",
        Kind::U32 => "u32",
    }
}
