//! How the learning rate goes up and down in a training.

use super::records::EpochRecord;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Which way the learning rate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateSchedule {
    /// It stays.
    #[default]
    Constant,
    /// Down to 0 along half a cosine, as Keras's `CosineDecay`.
    Cosine,
    /// Up from 1/25 in the first quarter, then down to 1e-5 of it, along cosines, while Adam's first beta goes from 0.95 to 0.85
    /// and back: fastai's `fit_one_cycle` (Smith, "A disciplined approach to neural network hyper-parameters", 2018).
    OneCycle,
    /// To a tenth where the validation loss was no better for ten epochs: Keras's `ReduceLROnPlateau`.
    Plateau,
}

impl RateSchedule {
    /// Every one, by its name.
    pub const ALL: [(&'static str, RateSchedule); 4] = [
        ("constant", RateSchedule::Constant),
        ("cosine", RateSchedule::Cosine),
        ("one_cycle", RateSchedule::OneCycle),
        ("plateau", RateSchedule::Plateau),
    ];

    /// Whether it depends on how many epochs there will be.
    pub fn knows_its_end(self) -> bool {
        matches!(self, RateSchedule::Cosine | RateSchedule::OneCycle)
    }
}

/// A step of a training, as schedules see it.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Optimizer steps before it.
    pub step: usize,
    pub steps_per_epoch: usize,
    pub epochs: usize,
    /// The whole epochs before it.
    pub history: &'a [EpochRecord],
}

/// What a step takes of the learning rate, and Adam's first beta where that moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// 0 to 1.
    pub share: f64,
    pub beta1: Option<f64>,
}

/// Keras's defaults for `ReduceLROnPlateau`.
const FACTOR: f64 = 0.1;
const PATIENCE: usize = 10;
const MIN_DELTA: f64 = 1e-4;

impl RateSchedule {
    /// The rate of a step. In the first `warmup` epochs it rises from 0 along a line, but in one cycle, which has its own rise.
    pub fn at(self, warmup: f64, at: At<'_>) -> Rate {
        let (step, total) = (at.step as f64, (at.epochs * at.steps_per_epoch) as f64);
        // Whole steps, and none of a run that is shorter.
        let warmup = (warmup * at.steps_per_epoch as f64).round().min(total);
        if self != RateSchedule::OneCycle && step < warmup {
            return Rate { share: step / warmup, beta1: None };
        }
        let share = match self {
            RateSchedule::Constant => 1.0,
            RateSchedule::Cosine => cosine(1.0, 0.0, (step - warmup) / (total - warmup).max(1.0)),
            RateSchedule::Plateau => FACTOR.powi(falls(at.history)),
            RateSchedule::OneCycle => return one_cycle(step / total.max(1.0)),
        };
        Rate { share, beta1: None }
    }
}

/// From one value to another along half a cosine.
fn cosine(from: f64, to: f64, done: f64) -> f64 {
    to + (from - to) * (1.0 + (PI * done.clamp(0.0, 1.0)).cos()) / 2.0
}

fn one_cycle(done: f64) -> Rate {
    const RISE: f64 = 0.25;
    let (share, beta1) = match done < RISE {
        true => (cosine(1.0 / 25.0, 1.0, done / RISE), cosine(0.95, 0.85, done / RISE)),
        false => {
            let done = (done - RISE) / (1.0 - RISE);
            (cosine(1.0, 1e-5, done), cosine(0.85, 0.95, done))
        }
    };
    Rate { share, beta1: Some(beta1) }
}

/// How often the rate fell in these epochs: nothing else has to be remembered.
fn falls(history: &[EpochRecord]) -> i32 {
    let (mut best, mut waited, mut falls) = (f64::INFINITY, 0, 0);
    for loss in history.iter().filter_map(|epoch| Some(epoch.validation.as_ref()?.loss)) {
        if loss < best - MIN_DELTA {
            (best, waited) = (loss, 0);
            continue;
        }
        waited += 1;
        if waited >= PATIENCE {
            (falls, waited) = (falls + 1, 0);
        }
    }
    falls
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::evaluate::Evaluation;

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-6, "{found} is not {wanted}");
    }

    fn share(schedule: RateSchedule, warmup: f64, step: usize) -> f64 {
        schedule.at(warmup, At { step, steps_per_epoch: 10, epochs: 4, history: &[] }).share
    }

    /// Computed with Keras 3: `CosineDecay(0.0, 30, warmup_target=1.0, warmup_steps=10)`.
    #[test]
    fn a_cosine_with_warm_up_is_that_of_keras() {
        for (step, wanted) in
            [(0, 0.0), (3, 0.3), (9, 0.9), (10, 1.0), (11, 0.997_261), (25, 0.5), (39, 0.002_739)]
        {
            close(share(RateSchedule::Cosine, 1.0, step), wanted);
        }
        close(share(RateSchedule::Cosine, 0.0, 0), 1.0);
        close(share(RateSchedule::Constant, 0.0, 39), 1.0);
        close(share(RateSchedule::Constant, 0.5, 2), 0.4);
        // Longer than the run.
        close(share(RateSchedule::Cosine, 9.0, 39), 39.0 / 40.0);
    }

    /// Computed with the schedule functions of fastai 2 for eight steps: `fit_one_cycle(1, lr_max=1)` with its default momentums.
    #[test]
    fn one_cycle_is_that_of_fastai() {
        let wanted = [
            (0.04, 0.95),
            (0.52, 0.9),
            (1.0, 0.85),
            (0.933_013_370, 0.856_698_730),
            (0.750_002_5, 0.875),
            (0.500_005, 0.9),
            (0.250_007_5, 0.925),
            (0.066_996_630, 0.943_301_270),
        ];
        for (step, (of_rate, beta1)) in wanted.into_iter().enumerate() {
            let at = At { step, steps_per_epoch: 4, epochs: 2, history: &[] };
            let rate = RateSchedule::OneCycle.at(3.0, at);
            close(rate.share, of_rate);
            close(rate.beta1.unwrap(), beta1);
        }
    }

    /// As the rate fell with Keras 3's `ReduceLROnPlateau()` for these validation losses.
    #[test]
    fn a_plateau_is_that_of_keras() {
        let mut losses = vec![0.7, 0.6];
        losses.extend([0.599_95; 10]);
        losses.extend([0.5; 3]);
        losses.extend([0.51; 12]);
        let mut history = Vec::new();
        for (epoch, loss) in losses.into_iter().enumerate() {
            let at = At { step: 10 * epoch, steps_per_epoch: 10, epochs: 40, history: &history };
            let fell = [12, 23].iter().filter(|&&first| epoch >= first).count() as i32;
            close(RateSchedule::Plateau.at(0.0, at).share.log10(), -f64::from(fell));
            let validation = Some(Evaluation { loss, accuracy: 0.5, confusion: Vec::new() });
            let (images_per_second, seconds, skipped) = (1.0, 1.0, 0);
            let accuracy = 0.5;
            history.push(EpochRecord {
                epoch,
                loss,
                accuracy,
                images_per_second,
                seconds,
                skipped,
                validation,
            });
        }
    }
}
