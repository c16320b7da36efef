//! The loop: epochs of steps, and an evaluation after each.

use super::checkpoint::{Checkpoint, Position, SoFar};
use super::evaluate::{self, Views};
use super::rate::At;
use super::records::{EpochRecord, StepRecord};
use super::schedule::{End, Schedule};
use super::step::StepUnderWay;
use super::trainer::Trainer;
use super::watch::{Progress, Record};
use crate::data::{Batch, Pictures, epoch_order};
use crate::device::{Device, Precision};
use crate::error::{Error, ErrorKind, Remedy, Result, error};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use web_time::Instant;

/// What is trained on, and tested on.
#[derive(Clone, Copy)]
pub struct Sets<'a> {
    pub training: &'a Pictures,
    pub test: &'a Pictures,
}

/// Trains from a position until the schedule ends or `stop` is raised; every step and epoch is kept in `record`.
///
/// # Errors
/// `Diverged` with the step; `Write` where `record` cannot be kept; what the device reports. What was
/// saved before stays.
pub async fn train(
    trainer: &mut Trainer,
    Sets { training, test }: Sets<'_>,
    schedule: &Schedule,
    from: Position,
    record: &mut dyn Record,
    progress: &mut dyn Progress,
    stop: &AtomicBool,
) -> Result<End> {
    let steps_per_epoch = training.len().div_ceil(schedule.batch_size);
    let mut is_first = true;
    let mut at = from;
    loop {
        if let Some(end) = schedule.is_over(&at) {
            // As Keras's restore_best_weights, however it ended.
            if end != End::StepsDone && schedule.early_stop.is_some() && at.best.is_some() {
                record.restore_best(progress)?;
            }
            return Ok(end);
        }
        let number = at.epoch;
        let mut running = Epoch::start(number, at.step, at.so_far);
        progress.epoch_starts(number, schedule.epochs, steps_per_epoch);
        let mut end = End::Finished;

        let order = epoch_order(training.len(), schedule.seed, number as u64, schedule.shuffle);
        for indices in order.chunks(schedule.batch_size).skip(at.batches) {
            let (step, epochs) = (at.step as usize, schedule.epochs);
            let of_rate = At { step, steps_per_epoch, epochs, history: &at.history };
            trainer.set_rate(schedule.rate.at(schedule.warmup, of_rate));
            let step = trainer.step(&Batch { epoch: number as u64, ..training.gather(indices) })?;
            (at.step, at.batches) = (step.step, at.batches + 1);
            if std::mem::take(&mut is_first) {
                record.rungs(trainer.model.device(), progress)?;
                report_tensor_cores(trainer.model.device(), progress);
            }
            running.under_way.push_back(step);
            running.finish_steps(trainer.model.device().steps_in_flight(), record, progress).await?;
            progress.between_steps(&trainer.model)?;
            if stop.load(Ordering::Relaxed) {
                end = End::Interrupted;
                break;
            }
            if schedule.max_steps == Some(at.step as usize) {
                end = End::StepsDone;
                break;
            }
            if record.checkpoint_is_due() {
                running.finish_steps(0, record, progress).await?;
                at.so_far = running.so_far;
                keep(trainer, &at, &running, record, progress).await?;
            }
        }
        running.finish_steps(0, record, progress).await?;
        at.so_far = running.so_far;

        let mut epoch = running.record();
        let model = trainer.model_to_use().to_bytes().await.map_err(|why| running.explain(why))?;
        if end == End::Finished {
            let size = schedule.batch_size.min(trainer.micro_batch_size());
            epoch.validation =
                evaluate::evaluate(trainer.model_to_use(), test, size, Views::Own, stop).await?;
            match &epoch.validation {
                None => end = End::Interrupted,
                Some(validation) if !validation.loss.is_finite() => {
                    let why = error!(Diverged, "the validation loss is {}", validation.loss);
                    return Err(running.explain(why));
                }
                Some(_) => {}
            }
        }
        let is_whole = end == End::Finished;
        let is_best = is_whole && at.end_epoch(epoch.clone(), schedule.monitor, schedule.min_delta);
        record.epoch(&epoch, &model, is_best, progress)?;
        // Two of them would be in memory.
        drop(model);
        record.rungs(trainer.model.device(), progress)?;
        keep(trainer, &at, &running, record, progress).await?;
        progress.epoch_done(&epoch, is_best);
        if !is_whole {
            return Ok(end);
        }
    }
}

