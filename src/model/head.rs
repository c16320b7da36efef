//! What stands behind the last layer: the loss in training, the scores in use.

use crate::device::Device;
use crate::error::{Result, error};
use crate::ops::binary_cross_entropy::binary_cross_entropy;
use crate::ops::sigmoid::sigmoid;
use crate::ops::softmax::softmax;
use crate::ops::softmax_cross_entropy::softmax_cross_entropy;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// How logits become a loss and scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Head {
    /// One logit; its sigmoid is the probability of the second of two classes. The loss is binary cross-entropy.
    Sigmoid,
    /// A logit for each class; their softmax are the probabilities. The loss is cross-entropy.
    Softmax,
}

/// What a batch's logits are worth.
pub struct Outcome {
    /// `[1]`, divided by the size of the whole batch, so that those of micro-batches add up.
    pub loss: Var,
    /// The count of right answers, u32 `[1]`.
    pub hits: Tensor,
}

impl Head {
    /// What so many classes usually have.
    pub fn of(classes: usize) -> Head {
        if classes == 2 { Head::Sigmoid } else { Head::Softmax }
    }

    /// How many logits of a picture it takes to tell so many classes apart: the features of the network's last layer.
    ///
    /// # Errors
    /// `Usage` for fewer classes than two, or more than it can tell apart.
    pub fn logits(self, classes: usize) -> Result<usize> {
        match self {
            _ if classes < 2 => {
                Err(error!(Usage, "a network tells two classes apart, or more, not {classes}"))
            }
            Head::Sigmoid if classes > 2 => {
                Err(error!(Usage, "a sigmoid tells two classes apart, not {classes}"))
            }
            Head::Sigmoid => Ok(1),
            Head::Softmax => Ok(classes),
        }
    }

    /// Loss and hits of `logits` `[batch, logits]` against `labels` (u32 `[batch]`); a picture counts times the weight of its
    /// class, of `weights` (f32 `[classes]`). `smoothing` of each label, 0 to 1, is shared out evenly among the classes.
    ///
    /// # Errors
    /// What the device reports.
    pub fn loss(
        self,
        tape: &Tape,
        logits: &Var,
        labels: &Tensor,
        weights: &Tensor,
        whole_batch: usize,
        smoothing: f32,
    ) -> Result<Outcome> {
        let (loss, hits) = match self {
            Head::Sigmoid => binary_cross_entropy(tape, logits, labels, weights, whole_batch, smoothing)?,
            Head::Softmax => softmax_cross_entropy(tape, logits, labels, weights, whole_batch, smoothing)?,
        };
        Ok(Outcome { loss, hits })
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
            Head::Softmax => {
                let probabilities = softmax(tape, logits)?.tensor;
                let classes = probabilities.shape()[1];
                Ok(probabilities.read_f32().await?.chunks_exact(classes).map(<[f32]>::to_vec).collect())
            }
        }
    }

    /// The gradient of a class's evidence with respect to the logits `[1, logits]` of one picture. Of a sigmoid, the logit speaks
    /// for the second class, and its negative for the first; else each class has its own.
    ///
    /// # Errors
    /// What the device reports.
    pub fn evidence_gradient(self, device: &Device, logits: usize, class: usize) -> Result<Tensor> {
        let gradient = match self {
            Head::Sigmoid => vec![if class == 1 { 1.0 } else { -1.0 }],
            Head::Softmax => (0..logits).map(|logit| if logit == class { 1.0 } else { 0.0 }).collect(),
        };
        Tensor::from_f32(device, &[1, logits], &gradient)
    }
}
