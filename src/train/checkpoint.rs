//! What a training needs to go on as if it had never stopped, beside its pictures.

use super::monitor::Monitor;
use super::records::EpochRecord;
use super::trainer::Trainer;
use crate::error::{Result, error, shown};
use crate::model::Role;
use crate::model::header::MAX_HEADER;
use crate::model::stored::{Contents, Named, Stored, Unsealed};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The metadata entry by which a checkpoint is known, and the version of what it says.
const KEY: &str = "pawgrad_checkpoint";
const VERSION: &str = "1";
/// The name of its text, a [`Checkpoint`] as JSON.
const TEXT: &str = "training";
/// It has a weight and two moments of each.
const MOST_HEADER: usize = 4 * MAX_HEADER;

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
    /// Whole epochs before it. Only the last has its confusion matrix.
    pub history: Vec<EpochRecord>,
    /// The best of them.
    pub best: Option<Best>,
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

/// The best epoch of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// From 0.
    pub epoch: usize,
    /// The optimizer step at its end.
    pub step: u32,
    /// Of the validation, that which is monitored.
    pub value: f64,
}

impl Position {
    /// An epoch is over, and was validated. Whether it is the best so far: better than the one before it by more than
    /// `min_delta`, as with Keras's `EarlyStopping`.
    pub(super) fn end_epoch(&mut self, record: EpochRecord, monitor: Monitor, min_delta: f64) -> bool {
        let value = record.validation.as_ref().map(|validation| monitor.of(validation));
        let before = self.best.map(|best| best.value);
        let best = value.filter(|&value| before.is_none_or(|best| monitor.is_better(value, best, min_delta)));
        if let Some(value) = best {
            self.best = Some(Best { epoch: self.epoch, step: self.step, value });
        }
        // Of a thousand classes a matrix takes 8 MB, and only the last is asked for.
        self.history.iter_mut().for_each(EpochRecord::forget_confusion);
        self.history.push(record);
        (self.epoch, self.batches, self.so_far) = (self.epoch + 1, 0, SoFar::default());
        best.is_some()
    }
}

/// What a checkpoint says beside its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    pub position: Position,
    /// What whoever keeps the run says of it.
    pub run: Value,
}

impl Checkpoint {
    /// What the bytes of a checkpoint say.
    ///
    /// # Errors
    /// `Model` for a file of another kind or version, and for one that is damaged.
    pub fn read(bytes: &[u8]) -> Result<Checkpoint> {
        Checkpoint::of(&stored(bytes)?)
    }

    fn of(stored: &Stored) -> Result<Checkpoint> {
        serde_json::from_str(stored.text(TEXT)?)
            .map_err(|why| error!(Model, "what it says of the training cannot be read: {}", shown(&why)))
    }
}

fn stored(bytes: &[u8]) -> Result<Stored<'_>> {
    let stored = Stored::read(bytes, KEY, MOST_HEADER)?;
    match stored.description(KEY) {
        VERSION => Ok(stored),
        other => Err(error!(
            Model,
            "it is a checkpoint of version {}, and this program reads version {VERSION}",
            shown(other)
        )),
    }
}

impl Trainer {
    /// The bytes of a safetensors file: weights, states of layers, moments, the loss scale, where the training is, and what
    /// is said of the run.
    ///
    /// # Errors
    /// `Diverged` where a value of the model is infinite or NaN; what the device reports.
    pub async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<Unsealed> {
        let text = serde_json::to_string(checkpoint).expect("a checkpoint is plain data");
        let (tensors, of_model) = self.slots();
        let contents = Contents {
            key: KEY,
            description: VERSION,
            tensors: &tensors,
            text: Some((TEXT, &text)),
            max_header: MOST_HEADER,
            covers_header: true,
        };
        let unsealed = contents.read().await?;
        unsealed.refuse_lost(&tensors[..of_model])?;
        Ok(unsealed)
    }

