//! Loss, accuracy and confusion matrix of a model on labelled pictures; scores of any pictures.

use super::plan::Plan;
use crate::data::{Pictures, Raster};
use crate::error::{Result, error, shown};
use crate::model::{Mode, Model};
use crate::ops::add::accumulate;
use crate::ops::average::average;
use crate::ops::input::upload;
use crate::tape::Tape;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a model makes of labelled pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Mean over the pictures.
    pub loss: f64,
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
    /// How many pictures of each class (rows) were taken for each class (columns).
    pub confusion: Vec<Vec<usize>>,
}

/// What a model is shown of each picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Views {
    /// The picture.
    #[default]
    Own,
    /// The picture and its mirror image; the logits are the mean of both (test-time augmentation).
    WithMirror,
}

/// How well one class is told from the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassScores {
    /// Pictures of the class.
    pub pictures: usize,
    /// Share of the right ones among those that were taken for it; `None` where none was.
    pub precision: Option<f64>,
    /// Share of its pictures that were taken for it; `None` where there are none.
    pub recall: Option<f64>,
    /// Harmonic mean of both, `2 right / (pictures + taken)`; `None` where there are neither pictures nor answers.
    pub f1: Option<f64>,
}

impl Evaluation {
    /// For each class.
    pub fn of_classes(&self) -> Vec<ClassScores> {
        let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
        let of_class = |class: usize| {
            let right = self.confusion[class][class];
            let pictures: usize = self.confusion[class].iter().sum();
            let taken: usize = self.confusion.iter().map(|row| row[class]).sum();
            ClassScores {
                pictures,
                precision: share(right, taken),
                recall: share(right, pictures),
                f1: share(2 * right, pictures + taken),
            }
        };
        (0..self.confusion.len()).map(of_class).collect()
    }

    /// [`verdict`] of its matrix.
    pub fn verdict(&self, classes: &[String]) -> Option<String> {
        verdict(&self.confusion, classes)
    }
}

/// What an accuracy alone hides: that every picture got the same answer, or that a guess is as good. `None` for a model that
/// learned to tell classes apart, and for what is no matrix of these classes: it may come from a file.
pub fn verdict(confusion: &[Vec<usize>], classes: &[String]) -> Option<String> {
    let count = classes.len();
    if confusion.len() != count || confusion.iter().any(|row| row.len() != count) {
        return None;
    }
    let sum = |counts: &mut dyn Iterator<Item = usize>| counts.fold(0, usize::saturating_add);
    let of_class: Vec<usize> = confusion.iter().map(|row| sum(&mut row.iter().copied())).collect();
    let (largest, most) = of_class.iter().enumerate().rev().max_by_key(|(_, count)| **count)?;
    let pictures = sum(&mut of_class.iter().copied());
    if pictures == 0 {
        return None;
    }
    let (class, percent) = (shown(&classes[largest]), 100.0 * *most as f64 / pictures as f64);
    let hits = sum(&mut (0..count).map(|class| confusion[class][class]));
    let mut given = (0..count).filter(|&class| confusion.iter().any(|row| row[class] > 0));
    match (given.next(), given.next()) {
        (Some(only), None) => Some(format!(
            "The model answers {} for every picture; guessing would get {percent:.1} % (always {class})",
            shown(&classes[only])
        )),
        _ if hits <= *most => Some(format!(
            "The model is no better than a guess, which would get {percent:.1} % (always {class})"
        )),
        _ => None,
    }
}

/// Evaluates `model` on all pictures, `batch_size` at a time, without dropout; `None` where `stop` was raised.
///
/// # Errors
/// `OutOfMemory` where not one picture fits the device's limits; what the device reports.
///
/// # Panics
/// For a batch size of 0.
pub async fn evaluate(
    model: &Model,
    pictures: &Pictures,
    batch_size: usize,
    views: Views,
    stop: &AtomicBool,
) -> Result<Option<Evaluation>> {
    let classes = model.network.classes.len();
    let mut confusion = vec![vec![0; classes]; classes];
    let mut loss = 0.0;
    let order: Vec<usize> = (0..pictures.len()).collect();
    for indices in order.chunks(batch_size) {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let batch = pictures.gather(indices);
        let (scores, batch_loss) =
            infer(model, &batch.pixels, Some(&batch.labels), batch.labels.len(), views).await?;
        loss += f64::from(batch_loss.unwrap_or_default()) * batch.labels.len() as f64;
        for (scores, &label) in scores.iter().zip(&batch.labels) {
            confusion[label as usize][predicted(scores)] += 1;
        }
    }
    let hits: usize = (0..classes).map(|class| confusion[class][class]).sum();
    let images = pictures.len() as f64;
    Ok(Some(Evaluation { loss: loss / images, accuracy: hits as f64 / images, confusion }))
}

/// The score of every class for each of `count` pictures, given as bytes `[count, height, width, channels]` of the
/// network's image size; the scores of a picture add up to 1.
///
/// # Errors
/// `Usage` for no picture, `OutOfMemory` where not one fits the device's limits, `Diverged` where a score is no number; what the
/// device reports.
pub async fn scores(model: &Model, pixels: &[u8], count: usize, views: Views) -> Result<Vec<Vec<f32>>> {
    let scores = infer(model, pixels, None, count, views).await?.0;
    // Finite weights may still be so large that their sums are not.
    if scores.iter().flatten().any(|score| score.is_nan()) {
        return Err(error!(
            Diverged,
            "the model's scores of a picture are no numbers: its weights are too large"
        ));
    }
    Ok(scores)
}

/// The class with the highest score; of equal ones the first.
pub fn predicted(scores: &[f32]) -> usize {
    let mut best = 0;
    for (class, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = class;
        }
    }
    best
}

/// Pictures, left to right.
fn mirrored(pixels: &[u8], raster: Raster) -> Vec<u8> {
    let channels = raster.color.channels();
    let rows = pixels.chunks_exact(raster.size * channels);
    rows.flat_map(|row| row.chunks_exact(channels).rev().flatten().copied()).collect()
}

async fn infer(
    model: &Model,
    pixels: &[u8],
    labels: Option<&[u32]>,
    count: usize,
    views: Views,
) -> Result<(Vec<Vec<f32>>, Option<f32>)> {
    let (device, head) = (model.device(), model.network.head);
    let plan = Plan::in_use(model, device.limits(), count)?;
    let picture = pixels.len() / count;
    let (mut all_scores, mut loss) = (Vec::with_capacity(count), None);
    let weights = model.network.even_weights(device)?;
    for first in (0..count).step_by(plan.micro_batch) {
        let last = count.min(first + plan.micro_batch);
        let pixels = &pixels[first * picture..last * picture];
        let tape = Tape::new(device, accumulate);
        // Constants: nothing is recorded, so no activation outlives its layer.
        let vars = model.vars(&tape, false);
        let forward =
            |pixels: &[u8]| model.forward(&tape, &vars, &upload(device, pixels)?, last - first, Mode::Infer);
        let logits = forward(pixels)?;
        if views == Views::WithMirror {
            average(&forward(&mirrored(pixels, model.network.raster()))?.tensor, &logits.tensor, 0.5)?;
        }
        if let Some(labels) = labels {
            let labels = Tensor::from_u32(device, &[last - first], &labels[first..last])?;
            let part = head.loss(&tape, &logits, &labels, &weights, count, 0.0)?.loss;
            loss = Some(loss.unwrap_or(0.0) + part.tensor.read_f32().await?[0]);
        }
        all_scores.extend(head.scores(&tape, &logits).await?);
    }
    Ok((all_scores, loss))
}
