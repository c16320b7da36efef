//! How to train, as options.

use super::augment::AugmentArgs;
use super::choices::one_of;
use crate::model::Initializer;
use crate::train::settings::Settings;
use crate::train::{Normalize, Preset, RateSchedule, Recipe};
use clap::Args;

/// A recipe, and one option for each of its ingredients; the comments are the help texts.
#[derive(Args)]
pub struct RecipeArgs {
    /// What the network is taught with: as Keras does without being asked, or what is known to help with small sets of
    /// photographs, with a learning rate of 0.003 and a dropout of 0.2. All of it counts
    /// more than --config. Each ingredient can be set alone as well
    #[arg(long, value_name = "plain|best", value_parser = one_of(Preset::ALL))]
    recipe: Option<Preset>,
    /// What weights are drawn from at first
    #[arg(long, value_name = "glorot|he", value_parser = one_of(Initializer::ALL))]
    init: Option<Initializer>,
    /// Whether pixels get mean 0 and standard deviation 1 over the training pictures; the model file keeps both numbers
    #[arg(long, value_name = "none|data", value_parser = one_of(Normalize::ALL))]
    normalize: Option<Normalize>,
    /// Which way the learning rate goes: it stays; to 0 along half a cosine; up and down in one cycle (fastai); to a tenth where the
    /// validation loss was no better for ten epochs (Keras)
    #[arg(long, value_name = "constant|cosine|one_cycle|plateau", value_parser = one_of(RateSchedule::ALL))]
    schedule: Option<RateSchedule>,
    /// Epochs in which the learning rate rises to its value; one_cycle has its own rise
    #[arg(long, value_name = "EPOCHS", allow_negative_numbers = true)]
    warmup: Option<f64>,
    /// What a step takes from each weight: this share, times the learning rate (AdamW); nothing from biases and norms
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    weight_decay: Option<f64>,
    /// The norm that all gradients together have at most; 0 for any
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    clip_norm: Option<f64>,
    /// What of each label is shared out evenly among the classes, from 0 up to below 1; the loss of the validation is without it
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    label_smoothing: Option<f64>,
    /// Test and save a moving average of the weights, which keeps this much at each step, such as 0.99; 0 for the weights themselves
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    average: Option<f64>,
    #[command(flatten)]
    augment: AugmentArgs,
}

impl RecipeArgs {
    /// The settings of the recipe that was named, or these; but for the ingredients that were given.
    pub fn over(self, base: Settings) -> Settings {
        let base = match self.recipe {
            Some(Preset { recipe, learning_rate, dropout }) => {
                Settings { recipe, learning_rate, dropout, ..base }
            }
            None => base,
        };
        Settings { recipe: self.ingredients(base.recipe), ..base }
    }

    fn ingredients(self, base: Recipe) -> Recipe {
        Recipe {
            init: self.init.unwrap_or(base.init),
            normalize: self.normalize.unwrap_or(base.normalize),
            schedule: self.schedule.unwrap_or(base.schedule),
            warmup: self.warmup.unwrap_or(base.warmup),
            weight_decay: self.weight_decay.unwrap_or(base.weight_decay),
            clip_norm: self.clip_norm.unwrap_or(base.clip_norm),
            label_smoothing: self.label_smoothing.unwrap_or(base.label_smoothing),
            average: self.average.unwrap_or(base.average),
            augment: self.augment.over(base.augment),
        }
    }
}
