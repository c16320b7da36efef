//! What stands behind the last layer: the loss in training, the scores in use.

use crate::device::Device;
use crate::error::Result;
use crate::ops::binary_cross_entropy::binary_cross_entropy;
use crate::ops::sigmoid::sigmoid;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// How logits become a loss and scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// One logit; its sigmoid is the probability of the second of two classes. The loss is binary cross-entropy.
    Sigmoid,
}

/// What a batch's logits are worth.
pub struct Outcome {
    /// `[1]`, divided by the size of the whole batch, so that those of micro-batches add up.
    pub loss: Var,
    /// The count of right answers, u32 `[1]`.
    pub hits: Tensor,
}

impl Head {
    /// How many classes it tells apart.
    pub fn classes(self) -> usize {
        match self {
            Head::Sigmoid => 2,
        }
    }

    /// How many logits of a picture it takes: the features of the network's last layer.
    pub fn logits(self) -> usize {
        match self {
            Head::Sigmoid => 1,
        }
    }

    /// Loss and hits of `logits` `[batch, logits]` against `labels` (u32 `[batch]`).
    ///
    /// # Errors
    /// What the device reports.
    pub fn loss(self, tape: &Tape, logits: &Var, labels: &Tensor, whole_batch: usize) -> Result<Outcome> {
        match self {
            Head::Sigmoid => {
                let (loss, hits) = binary_cross_entropy(tape, logits, labels, whole_batch)?;
                Ok(Outcome { loss, hits })
            }
        }
    }

    /// The score of every class for each picture; those of a picture add up to 1.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn scores(self, tape: &Tape, logits: &Var) -> Result<Vec<Vec<f32>>> {
        match self {
            Head::Sigmoid => {
                let probabilities = sigmoid(tape, logits)?.tensor.read_f32().await?;
                Ok(probabilities.into_iter().map(|p| vec![1.0 - p, p]).collect())
            }
        }
    }

    /// The gradient of a class's evidence with respect to the logits `[1, logits]` of one picture: the logit speaks for
    /// the second class, and its negative for the first.
    ///
    /// # Errors
    /// What the device reports.
    pub fn evidence_gradient(self, device: &Device, class: usize) -> Result<Tensor> {
        match self {
            Head::Sigmoid => Tensor::from_f32(device, &[1, 1], &[if class == 1 { 1.0 } else { -1.0 }]),
        }
    }
}
