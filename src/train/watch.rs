//! Who watches a run, and who keeps what it finds.

use super::checkpoint::Position;
use super::records::{EpochRecord, StepRecord};
use crate::device::Device;
use crate::error::Result;
use crate::model::Model;
use crate::model::stored::Unsealed;
use serde_json::Value;
use std::path::Path;

/// Who watches a run: a terminal, a page.
pub trait Progress {
    /// What was chosen or found, in one line.
    fn message(&mut self, text: &str);
    /// What was found wrong, and did not end the run.
    fn warning(&mut self, text: &str) {
        self.message(text);
    }
    /// What only some want to know.
    fn detail(&mut self, _text: &str) {}
    /// The pictures of a folder are being decoded; the result is given how many are done, from any
    /// thread, and answers whether to go on.
    fn decoding(&mut self, _dir: &Path, _total: usize) -> Box<dyn Fn(usize) -> bool + Sync> {
        Box::new(|_| true)
    }
    /// `epoch`, from 0, of `epochs` begins, and has `steps` optimizer steps.
    fn epoch_starts(&mut self, epoch: usize, epochs: usize, steps: usize);
    /// A step was recorded.
    fn step_done(&mut self, step: &StepRecord);
    /// An epoch was recorded; whether it is the best so far.
    fn epoch_done(&mut self, epoch: &EpochRecord, is_best: bool);
    /// The model as it is, when a step was recorded and before the next one is.
    ///
    /// # Errors
    /// What the device reports; it ends the run.
    fn between_steps(&mut self, _model: &Model) -> Result<()> {
        Ok(())
    }
}

/// Where a run is recorded: a folder, or nowhere.
pub trait Record {
    /// A step; `progress` is told where it takes several tries.
    ///
    /// # Errors
    /// `Write` where it cannot be kept; it ends the run.
    fn step(&mut self, step: &StepRecord, progress: &mut dyn Progress) -> Result<()>;

    /// An epoch, and the model at its end as the bytes of a file.
    ///
    /// # Errors
    /// `Write` where it cannot be kept; it ends the run.
    fn epoch(
        &mut self,
        epoch: &EpochRecord,
        model: &[u8],
        is_best: bool,
        progress: &mut dyn Progress,
    ) -> Result<()>;

    /// The training is over that was to stop early: the best epoch's model takes the place of the last one's.
    ///
    /// # Errors
    /// `Write` where it cannot be kept.
    fn restore_best(&mut self, _progress: &mut dyn Progress) -> Result<()> {
        Ok(())
    }

    /// Whether so much time has passed that what was trained should be kept.
    fn checkpoint_is_due(&self) -> bool {
        false
    }

    /// What a checkpoint says of the run; `None` where none are kept. It is asked for before the checkpoint is made.
    ///
    /// # Errors
    /// `Write` where the checkpoint before this one could not be kept; it ends the run.
    fn about(&mut self, _progress: &mut dyn Progress) -> Result<Option<Value>> {
        Ok(None)
    }

    /// What was trained so far, as the bytes of a file from which it can go on.
    ///
    /// # Errors
    /// `Write` where it cannot be kept; it ends the run.
    fn checkpoint(&mut self, _at: &Position, _bytes: Unsealed) -> Result<()> {
        Ok(())
    }

    /// The rungs that the device chose so far.
    ///
    /// # Errors
    /// `Write` where they cannot be kept; it ends the run.
    fn rungs(&mut self, _device: &Device, _progress: &mut dyn Progress) -> Result<()> {
        Ok(())
    }
}

/// Keeps nothing.
impl Record for () {
    fn step(&mut self, _step: &StepRecord, _progress: &mut dyn Progress) -> Result<()> {
        Ok(())
    }

    fn epoch(&mut self, _: &EpochRecord, _model: &[u8], _best: bool, _: &mut dyn Progress) -> Result<()> {
        Ok(())
    }
}
