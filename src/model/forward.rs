//! From pixels to logits.

use super::{Mode, Model, Origin, Stage};
use crate::error::Result;
use crate::model::layers::Context;
use crate::ops::augment::augment;
use crate::ops::input::input;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;
use std::collections::BTreeMap;

impl Model {
    /// The logits `[batch, logits]` of `pixels` (bytes `[batch, height, width, channels]`, packed by
    /// [`pack`](crate::ops::input::pack)) with the model's own [`vars`](Model::vars).
    ///
    /// # Errors
    /// What the device reports.
    pub fn forward(
        &self,
        tape: &Tape,
        vars: &[Var],
        pixels: &Tensor,
        batch: usize,
        mode: Mode,
    ) -> Result<Var> {
        self.forward_through(tape, vars, pixels, batch, mode, &mut |_, y| y)
    }

    /// As [`forward`](Model::forward); what a node made goes through `after`, with the node's index, before others take it.
    ///
    /// # Errors
    /// What the device reports.
    pub fn forward_through(
        &self,
        tape: &Tape,
        vars: &[Var],
        pixels: &Tensor,
        batch: usize,
        mode: Mode,
        after: &mut dyn FnMut(usize, Var) -> Var,
    ) -> Result<Var> {
        self.forward_from(tape, vars, self.input(pixels, batch, None)?, mode, after)
    }

    /// What the network sees of pixels, `[batch, channels, height, width]`: changed by `transforms` before, where there are some
    /// ([`augment`]).
    ///
    /// # Errors
    /// What the device reports.
    pub fn input(&self, pixels: &Tensor, batch: usize, transforms: Option<&Tensor>) -> Result<Tensor> {
        let (pre, [channels, height, width]) = (&self.network.preprocessing, self.network.input_shape());
        self.device.enter("input");
        let shape = [batch, channels, height, width];
        match transforms {
            Some(transforms) => augment(&self.device, pixels, transforms, shape, pre.mean, pre.std_dev),
            None => input(&self.device, pixels, shape, pre.mean, pre.std_dev),
        }
    }

    /// As [`forward_through`](Model::forward_through), from what the network sees.
    ///
    /// # Errors
    /// What the device reports.
    pub fn forward_from(
        &self,
        tape: &Tape,
        vars: &[Var],
        input: Tensor,
        mode: Mode,
        after: &mut dyn FnMut(usize, Var) -> Var,
    ) -> Result<Var> {
        let mut values = BTreeMap::from([(Origin::Input, tape.constant(&input))]);
        drop(input);
        for (index, Stage { node, slots, last_taken }) in self.stages.iter().enumerate() {
            self.device.enter(&node.name);
            let inputs: Vec<Var> = node.inputs.iter().map(|origin| values[origin].clone()).collect();
            last_taken.iter().for_each(|origin| drop(values.remove(origin)));
            let slots: Vec<_> =
                node.slots.iter().zip(slots).map(|(slot, &index)| (slot.name, vars[index].clone())).collect();
            let zeros = self.zeros.as_ref();
            let context = Context { tape, mode, number: node.number, slots: &slots, zeros };
            let y = node.layer.forward(&context, &inputs)?;
            values.insert(Origin::Node(index), after(index, y));
        }
        let (_, output) = values.pop_last().expect("a network has a layer");
        Ok(output)
    }
}
