//! The settings of a run, as its folder keeps them.

use crate::data::Color;
use crate::device::Precision;
use crate::train::settings::ClassWeights;
use serde::Serialize;

/// What `config.toml` records: every setting that the run's bits depend on.
#[derive(Serialize)]
pub struct Config<'a> {
    pub pawgrad: &'static str,
    /// Paths are as [`path_text`](crate::error::path_text), so that no two are the same.
    pub train_dir: String,
    pub test_dir: String,
    /// Of `test_dir`, which is then the training folder, the share that is tested on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_split: Option<f64>,
    pub image_size: usize,
    pub color: Color,
    pub learning_rate: f64,
    pub epochs: usize,
    pub batch_size: usize,
    pub micro_batch: usize,
    pub network: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    pub class_weights: ClassWeights,
    /// The weights themselves, by class, where they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_of_classes: Option<Vec<f32>>,
    pub seed: u64,
    pub shuffle: bool,
    pub fuse: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_weights: Option<String>,
    pub precision: Precision,
    pub device: &'a str,
    pub rungs: &'a [String],
    pub classes: &'a [String],
    pub training_pictures: usize,
    pub test_pictures: usize,
    /// By class, in the order of `classes`.
    pub training_pictures_per_class: Vec<usize>,
    pub test_pictures_per_class: Vec<usize>,
}
