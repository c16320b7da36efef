//! The arithmetic behind one value of one layer.

use super::Inside;
use crate::error::{Result, error, shown};
use crate::model::layers::{Behind, Unit};

impl Inside {
    /// The arithmetic behind `[channel, row, column]` of the layer at `index`; a dense unit is a channel.
    ///
    /// # Errors
    /// `Usage` where there is no such value, or its weights were not read.
    pub fn unit(&self, index: usize, channel: usize, row: usize, column: usize) -> Result<Unit> {
        let seen = self.layers.get(index).ok_or_else(|| error!(Usage, "there is no layer {index}"))?;
        let (channels, height, width) = match seen.placed.output_shape[..] {
            [channels, height, width] => (channels, height, width),
            _ => (seen.values.len(), 1, 1),
        };
        if channel >= channels || row >= height || column >= width {
            let name = shown(&seen.placed.name);
            return Err(error!(Usage, "{name} is {channels} x {height} x {width}: there is no such value"));
        }
        let output = seen.values[(channel * height + row) * width + column];
        let at = [channel, row, column];
        let (inputs, slots) = (self.inputs_of(index), self.slots_of(index));
        if slots.len() < seen.placed.slots.len() {
            return Err(error!(
                Usage,
                "the weights of {} are too many to be read while the training is followed: look at the saved model",
                shown(&seen.placed.name)
            ));
        }
        seen.placed.layer.unit(&Behind { at, output, inputs, slots })
    }
}
