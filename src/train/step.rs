//! A step under way, and what it found.

use crate::error::{Remedy, Result, error};
use crate::tensor::Pending;
use web_time::Instant;

/// A step under way on the device.
pub struct StepUnderWay {
    /// From 1.
    pub step: u32,
    /// Pictures of its batch.
    pub images: usize,
    pub(super) scaled: bool,
    pub(super) values: Pending,
}

/// What a step found: values from before its update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepResult {
    /// From 1.
    pub step: u32,
    /// Mean over the batch.
    pub loss: f32,
    /// Right answers among the `images` pictures.
    pub hits: u32,
    pub images: usize,
    /// When the device had completed the step.
    pub completed: Instant,
    /// In mixed precision.
    pub scaling: Option<Scaling>,
}

/// What loss scaling made of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// What the next step's loss is multiplied by.
    pub scale: f32,
    /// Whether a gradient overflowed, so that nothing was updated.
    pub skipped: bool,
}

impl StepUnderWay {
    /// Waits until the device has completed the step.
    ///
    /// # Errors
    /// `Diverged` where the loss or a gradient is infinite or NaN; with loss scaling a gradient may be, and the step is
    /// skipped, until the scale has fallen below 1.
    pub async fn finish(self) -> Result<StepResult> {
        let step = self.step;
        let (values, completed) = self.values.wait().await?;
        let mut values: Vec<u32> = values.into_iter().map(|values| values[0]).collect();
        let scale = self.scaled.then(|| f32::from_bits(values.pop().expect("the scale is behind the flag")));
        let non_finite = values.pop().expect("the flag comes last") != 0;
        let loss = values.chunks(2).map(|pair| f32::from_bits(pair[0])).sum::<f32>();
        let hits = values.chunks(2).map(|pair| pair[1]).sum();
        let what = match scale {
            _ if !loss.is_finite() => Some(format!("the loss is {loss}")),
            None if non_finite => Some("a gradient is infinite or NaN".to_string()),
            Some(scale) if non_finite && scale < 1.0 => {
                Some("a gradient is infinite or NaN, even with a loss scale of 1".to_string())
            }
            _ => None,
        };
        if let Some(what) = what {
            let why = error!(Diverged, "training diverged in step {step}: {what}");
            return Err(why.with(Remedy::SmallerLearningRate).in_step(step));
        }
        let scaling = scale.map(|scale| Scaling { scale, skipped: non_finite });
        Ok(StepResult { step, loss, hits, images: self.images, completed, scaling })
    }
}
