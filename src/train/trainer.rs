//! One optimizer step: the gradients of a batch, and what is done with them.

use super::average::Average;
use super::plan::Plan;
use super::rate::Rate;
use super::recipe::Recipe;
use super::step::StepUnderWay;
use crate::data::{Augment, Batch};
use crate::device::Precision;
use crate::error::{Result, error, shown};
use crate::model::head::Outcome;
use crate::model::{Mode, Model, NamedTensor, Role};
use crate::ops::add::accumulate;
use crate::ops::input::upload;
use crate::optim::{Adam, LossScale};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// A model in training.
pub struct Trainer {
    /// Its parameters are changed in place by every step.
    pub model: Model,
    pub(super) adam: Adam,
    plan: Plan,
    /// Seed of the dropout masks, and of what is done to pictures.
    seed: u64,
    /// The gradient of the loss with respect to itself, 1.
    one: Tensor,
    /// In mixed precision, what is taken instead of 1.
    pub(super) loss_scale: Option<LossScale>,
    /// What a picture of each class counts, f32 `[classes]`.
    class_weights: Tensor,
    label_smoothing: f32,
    /// What is done to pictures, if anything is.
    augment: Option<Augment>,
    /// Of the model's slots, where the recipe asks for it.
    pub(super) average: Option<Average>,
    /// What a schedule takes its shares of.
    learning_rate: f64,
}

/// Pictures of a batch that the device works on at a time.
struct Part<'a> {
    pixels: &'a [u8],
    labels: &'a [u32],
    /// What is done to each.
    transforms: Option<&'a [f32]>,
    /// Number of the first one in its batch.
    first_image: usize,
}

/// Gradients of the whole batch, and what was counted on the way.
pub struct BatchGradients {
    /// One for each parameter of the model, in its order; times the loss scale, where there is one.
    pub gradients: Vec<Tensor>,
    /// Loss and hits of each micro-batch: they add up to those of the batch.
    counts: Vec<(Tensor, Tensor)>,
    images: usize,
}

impl Trainer {
    /// With loss scaling where the model's device was opened for mixed precision. `plan` says how many pictures the device
    /// works on at a time; `seed` is that of the dropout masks and of what is done to pictures.
    ///
    /// # Errors
    /// `OutOfMemory` where Adam's moments, two more copies of the parameters, do not fit.
    pub fn new(model: Model, plan: Plan, learning_rate: f64, seed: u64) -> Result<Trainer> {
        if model.parameters().is_empty() {
            return Err(error!(
                Usage,
                "the network has nothing to learn: none of its layers has a parameter"
            ));
        }
        let adam = Adam::new(&model.parameters(), learning_rate)?;
        let one = Tensor::from_f32(model.device(), &[1], &[1.0])?;
        let class_weights = model.network.even_weights(model.device())?;
        let loss_scale = match model.device().precision() {
            Precision::F32 => None,
            Precision::Mixed => Some(LossScale::new(model.device())?),
        };
        Ok(Trainer {
            model,
            adam,
            plan,
            seed,
            one,
            loss_scale,
            class_weights,
            label_smoothing: 0.0,
            augment: None,
            average: None,
            learning_rate,
        })
    }

    /// The same with this loss scale, on any device.
    pub fn with_loss_scale(self, loss_scale: LossScale) -> Trainer {
        Trainer { loss_scale: Some(loss_scale), ..self }
    }

    /// The same, trained by a recipe; what it says of the network and the learning rate is for others.
    ///
    /// # Errors
    /// `OutOfMemory` where an average of the weights does not fit.
    pub fn with_recipe(mut self, recipe: &Recipe) -> Result<Trainer> {
        self.adam.weight_decay = recipe.weight_decay;
        self.adam.clip_norm = (recipe.clip_norm > 0.0).then_some(recipe.clip_norm);
        self.label_smoothing = recipe.label_smoothing as f32;
        self.augment = (!recipe.augment.is_none()).then_some(recipe.augment);
        if recipe.averages() {
            self.average = Some(Average::new(&self.model, recipe.average)?);
        }
        Ok(self)
    }

    /// The model to test and to save: the average, where there is one.
    pub fn model_to_use(&self) -> &Model {
        self.average.as_ref().map_or(&self.model, |average| &average.model)
    }

    /// What the next steps take of the learning rate.
    pub fn set_rate(&mut self, rate: Rate) {
        self.adam.learning_rate = self.learning_rate * rate.share;
        self.adam.beta1 = rate.beta1.unwrap_or(Adam::BETA1);
    }

    /// The same where a picture of each class counts this much in the loss. The batch's mean is still one over its pictures, as in
    /// Keras.
    ///
    /// # Errors
    /// `OutOfMemory`.
    ///
    /// # Panics
    /// For another number of weights than of classes.
    pub fn with_class_weights(self, weights: &[f32]) -> Result<Trainer> {
        assert_eq!(weights.len(), self.model.network.classes.len(), "one weight for each class");
        let weights = Tensor::from_f32(self.model.device(), &[weights.len()], weights)?;
        Ok(Trainer { class_weights: weights, ..self })
    }

    /// Pictures that the device works on at a time.
    pub fn micro_batch_size(&self) -> usize {
        self.plan.micro_batch
    }

