//! What a person chooses for a run, as plain data, whether on the command line or on the page.

use super::monitor::Monitor;
use super::problem::Problem;
use super::recipe::Recipe;
use super::schedule::Schedule;
use crate::data::Color;
use crate::model::network::{MAX_IMAGE_SIZE, MIN_IMAGE_SIZE};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Most minutes from one checkpoint to the next: a week.
const MOST_MINUTES: f64 = 7.0 * 24.0 * 60.0;

/// What a picture of each class counts in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// As much as any other.
    #[default]
    None,
    /// All pictures of a class together as much as those of any other.
    Auto,
}

impl ClassWeights {
    /// Every one, by its name.
    pub const ALL: [(&'static str, ClassWeights); 2] =
        [("none", ClassWeights::None), ("auto", ClassWeights::Auto)];

    /// The weight of each class, from how many pictures each has; `None` where all count alike. Of `auto` it is `pictures /
    /// (classes * pictures of the class)`, scikit-learn's "balanced": on average over the pictures it is 1.
    pub fn of(self, counts: &[usize]) -> Option<Vec<f32>> {
        let all: usize = counts.iter().sum();
        let weight = |&count: &usize| (all as f64 / (counts.len() * count.max(1)) as f64) as f32;
        (self == ClassWeights::Auto).then(|| counts.iter().map(weight).collect())
    }
}

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Folder with one sub-folder of training pictures per class.
    pub train_dir: PathBuf,
    /// Folder with one sub-folder of test pictures per class.
    pub test_dir: PathBuf,
    /// Share of each class's training pictures that are tested on, in the place of `test_dir`.
    pub validation_split: Option<f64>,
    /// Height and width that pictures are resized to; `None` for the device's default.
    pub image_size: Option<usize>,
    /// Whether pictures are gray or in colour.
    pub color: Color,
    /// Adam's step size.
    pub learning_rate: f64,
    /// How often to go through all training pictures.
    pub epochs: usize,
    /// Pictures per optimizer step.
    pub batch_size: usize,
    /// The network: the name of one that is shipped, or a file that describes one.
    pub network: PathBuf,
    /// Share that each dropout layer drops in training, from 0 up to below 1; `None` for what the network says.
    pub dropout: Option<f64>,
    /// Seed of weights, shuffling and dropout; `None` for a new one.
    pub seed: Option<u64>,
    /// What a picture of each class counts in the loss.
    pub class_weights: ClassWeights,
    /// A file of weights to start from instead of random ones.
    pub init_weights: Option<PathBuf>,
    /// Whether every epoch takes the pictures in the order of their paths.
    pub no_shuffle: bool,
    /// Whether convolution, ReLU and pooling run as separate kernels.
    pub no_fuse: bool,
    /// Pictures that the device works on at a time; `None` for as many as its limits allow.
    pub micro_batch: Option<usize>,
    /// Optimizer steps after which to stop, without validation.
    pub max_steps: Option<usize>,
    /// By which value of the validation the best epoch is chosen.
    pub monitor: Monitor,
    /// Stop after so many epochs in a row that were not better than the best; `None` for never.
    pub early_stop: Option<usize>,
    /// An epoch is better by more than this.
    pub min_delta: f64,
    /// Minutes from one checkpoint to the next, within epochs.
    pub checkpoint_minutes: f64,
    /// What the network is taught with.
    pub recipe: Recipe,
    /// Folder for the results, new or empty; `None` for one that is named by the time.
    pub out: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            train_dir: "dataset/training_set".into(),
            test_dir: "dataset/test_set".into(),
            validation_split: None,
            image_size: None,
            color: Color::Gray,
            learning_rate: 0.001,
            epochs: 10,
            batch_size: 32,
            network: "default".into(),
            dropout: None,
            seed: None,
            class_weights: ClassWeights::None,
            init_weights: None,
            no_shuffle: false,
            no_fuse: false,
            micro_batch: None,
            max_steps: None,
            monitor: Monitor::ValLoss,
            early_stop: None,
            min_delta: 0.0,
            checkpoint_minutes: 5.0,
            recipe: Recipe::plain(),
            out: None,
        }
    }
}

impl Settings {
    /// What the loop needs to know of them; `seed` is that of the shuffling.
    pub fn schedule(&self, seed: u64) -> Schedule {
        Schedule {
            epochs: self.epochs,
            batch_size: self.batch_size,
            shuffle: !self.no_shuffle,
            seed,
            max_steps: self.max_steps,
            monitor: self.monitor,
            early_stop: self.early_stop,
            min_delta: self.min_delta,
            rate: self.recipe.schedule,
            warmup: self.recipe.warmup,
        }
    }

    /// Wrong values, found before anything is loaded.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |field, message: String| problems.push(Problem { field, message });
        if let Some(message) = self.image_size.and_then(image_size_problem) {
            wrong("image_size", message);
        }
        for (field, value) in [
            ("batch_size", Some(self.batch_size)),
            ("epochs", Some(self.epochs)),
            ("micro_batch", self.micro_batch),
            ("max_steps", self.max_steps),
            ("early_stop", self.early_stop),
        ] {
            if value == Some(0) {
                wrong(field, "0 makes no sense: use 1 or more".to_string());
            }
        }
        let rate = self.learning_rate;
        if !((rate as f32).is_finite() && rate > 0.0) {
            wrong("learning_rate", format!("{rate} must be a number above 0, such as 0.001"));
        }
        if let Some(rate) = self.dropout.filter(|rate| !(0.0..1.0).contains(rate)) {
            wrong("dropout", format!("{rate} must be at least 0 and below 1"));
        }
        if !(self.min_delta.is_finite() && self.min_delta >= 0.0) {
            wrong("min_delta", format!("{} must be a number, 0 or more", self.min_delta));
        }
        let minutes = self.checkpoint_minutes;
        if !(minutes > 0.0 && minutes <= MOST_MINUTES) {
            wrong("checkpoint_minutes", format!("{minutes} must be above 0, and at most {MOST_MINUTES}"));
        }
        if let Some(message) = self.validation_split.and_then(validation_split_problem) {
            wrong("validation_split", message);
        }
        problems.extend(self.recipe.problems());
        let decay = self.recipe.weight_decay;
        if decay * rate > 1.0 {
            let message = format!(
                "{decay} times the learning rate, {rate}, must be at most 1, or weights change their sign"
            );
            problems.push(Problem { field: "weight_decay", message });
        }
        problems
    }
}

/// What is wrong with keeping this share from training, if anything is.
pub fn validation_split_problem(share: f64) -> Option<String> {
    let splits = share > 0.0 && share < 1.0;
    (!splits).then(|| format!("{share} must be above 0 and below 1, such as 0.2"))
}

/// What is wrong with pictures of this size, if anything is.
pub fn image_size_problem(size: usize) -> Option<String> {
    let fits = (MIN_IMAGE_SIZE..=MAX_IMAGE_SIZE).contains(&size);
    (!fits).then(|| format!("{size} is not between {MIN_IMAGE_SIZE} and {MAX_IMAGE_SIZE}"))
}