/// Hands what was trained so far to the record.
async fn keep(
    trainer: &Trainer,
    at: &Position,
    running: &Epoch,
    record: &mut dyn Record,
    progress: &mut dyn Progress,
) -> Result<()> {
    let Some(run) = record.about(progress)? else { return Ok(()) };
    let checkpoint = Checkpoint { position: at.clone(), run };
    let bytes = trainer.checkpoint(&checkpoint).await.map_err(|why| running.explain(why))?;
    record.checkpoint(at, bytes)
}

/// Says, when the rungs of a run in mixed precision are known, how much of it runs on tensor cores.
fn report_tensor_cores(device: &Device, progress: &mut dyn Progress) {
    if device.precision() != Precision::Mixed {
        return;
    }
    let rungs = device.chosen_rungs();
    let of_convolutions = rungs.iter().filter(|(key, _)| key.starts_with("conv2d"));
    let halves = of_convolutions.clone().filter(|(_, rung)| rung.contains("_tensor")).count();
    progress.message(&format!(
        "{halves} of {} kernels of convolutions run on tensor cores: all but the first convolution's do where the image \
         size is a multiple of 32, unless they were tuned to another rung",
        of_convolutions.count()
    ));
}

/// One epoch while it runs.
struct Epoch {
    epoch: usize,
    last_step: u32,
    under_way: VecDeque<StepUnderWay>,
    /// When the device completed the last step.
    completed: Instant,
    so_far: SoFar,
}

impl Epoch {
    fn start(epoch: usize, last_step: u32, so_far: SoFar) -> Epoch {
        let (under_way, completed) = (VecDeque::new(), Instant::now());
        Epoch { epoch, last_step, under_way, completed, so_far }
    }

    /// What diverged did so in the last step.
    fn explain(&self, why: Error) -> Error {
        if why.kind != ErrorKind::Diverged {
            return why;
        }
        let message = format!("training diverged in step {}: {}", self.last_step, why.message);
        why.saying(message).with(Remedy::SmallerLearningRate).in_step(self.last_step)
    }

    /// Waits for the oldest steps until at most `in_flight` are under way, and records them.
    async fn finish_steps(
        &mut self,
        in_flight: usize,
        record: &mut dyn Record,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        while self.under_way.len() > in_flight {
            let Some(step) = self.under_way.pop_front() else { break };
            let result = step.finish().await?;
            let seconds = result.completed.saturating_duration_since(self.completed).as_secs_f64();
            self.completed = result.completed;
            self.so_far.loss_sum += f64::from(result.loss) * result.images as f64;
            self.so_far.hits += result.hits as usize;
            self.so_far.images += result.images;
            self.last_step = result.step;
            self.so_far.seconds += seconds;
            let found = StepRecord {
                step: result.step,
                epoch: self.epoch,
                loss: result.loss,
                accuracy: f64::from(result.hits) / result.images as f64,
                images: result.images,
                seconds,
                loss_scale: result.scaling.map(|scaling| scaling.scale),
                skipped: result.scaling.map(|scaling| scaling.skipped),
            };
            self.so_far.skipped += usize::from(found.skipped == Some(true));
            record.step(&found, progress)?;
            progress.step_done(&found);
        }
        Ok(())
    }

    fn record(&self) -> EpochRecord {
        let SoFar { loss_sum, hits, images, seconds, skipped } = self.so_far;
        EpochRecord {
            epoch: self.epoch,
            loss: loss_sum / images as f64,
            accuracy: hits as f64 / images as f64,
            images_per_second: images as f64 / seconds,
            seconds,
            skipped,
            validation: None,
        }
    }
}
