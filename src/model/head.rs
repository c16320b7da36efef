//! What stands behind the last layer: the loss in training, the scores in use.

use crate::error::Result;
use crate::ops::binary_cross_entropy::binary_cross_entropy;
use crate::ops::sigmoid::sigmoid;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// The head of a network with one logit: the probability of the second class.
#[derive(Debug, Clone, Copy)]
pub struct BinaryHead;

impl BinaryHead {
    /// Loss `[1]`, divided by the size of the whole batch, and the count of right answers (u32 `[1]`).
    pub fn loss(
        self,
        tape: &Tape,
        logits: &Var,
        labels: &Tensor,
        whole_batch: usize,
    ) -> Result<(Var, Tensor)> {
        binary_cross_entropy(tape, logits, labels, whole_batch)
    }

    /// The score of every class for each image: [1 - p, p], which add up to 1.
    pub async fn scores(self, tape: &Tape, logits: &Var) -> Result<Vec<Vec<f32>>> {
        let probabilities = sigmoid(tape, logits)?.tensor.read_f32().await?;
        Ok(probabilities.into_iter().map(|p| vec![1.0 - p, p]).collect())
    }
}
