//! How long a training goes on.

use super::checkpoint::Position;
use super::monitor::Monitor;
use super::rate::RateSchedule;

/// What the loop needs to know beside the trainer.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// How often to go through all training pictures.
    pub epochs: usize,
    /// Pictures of an optimizer step; the last of an epoch may have fewer.
    pub batch_size: usize,
    /// Whether each epoch takes the pictures in an order of its own.
    pub shuffle: bool,
    /// Of the shuffling.
    pub seed: u64,
    /// Stop after this many optimizer steps, without validation.
    pub max_steps: Option<usize>,
    /// By which value of the validation the best epoch is chosen.
    pub monitor: Monitor,
    /// Stop after so many epochs in a row that were not better than the best, as Keras's `patience`.
    pub early_stop: Option<usize>,
    /// An epoch is better by more than this.
    pub min_delta: f64,
    /// Which way the learning rate goes.
    pub rate: RateSchedule,
    /// Epochs in which it rises.
    pub warmup: f64,
}

impl Schedule {
    /// Whether nothing is left to do at this position, and how that came.
    pub fn is_over(&self, at: &Position) -> Option<End> {
        let since_best = at.best.map_or(0, |best| at.epoch - 1 - best.epoch);
        if self.early_stop.is_some_and(|patience| since_best >= patience) {
            Some(End::StoppedEarly)
        } else if at.epoch >= self.epochs {
            Some(End::Finished)
        } else {
            self.max_steps.filter(|&most| at.step as usize >= most).map(|_| End::StepsDone)
        }
    }
}

/// How a training run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After all epochs.
    Finished,
    /// As no epoch was better than the best for so long: the best one's model was kept.
    StoppedEarly,
    /// After `max_steps`.
    StepsDone,
    /// Somebody raised the stop flag.
    Interrupted,
}
