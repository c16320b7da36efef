//! How to train: what a network is taught with, beside its pictures, the learning rate and the number of epochs.

use super::plan::Plan;
use super::problem::Problem;
use super::rate::RateSchedule;
use crate::data::Augment;
use crate::model::{Initializer, Model};
use serde::{Deserialize, Serialize};

/// Whether pixels are moved and scaled before the network sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// They are 0 to 1.
    #[default]
    None,
    /// To mean 0 and standard deviation 1 over the training pictures.
    Data,
}

impl Normalize {
    /// Every one, by its name.
    pub const ALL: [(&'static str, Normalize); 2] = [("none", Normalize::None), ("data", Normalize::Data)];
}

/// What a training is made of. [`plain`](Recipe::plain) is what Keras does without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// What weights are at first.
    pub init: Initializer,
    pub normalize: Normalize,
    /// Which way the learning rate goes.
    pub schedule: RateSchedule,
    /// Epochs in which it rises to its value.
    pub warmup: f64,
    /// As [`Adam::weight_decay`](crate::optim::Adam::weight_decay).
    pub weight_decay: f64,
    /// As [`Adam::clip_norm`](crate::optim::Adam::clip_norm); 0 for any norm.
    pub clip_norm: f64,
    /// What of each label is shared out evenly among the classes, 0 to 1.
    pub label_smoothing: f64,
    /// How much an average of the weights keeps at each step; it is what is tested and saved. 0 for no average.
    pub average: f64,
    /// What is done to training pictures.
    pub augment: Augment,
}

impl Default for Recipe {
    fn default() -> Recipe {
        Recipe::plain()
    }
}

impl Recipe {
    /// Nothing of all this.
    pub const fn plain() -> Recipe {
        Recipe {
            init: Initializer::Glorot,
            normalize: Normalize::None,
            schedule: RateSchedule::Constant,
            warmup: 0.0,
            weight_decay: 0.0,
            clip_norm: 0.0,
            label_smoothing: 0.0,
            average: 0.0,
            augment: Augment::none(),
        }
    }

    /// Whether an average of the model is kept beside it.
    pub fn averages(&self) -> bool {
        self.average > 0.0
    }

    /// A plan, with what is kept beside the model.
    pub fn plan(&self, plan: Plan, model: &Model) -> Plan {
        if self.averages() { plan.with_average(model) } else { plan }
    }

    /// Values that make no sense.
    pub fn problems(&self) -> Vec<Problem> {
        let shares = [("label_smoothing", self.label_smoothing), ("average", self.average)];
        let sizes =
            [("warmup", self.warmup), ("weight_decay", self.weight_decay), ("clip_norm", self.clip_norm)];
        let share = |(field, value): (&'static str, f64)| {
            let is_wrong = !(0.0..1.0).contains(&(value as f32));
            is_wrong.then(|| Problem { field, message: format!("{value} must be at least 0 and below 1") })
        };
        let size = |(field, value): (&'static str, f64)| {
            let is_wrong =
                !((value as f32).is_finite() && value >= 0.0) || (value > 0.0 && value as f32 == 0.0);
            is_wrong.then(|| Problem { field, message: format!("{value} must be a number, 0 or more") })
        };
        let augment = self.augment.problems().into_iter().map(|(field, message)| Problem { field, message });
        let of_own = shares.into_iter().filter_map(share).chain(sizes.into_iter().filter_map(size));
        of_own.chain(augment).collect()
    }
}

/// A recipe with a name, and what goes with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    pub recipe: Recipe,
    /// What goes with the recipe, where nothing else is asked for.
    pub learning_rate: f64,
    /// The same of every dropout layer; `None` for what the network says.
    pub dropout: Option<f64>,
}

impl Preset {
    /// Every one, by its name.
    pub const ALL: [(&'static str, Preset); 2] = [("plain", Preset::plain()), ("best", Preset::best())];

    /// What Keras does without being asked.
    pub const fn plain() -> Preset {
        Preset { recipe: Recipe::plain(), learning_rate: 0.001, dropout: None }
    }

    /// What is known to help with small sets of photographs. The learning rate and the dropout were chosen on a fifth of 2,000
    /// photographs that was held back.
    pub const fn best() -> Preset {
        let recipe = Recipe {
            init: Initializer::He,
            normalize: Normalize::Data,
            schedule: RateSchedule::OneCycle,
            weight_decay: 0.05,
            clip_norm: 1.0,
            label_smoothing: 0.1,
            average: 0.99,
            augment: Augment::light(),
            ..Recipe::plain()
        };
        Preset { recipe, learning_rate: 0.003, dropout: Some(0.2) }
    }
}
