//! Training: the settings and course of a run, the loop, one step, evaluation, and the folder that is left behind.

pub mod curves;
pub mod evaluate;
pub mod job;
pub mod plan;
pub mod profile;
pub mod run_folder;
pub mod settings;
pub mod trainer;
pub mod tuning;

pub use trainer::Trainer;

use crate::data::{Pictures, epoch_order};
use crate::device::{Device, Precision};
use crate::error::{Error, ErrorKind, Result, error};
use crate::model::Model;
use run_folder::{EpochRecord, RunFolder, StepRecord};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use trainer::StepUnderWay;

/// What the loop needs to know beside the trainer.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub epochs: usize,
    pub batch_size: usize,
    pub shuffle: bool,
    pub seed: u64,
    /// Stop after this many optimizer steps, without validation.
    pub max_steps: Option<usize>,
}

/// How a training run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Finished,
    /// After `max_steps`.
    StepsDone,
    /// Somebody raised the stop flag.
    Interrupted,
}

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
    /// The pictures of a folder are being decoded; the result is told how many are done, from any thread.
    fn decoding(&mut self, _dir: &Path, _total: usize) -> Box<dyn Fn(usize) + Sync> {
        Box::new(|_| ())
    }
    fn epoch_starts(&mut self, epoch: usize, epochs: usize, steps: usize);
    fn step_done(&mut self, step: &StepRecord);
    fn epoch_done(&mut self, epoch: &EpochRecord);
    /// The model as it is, when a step was recorded and before the next one is.
    ///
    /// # Errors
    /// What the device reports; it ends the run.
    fn between_steps(&mut self, _model: &Model) -> Result<()> {
        Ok(())
    }
}

/// Trains until the schedule ends or `stop` is raised; every step and epoch goes into the run's folder.
///
/// # Errors
/// `Diverged` with the step; `Write` when the folder cannot be written; what the device reports. What was
/// saved before stays.
pub async fn train(
    trainer: &mut Trainer,
    training: &Pictures,
    test: &Pictures,
    schedule: &Schedule,
    folder: &mut RunFolder,
    progress: &mut dyn Progress,
    stop: &AtomicBool,
) -> Result<End> {
    for epoch in 0..schedule.epochs {
        let mut running = Epoch::start(epoch);
        progress.epoch_starts(epoch, schedule.epochs, training.len().div_ceil(schedule.batch_size));
        let mut end = End::Finished;

        let order = epoch_order(training.len(), schedule.seed, epoch as u64, schedule.shuffle);
        for indices in order.chunks(schedule.batch_size) {
            let step = trainer.step(&training.gather(indices))?;
            let step_number = step.step as usize;
            if step_number == 1 {
                folder.save_rungs(trainer.model.device())?;
                tell_tensor_cores(trainer.model.device(), progress);
            }
            running.under_way.push_back(step);
            running.finish_steps(trainer.model.device().steps_in_flight(), folder, progress).await?;
            progress.between_steps(&trainer.model)?;
            if stop.load(Ordering::Relaxed) {
                end = End::Interrupted;
                break;
            }
            if schedule.max_steps == Some(step_number) {
                end = End::StepsDone;
                break;
            }
        }
        running.finish_steps(0, folder, progress).await?;

        let mut record = running.record();
        let model = trainer.model.to_bytes().await.map_err(|why| match why.kind {
            ErrorKind::Diverged => after_step(why, &running),
            _ => why,
        })?;
        if end == End::Finished {
            let size = schedule.batch_size.min(trainer.micro_batch_size());
            record.validation = evaluate::evaluate(&trainer.model, test, size, stop).await?;
            match &record.validation {
                None => end = End::Interrupted,
                Some(validation) if !validation.loss.is_finite() => {
                    let why = error!(Diverged, "the validation loss is {}", validation.loss);
                    return Err(after_step(why, &running));
                }
                Some(_) => {}
            }
        }
        // The model first: a history must not tell of a model that is not there.
        folder.save_model(&model)?;
        folder.save_epoch(&record)?;
        folder.save_rungs(trainer.model.device())?;
        progress.epoch_done(&record);
        if end != End::Finished {
            return Ok(end);
        }
    }
    Ok(End::Finished)
}

/// Says, when the rungs of a run in mixed precision are known, how much of it runs on tensor cores.
fn tell_tensor_cores(device: &Device, progress: &mut dyn Progress) {
    if device.precision() != Precision::Mixed {
        return;
    }
    let rungs = device.chosen_rungs();
    let of_convolutions = rungs.iter().filter(|(key, _)| key.starts_with("conv2d"));
    let halves = of_convolutions.clone().filter(|(_, rung)| rung.ends_with("_tensor")).count();
    progress.message(&format!(
        "{halves} of {} kernels of convolutions run on tensor cores: all do where --image-size is a multiple of 32, \
         unless they were tuned to another rung",
        of_convolutions.count()
    ));
}

/// The error with the last step's number.
fn after_step(why: Error, epoch: &Epoch) -> Error {
    Error::new(
        why.kind,
        format!(
            "training diverged in step {}: {}. A smaller --learning-rate usually helps",
            epoch.last_step, why.message
        ),
    )
}

/// One epoch while it runs.
struct Epoch {
    epoch: usize,
    last_step: u32,
    under_way: VecDeque<StepUnderWay>,
    /// When the device completed the last step.
    completed: Instant,
    loss_sum: f64,
    hits: usize,
    images: usize,
    seconds: f64,
    skipped: usize,
}

impl Epoch {
    fn start(epoch: usize) -> Epoch {
        let (under_way, completed) = (VecDeque::new(), Instant::now());
        Epoch {
            epoch,
            last_step: 0,
            under_way,
            completed,
            loss_sum: 0.0,
            hits: 0,
            images: 0,
            seconds: 0.0,
            skipped: 0,
        }
    }

    /// Waits for the oldest steps until at most `in_flight` are under way, and records them.
    async fn finish_steps(
        &mut self,
        in_flight: usize,
        folder: &mut RunFolder,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        while self.under_way.len() > in_flight {
            let Some(step) = self.under_way.pop_front() else { break };
            let result = step.finish().await?;
            let seconds = result.completed.saturating_duration_since(self.completed).as_secs_f64();
            self.completed = result.completed;
            self.loss_sum += f64::from(result.loss) * result.images as f64;
            self.hits += result.hits as usize;
            self.images += result.images;
            self.last_step = result.step;
            self.seconds += seconds;
            let record = StepRecord {
                step: result.step,
                epoch: self.epoch,
                loss: result.loss,
                accuracy: f64::from(result.hits) / result.images as f64,
                images: result.images,
                seconds,
                loss_scale: result.scaling.map(|scaling| scaling.scale),
                skipped: result.scaling.map(|scaling| scaling.skipped),
            };
            self.skipped += usize::from(record.skipped == Some(true));
            folder.append_step(&record)?;
            progress.step_done(&record);
        }
        Ok(())
    }

    fn record(&self) -> EpochRecord {
        EpochRecord {
            epoch: self.epoch,
            loss: self.loss_sum / self.images as f64,
            accuracy: self.hits as f64 / self.images as f64,
            images_per_second: self.images as f64 / self.seconds,
            seconds: self.seconds,
            skipped: self.skipped,
            validation: None,
        }
    }
}
