//! What a training needs to go on as if it had never stopped, beside its pictures and settings.

use super::records::EpochRecord;
use super::trainer::Trainer;
use crate::error::{Result, error, shown};
use crate::model::{Role, stored};
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The metadata entry that describes a checkpoint, as JSON.
const KEY: &str = "pawgrad_checkpoint";

/// Where a training is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Optimizer steps done.
    pub step: u32,
    /// From 0.
    pub epoch: usize,
    /// Batches of that epoch that are done.
    pub batches: usize,
    /// What they found.
    pub so_far: SoFar,
    /// Whole epochs before it.
    pub history: Vec<EpochRecord>,
}

/// What the steps of an epoch found so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoFar {
    /// Sum over the pictures.
    pub loss_sum: f64,
    pub hits: usize,
    pub images: usize,
    pub seconds: f64,
    /// Steps that updated nothing, in mixed precision.
    pub skipped: usize,
}

impl Trainer {
    /// The bytes of a safetensors file: weights, states of layers, moments, the loss scale, and where the training is.
    ///
    /// # Errors
    /// `Diverged` where a value is infinite or NaN; what the device reports.
    pub async fn checkpoint(&self, position: &Position) -> Result<Vec<u8>> {
        let position = serde_json::to_string(position).expect("a position is plain data");
        stored::encode(&self.slots(), KEY, &position).await
    }

    /// Overwrites all that was trained with what a checkpoint holds, and says where to go on. Where that fails, nothing was
    /// overwritten.
    ///
    /// # Errors
    /// `Model` for a file of another kind or network, and for one that is damaged.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<Position> {
        let position = stored::restore(checkpoint, KEY, &self.slots())?;
        let position: Position = serde_json::from_str(&position)
            .map_err(|why| error!(Model, "what it says of the training cannot be read: {}", shown(&why)))?;
        self.adam.go_on_from(position.step);
        Ok(position)
    }

    /// Every tensor that later steps depend on.
    fn slots(&self) -> Vec<(String, Tensor)> {
        let tensors = self.model.tensors();
        let mut slots: Vec<_> =
            tensors.iter().map(|named| (format!("model/{}", named.name), named.tensor.clone())).collect();
        let learned = tensors.iter().filter(|named| named.role == Role::Parameter);
        for (named, (m, v)) in learned.zip(self.adam.moments()) {
            slots.push((format!("adam/m/{}", named.name), m.clone()));
            slots.push((format!("adam/v/{}", named.name), v.clone()));
        }
        for (name, tensor) in self.loss_scale.iter().flat_map(|scale| scale.slots()) {
            slots.push((format!("loss_scale/{name}"), tensor.clone()));
        }
        slots
    }
}