    /// One optimizer step; its results can be read later, so that the device need not wait for the host.
    ///
    /// # Errors
    /// What the device reports. That the loss or a gradient is not finite is found by [`StepUnderWay::finish`].
    pub fn step(&mut self, batch: &Batch) -> Result<StepUnderWay> {
        let gradients = self.gradients(batch)?;
        self.apply(gradients)
    }

    /// Gradients of the loss of the whole batch, added up over its micro-batches.
    ///
    /// # Errors
    /// What the device reports.
    ///
    /// # Panics
    /// For a batch without pictures.
    pub fn gradients(&self, batch: &Batch) -> Result<BatchGradients> {
        let images = batch.labels.len();
        let picture = batch.pixels.len() / images;
        let (size, color) = (self.model.network.image_size, self.model.network.raster().color);
        let transforms = self
            .augment
            .map(|augment| augment.transforms(self.seed, batch.epoch, &batch.pictures, size, color));
        if batch.pictures.len() != images {
            return Err(error!(Other, "a batch has {images} labels and {} pictures", batch.pictures.len()));
        }
        let mut sums: Option<Vec<Tensor>> = None;
        let mut counts = Vec::new();
        for first_image in (0..images).step_by(self.plan.micro_batch) {
            let last = images.min(first_image + self.plan.micro_batch);
            let part = Part {
                pixels: &batch.pixels[first_image * picture..last * picture],
                labels: &batch.labels[first_image..last],
                transforms: transforms
                    .as_ref()
                    .map(|rows| &rows[first_image * Augment::ROW..last * Augment::ROW]),
                first_image,
            };
            let (gradients, loss, hits) = self.micro_batch(&part, images)?;
            counts.push((loss, hits));
            self.model.device().enter("micro-batches");
            sums = Some(match sums {
                None => gradients,
                Some(sums) => sums
                    .into_iter()
                    .zip(&gradients)
                    .map(|(sum, g)| accumulate(sum, g))
                    .collect::<Result<_>>()?,
            });
        }
        let gradients = sums.ok_or_else(|| error!(Other, "an empty batch has no gradients"))?;
        Ok(BatchGradients { gradients, counts, images })
    }

    fn micro_batch(&self, part: &Part<'_>, whole_batch: usize) -> Result<(Vec<Tensor>, Tensor, Tensor)> {
        let device = self.model.device();
        let images = part.labels.len();
        let pixels = upload(device, part.pixels)?;
        let labels = Tensor::from_u32(device, &[images], part.labels)?;
        let rows = |rows: &[f32]| Tensor::from_f32(device, &[images, Augment::ROW], rows);
        let transforms = part.transforms.map(rows).transpose()?;

        let tape = Tape::new(device, accumulate);
        let vars = self.model.vars(&tape, true);
        let (seed, step) = (self.seed_of_masks(), self.adam.step() + 1);
        let mode = Mode::Train { seed, step, first_image: part.first_image };
        let input = self.model.input(&pixels, images, transforms.as_ref())?;
        let logits = self.model.forward_from(&tape, &vars, input, mode, &mut |_, y| y)?;
        device.enter("loss");
        let head = self.model.network.head;
        let (weights, smoothing) = (&self.class_weights, self.label_smoothing);
        let Outcome { loss, hits } = head.loss(&tape, &logits, &labels, weights, whole_batch, smoothing)?;
        drop(logits);
        let seed = self.loss_scale.as_ref().map_or(&self.one, LossScale::scale);
        let mut gradients = tape.backward(&loss, seed.clone())?;
        let learned =
            self.model.tensors().iter().zip(&vars).filter(|(named, _)| named.role == Role::Parameter);
        let gradient = |(named, var): (&NamedTensor, &Var)| {
            gradients
                .take(var)
                .ok_or_else(|| error!(Other, "the output does not depend on {}", shown(&named.name)))
        };
        Ok((learned.map(gradient).collect::<Result<_>>()?, loss.tensor, hits))
    }

    /// The masks' hash takes 32 bits: both halves of the seed count.
    fn seed_of_masks(&self) -> u32 {
        (self.seed ^ (self.seed >> 32)) as u32
    }

    /// Updates the parameters and starts reading back what the step found.
    ///
    /// # Errors
    /// What the device reports.
    pub fn apply(&mut self, batch: BatchGradients) -> Result<StepUnderWay> {
        self.model.device().enter("adam");
        let (parameters, gradients) = (self.model.parameters(), &batch.gradients);
        let flag = match &self.loss_scale {
            None => self.adam.apply(&parameters, gradients)?,
            Some(scale) => self.adam.apply_scaled(&parameters, gradients, scale)?,
        };
        if let Some(average) = &self.average {
            average.step(&self.model, self.adam.step())?;
        }
        let counts = batch.counts.iter().flat_map(|(loss, hits)| [loss, hits]);
        let scale = self.loss_scale.as_ref().map(LossScale::scale);
        let tensors: Vec<_> = counts.chain([&flag]).chain(scale).collect();
        Ok(StepUnderWay {
            step: self.adam.step(),
            images: batch.images,
            scaled: scale.is_some(),
            values: Tensor::read_later(&tensors)?,
        })
    }
}

impl BatchGradients {
    /// Loss and hits of each micro-batch: they add up to those of the batch.
    pub fn counts(&self) -> &[(Tensor, Tensor)] {
        &self.counts
    }
}
