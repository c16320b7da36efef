//! What a person chooses for a run, whether on the command line or on the page.

use crate::model::network::{MAX_IMAGE_SIZE, MIN_IMAGE_SIZE};
use clap::Args;
use serde::Deserialize;
use std::path::PathBuf;

/// The settings of a run; the comments are its help texts.
#[derive(Debug, Clone, PartialEq, Args, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Folder with one sub-folder of training pictures per class
    #[arg(long, default_value = "dataset/training_set", value_name = "DIR")]
    pub train_dir: PathBuf,
    /// Folder with one sub-folder of test pictures per class
    #[arg(long, default_value = "dataset/test_set", value_name = "DIR")]
    pub test_dir: PathBuf,
    /// Height and width that pictures are resized to [default: 256 on a GPU, 64 on the CPU or a software adapter]
    #[arg(long, value_name = "N")]
    pub image_size: Option<usize>,
    /// Adam's step size
    #[arg(long, default_value_t = 0.001, value_name = "RATE")]
    pub learning_rate: f64,
    /// How often to go through all training pictures
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub epochs: usize,
    /// Pictures per optimizer step
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub batch_size: usize,
    /// Share of dense1's outputs that are dropped in training, from 0 up to below 1
    #[arg(long, default_value_t = 0.5, value_name = "RATE")]
    pub dropout: f64,
    /// Seed of weights, shuffling and dropout [default: a new one, which is printed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Start from these weights instead of random ones
    #[arg(long, value_name = "FILE.safetensors")]
    pub init_weights: Option<PathBuf>,
    /// Take the pictures in the order of their paths in every epoch
    #[arg(long)]
    pub no_shuffle: bool,
    /// Run convolution, ReLU and pooling as separate kernels
    #[arg(long)]
    pub no_fuse: bool,
    /// Pictures that the device works on at a time [default: as many as its limits allow]
    #[arg(long, value_name = "N")]
    pub micro_batch: Option<usize>,
    /// Stop after N optimizer steps, without validation
    #[arg(long, value_name = "N")]
    pub max_steps: Option<usize>,
    /// Folder for the results, new or empty [default: one in runs/, named by the time]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// As on the command line, without dashes in front: `learning-rate`.
    pub option: &'static str,
    /// What follows the option's name in a sentence: `0 makes no sense: use 1 or more`.
    pub message: String,
}

impl Default for Settings {
    fn default() -> Settings {
        #[derive(clap::Parser)]
        struct Nothing {
            #[command(flatten)]
            settings: Settings,
        }
        <Nothing as clap::Parser>::parse_from([""]).settings
    }
}

impl Settings {
    /// Wrong values, found before anything is loaded.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |option, message: String| problems.push(Problem { option, message });
        if let Some(message) = self.image_size.and_then(image_size_problem) {
            wrong("image-size", message);
        }
        for (option, value) in [
            ("batch-size", Some(self.batch_size)),
            ("epochs", Some(self.epochs)),
            ("micro-batch", self.micro_batch),
            ("max-steps", self.max_steps),
        ] {
            if value == Some(0) {
                wrong(option, "0 makes no sense: use 1 or more".to_string());
            }
        }
        let rate = self.learning_rate;
        if !((rate as f32).is_finite() && rate > 0.0) {
            wrong("learning-rate", format!("{rate} must be a number above 0, such as 0.001"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            wrong("dropout", format!("{} must be at least 0 and below 1", self.dropout));
        }
        problems
    }
}

/// What is wrong with pictures of this size, if anything is.
pub fn image_size_problem(size: usize) -> Option<String> {
    let fits = (MIN_IMAGE_SIZE..=MAX_IMAGE_SIZE).contains(&size);
    (!fits).then(|| format!("{size} is not between {MIN_IMAGE_SIZE} and {MAX_IMAGE_SIZE}"))
}
