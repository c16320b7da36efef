//! Loss, accuracy and confusion matrix of a model on labelled pictures; scores of any pictures.

use super::plan::Plan;
use crate::data::Pictures;
use crate::error::{Result, shown};
use crate::model::{Mode, Model};
use crate::ops::add::accumulate;
use crate::ops::input::pack;
use crate::tape::Tape;
use crate::tensor::Tensor;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a model makes of labelled pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Mean over the pictures.
    pub loss: f64,
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
    /// How many pictures of each class (rows) were taken for each class (columns).
    pub confusion: Vec<Vec<usize>>,
}

impl Evaluation {
    /// What an accuracy alone hides: that every picture got the same answer, or that a guess is as good. `None` for a model
    /// that learned to tell classes apart.
    pub fn verdict(&self, classes: &[String]) -> Option<String> {
        let of_class: Vec<usize> = self.confusion.iter().map(|row| row.iter().sum()).collect();
        let answers = |class: usize| self.confusion.iter().map(|row| row[class]).sum::<usize>();
        let (largest, most) = of_class.iter().enumerate().rev().max_by_key(|(_, count)| **count)?;
        let guess = *most as f64 / of_class.iter().sum::<usize>().max(1) as f64;
        let (class, percent) = (shown(classes.get(largest)?), 100.0 * guess);
        let given: Vec<usize> = (0..classes.len()).filter(|&class| answers(class) > 0).collect();
        match given[..] {
            [only] => Some(format!(
                "The model answers {} for every picture; guessing would get {percent:.1} % (always {class})",
                shown(&classes[only])
            )),
            _ if self.accuracy <= guess => Some(format!(
                "The model is no better than a guess, which would get {percent:.1} % (always {class})"
            )),
            _ => None,
        }
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
            infer(model, &batch.pixels, Some(&batch.labels), batch.labels.len()).await?;
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
/// `Usage` for no picture, `OutOfMemory` where not one fits the device's limits; what the device reports.
pub async fn scores(model: &Model, pixels: &[u8], count: usize) -> Result<Vec<Vec<f32>>> {
    Ok(infer(model, pixels, None, count).await?.0)
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

async fn infer(
    model: &Model,
    pixels: &[u8],
    labels: Option<&[u32]>,
    count: usize,
) -> Result<(Vec<Vec<f32>>, Option<f32>)> {
    let (device, head) = (model.device(), model.network.head);
    let plan = Plan::new(model, device.limits(), count, None)?;
    let picture = pixels.len() / count;
    let (mut all_scores, mut loss) = (Vec::with_capacity(count), None);
    for first in (0..count).step_by(plan.micro_batch) {
        let last = count.min(first + plan.micro_batch);
        let words = pack(&pixels[first * picture..last * picture]);
        let pixels = Tensor::from_u32(device, &[words.len()], &words)?;
        let tape = Tape::new(device, accumulate);
        // Constants: nothing is recorded, so no activation outlives its layer.
        let logits = model.forward(&tape, &model.vars(&tape, false), &pixels, last - first, Mode::Infer)?;
        if let Some(labels) = labels {
            let labels = Tensor::from_u32(device, &[last - first], &labels[first..last])?;
            let part = head.loss(&tape, &logits, &labels, count)?.loss;
            loss = Some(loss.unwrap_or(0.0) + part.tensor.read_f32().await?[0]);
        }
        all_scores.extend(head.scores(&tape, &logits).await?);
    }
    Ok((all_scores, loss))
}