    /// Overwrites all that was trained with what a checkpoint holds, and says where to go on. Where the file cannot be used,
    /// nothing is overwritten.
    ///
    /// # Errors
    /// `Model` for a file of another kind or network, and for one that is damaged; what the device reports.
    pub fn restore(&mut self, checkpoint: &[u8]) -> Result<Position> {
        let stored = stored(checkpoint)?;
        let Checkpoint { position, .. } = Checkpoint::of(&stored)?;
        stored.restore(&self.slots().0, 1)?;
        self.adam.go_on_from(position.step);
        Ok(position)
    }

    /// Every tensor that later steps depend on, and how many of them, the first, are the model's.
    fn slots(&self) -> (Vec<Named>, usize) {
        let tensors = self.model.tensors();
        let mut slots: Vec<_> =
            tensors.iter().map(|named| (format!("model/{}", named.name), named.tensor.clone())).collect();
        let learned = tensors.iter().filter(|named| named.role == Role::Parameter);
        for (named, (m, v)) in learned.zip(self.adam.moments()) {
            slots.push((format!("adam/m/{}", named.name), m.clone()));
            slots.push((format!("adam/v/{}", named.name), v.clone()));
        }
        for named in self.average.iter().flat_map(|average| average.model.tensors()) {
            slots.push((format!("average/{}", named.name), named.tensor.clone()));
        }
        for (name, tensor) in self.loss_scale.iter().flat_map(|scale| scale.slots()) {
            slots.push((format!("loss_scale/{name}"), tensor.clone()));
        }
        (slots, tensors.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::evaluate::Evaluation;
    use crate::train::{End, RateSchedule, Schedule};

    /// The epoch, from 0, after which a run of these values stops, and its best.
    fn stops(values: &[f64], monitor: Monitor, patience: usize, min_delta: f64) -> (usize, usize) {
        let schedule = Schedule {
            epochs: values.len(),
            batch_size: 1,
            shuffle: true,
            seed: 1,
            max_steps: None,
            monitor,
            early_stop: Some(patience),
            min_delta,
            rate: RateSchedule::Constant,
            warmup: 0.0,
        };
        let mut at = Position::default();
        while schedule.is_over(&at).is_none() {
            let value = values[at.epoch];
            let validation = Some(Evaluation { loss: value, accuracy: value, confusion: vec![vec![1]] });
            let (loss, accuracy) = (0.0, 0.0);
            let record = EpochRecord {
                epoch: at.epoch,
                loss,
                accuracy,
                images_per_second: 0.0,
                seconds: 0.0,
                skipped: 0,
                validation,
            };
            at.step += 1;
            at.end_epoch(record, monitor, min_delta);
        }
        let is_early = schedule.is_over(&at) == Some(End::StoppedEarly);
        assert_eq!(is_early, at.epoch < values.len() || at.epoch - 1 - at.best.unwrap().epoch >= patience);
        assert!(
            at.history.iter().rev().skip(1).all(|epoch| epoch
                .validation
                .as_ref()
                .unwrap()
                .confusion
                .is_empty())
        );
        (at.epoch - 1, at.best.unwrap().epoch)
    }

    /// As Keras 3 stops with `EarlyStopping(monitor, min_delta, patience)`, computed with it for these values.
    #[test]
    fn a_run_stops_early_where_keras_does() {
        let values = [0.70, 0.65, 0.66, 0.64, 0.645, 0.635, 0.64, 0.64, 0.64, 0.60];
        for (monitor, patience, min_delta, stopped) in [
            (Monitor::ValLoss, 1, 0.0, (2, 1)),
            (Monitor::ValLoss, 2, 0.0, (7, 5)),
            (Monitor::ValLoss, 3, 0.0, (8, 5)),
            (Monitor::ValLoss, 4, 0.0, (9, 9)),
            (Monitor::ValLoss, 2, 0.02, (3, 1)),
            (Monitor::ValLoss, 4, 0.008, (7, 3)),
            (Monitor::ValAccuracy, 2, 0.0, (2, 0)),
        ] {
            assert_eq!(
                stops(&values, monitor, patience, min_delta),
                stopped,
                "{monitor:?} {patience} {min_delta}"
            );
        }
    }
}
