//! The settings of a run as options.

use super::choices::one_of;
use super::numbers::whole;
use super::paths::path;
use super::recipe::RecipeArgs;
use crate::data::Color;
use crate::train::Monitor;
use crate::train::settings::{ClassWeights, Settings};
use clap::Args;
use std::path::PathBuf;

/// One option for each setting; the comments are the help texts, and defaults are those of [`Settings`].
#[derive(Args)]
pub struct SettingsArgs {
    /// Folder with one sub-folder of training pictures per class. (Decoders of all threads take at most 1.25 GiB together)
    #[arg(long, default_value_os_t = Settings::default().train_dir, value_name = "DIR", value_parser = path())]
    train_dir: PathBuf,
    /// Folder with one sub-folder of test pictures per class
    #[arg(long, default_value_os_t = Settings::default().test_dir, value_name = "DIR", value_parser = path())]
    test_dir: PathBuf,
    /// Keep this share of each class from training and test on it, where there is no folder of test pictures; always the same
    /// pictures
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, conflicts_with = "test_dir")]
    validation_split: Option<f64>,
    /// Height and width that pictures are resized to [default: 256 on a GPU, 64 on the CPU or a software adapter]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    image_size: Option<usize>,
    /// Whether the network sees pictures in gray or in colour
    #[arg(long, default_value = "gray", value_name = "gray|rgb", value_parser = one_of(Color::ALL))]
    color: Color,
    /// Adam's step size
    #[arg(long, default_value_t = Settings::default().learning_rate, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: f64,
    /// How often to go through all training pictures
    #[arg(long, default_value_t = Settings::default().epochs, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    epochs: usize,
    /// Pictures per optimizer step
    #[arg(long, default_value_t = Settings::default().batch_size, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    batch_size: usize,
    /// The network: default, small, batch_norm or residual, or a TOML file that describes one (examples/networks has these)
    #[arg(long, default_value_os_t = Settings::default().network, value_name = "NAME|FILE", value_parser = path())]
    network: PathBuf,
    /// Share that each dropout layer drops in training, from 0 up to below 1 [default: as the network says; 0.5 in the default]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    dropout: Option<f64>,
    /// Seed of weights, shuffling and dropout [default: a new one, which is printed]
    #[arg(long, value_name = "N", value_parser = whole::<u64>, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// What a picture of each class counts in the loss: as much as any other, or so that all pictures of a class together count as
    /// much as those of any other
    #[arg(long, default_value = "none", value_name = "none|auto", value_parser = one_of(ClassWeights::ALL))]
    class_weights: ClassWeights,
    /// Start from the weights of this file, or of this run, instead of random ones
    #[arg(long, value_name = "FILE|RUN", value_parser = path())]
    init_weights: Option<PathBuf>,
    /// Take the pictures in the order of their paths in every epoch
    #[arg(long)]
    no_shuffle: bool,
    /// Run convolution, ReLU and pooling as separate kernels
    #[arg(long)]
    no_fuse: bool,
    /// Pictures that the device works on at a time [default: as many as its limits allow]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    micro_batch: Option<usize>,
    /// Stop after N optimizer steps, without validation
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    max_steps: Option<usize>,
    /// By which value of the validation the best epoch is chosen: best.safetensors is its model
    #[arg(long, default_value = "val_loss", value_name = "val_loss|val_accuracy", value_parser = one_of(Monitor::ALL))]
    monitor: Monitor,
    /// Stop after N epochs in a row that were not better than the best, and keep the best one's model
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    early_stop: Option<usize>,
    /// An epoch is better where it is so by more than this
    #[arg(long, default_value_t = Settings::default().min_delta, value_name = "DELTA", allow_negative_numbers = true)]
    min_delta: f64,
    /// Minutes from one checkpoint to the next within an epoch; there is one at each epoch's end, and wherever a run stops
    #[arg(long, default_value_t = Settings::default().checkpoint_minutes, value_name = "MINUTES", allow_negative_numbers = true)]
    checkpoint_minutes: f64,
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Folder for the results, new or empty [default: one in runs/, named by the time]
    #[arg(long, value_name = "DIR", value_parser = path())]
    out: Option<PathBuf>,
}

/// The options that were written in the command line, not left to their defaults.
pub struct Given(pub Vec<String>);

impl Given {
    pub fn has(&self, option: &str) -> bool {
        self.0.iter().any(|given| given == option)
    }

    /// The option's value where it was given, else the other.
    pub fn or<T>(&self, option: &str, value: T, other: T) -> T {
        if self.has(option) { value } else { other }
    }
}

impl SettingsArgs {
    /// These settings, but for those that were given.
    pub fn over(self, base: Settings, given: &Given) -> Settings {
        // Where the one is named, the other is not meant.
        let validation_split = base.validation_split.filter(|_| !given.has("test_dir"));
        let base = self.recipe.over(Settings { validation_split, ..base });
        Settings {
            train_dir: given.or("train_dir", self.train_dir, base.train_dir),
            test_dir: given.or("test_dir", self.test_dir, base.test_dir),
            validation_split: given.or("validation_split", self.validation_split, base.validation_split),
            image_size: given.or("image_size", self.image_size, base.image_size),
            color: given.or("color", self.color, base.color),
            learning_rate: given.or("learning_rate", self.learning_rate, base.learning_rate),
            epochs: given.or("epochs", self.epochs, base.epochs),
            batch_size: given.or("batch_size", self.batch_size, base.batch_size),
            network: given.or("network", self.network, base.network),
            dropout: given.or("dropout", self.dropout, base.dropout),
            seed: given.or("seed", self.seed, base.seed),
            class_weights: given.or("class_weights", self.class_weights, base.class_weights),
            init_weights: given.or("init_weights", self.init_weights, base.init_weights),
            no_shuffle: given.or("no_shuffle", self.no_shuffle, base.no_shuffle),
            no_fuse: given.or("no_fuse", self.no_fuse, base.no_fuse),
            micro_batch: given.or("micro_batch", self.micro_batch, base.micro_batch),
            max_steps: given.or("max_steps", self.max_steps, base.max_steps),
            monitor: given.or("monitor", self.monitor, base.monitor),
            early_stop: given.or("early_stop", self.early_stop, base.early_stop),
            min_delta: given.or("min_delta", self.min_delta, base.min_delta),
            checkpoint_minutes: given.or(
                "checkpoint_minutes",
                self.checkpoint_minutes,
                base.checkpoint_minutes,
            ),
            recipe: base.recipe,
            out: self.out,
        }
    }
}
