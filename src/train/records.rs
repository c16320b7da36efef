//! What is recorded of a run: its steps and its epochs.

use super::evaluate::Evaluation;
use serde::{Deserialize, Serialize};

/// What a step found: a line of `steps.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepRecord {
    /// From 1, over all epochs.
    pub step: u32,
    /// From 0.
    pub epoch: usize,
    /// Mean over the batch, before the step's update.
    pub loss: f32,
    /// Share of right answers, 0 to 1, before the step's update.
    pub accuracy: f64,
    /// Pictures of the batch.
    pub images: usize,
    /// Wall time since the previous step completed on the device.
    pub seconds: f64,
    /// In mixed precision: what the next step's loss is multiplied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f32>,
    /// In mixed precision: whether a gradient overflowed, so that the step updated nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<bool>,
}

/// What an epoch found: a line of `history.csv`. Loss and accuracy are means over the steps of the epoch, as they went by;
/// those of the validation are of the model at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// From 0.
    pub epoch: usize,
    pub loss: f64,
    pub accuracy: f64,
    pub images_per_second: f64,
    /// Time of the steps, without validation.
    pub seconds: f64,
    /// Steps that updated nothing, in mixed precision.
    pub skipped: usize,
    /// Missing where the epoch was cut short.
    pub validation: Option<Evaluation>,
}

impl EpochRecord {
    pub(crate) fn forget_confusion(&mut self) {
        self.validation.iter_mut().for_each(|validation| validation.confusion = Vec::new());
    }
}
