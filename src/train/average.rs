//! The exponential moving average of a model's slots in training.

use crate::error::Result;
use crate::model::Model;
use crate::ops::average::average;

/// A model that follows another one.
pub struct Average {
    /// What is tested and saved.
    pub model: Model,
    decay: f64,
}

impl Average {
    /// Of what the model is now.
    ///
    /// # Errors
    /// `OutOfMemory` where the device cannot hold another copy of the slots.
    pub fn new(model: &Model, decay: f64) -> Result<Average> {
        let average = Average { model: model.zeros()?, decay };
        average.follow(model, 1.0)?;
        Ok(average)
    }

    /// Takes in what the model became in optimizer step `step`, from 1. The first is taken as it is, as in Keras's `use_ema`. Early
    /// steps count more, or the first weights would stay in it for long: the decay is at most `(1 + step) / (10 + step)`, as in
    /// TensorFlow's `ExponentialMovingAverage`.
    ///
    /// # Errors
    /// What the device reports.
    pub fn step(&self, model: &Model, step: u32) -> Result<()> {
        let early = (1.0 + f64::from(step)) / (10.0 + f64::from(step));
        self.follow(model, if step == 1 { 1.0 } else { 1.0 - self.decay.min(early) })
    }

    fn follow(&self, model: &Model, rate: f64) -> Result<()> {
        for (average_of, now) in self.model.tensors().iter().zip(model.tensors()) {
            average(&now.tensor, &average_of.tensor, rate as f32)?;
        }
        Ok(())
    }
}
