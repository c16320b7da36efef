//! The settings of a run, as its folder keeps them.

use super::claim::CONFIG_FILE;
use crate::data::Color;
use crate::device::Precision;
use crate::error::{Result, error, path_of_text, shown, shown_path};
use crate::files::read_text;
use crate::train::settings::{ClassWeights, Settings};
use crate::train::{Monitor, Recipe};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// Most bytes that are read of it.
const MOST: u64 = 4 << 20;

/// What `config.toml` records: every setting that the run's bits depend on. Paths are as
/// [`path_text`](crate::error::path_text), so that no two are the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub pawgrad: String,
    pub train_dir: String,
    pub test_dir: String,
    /// Of `test_dir`, which is then the training folder, the share that is tested on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_split: Option<f64>,
    pub image_size: Option<usize>,
    pub color: Color,
    pub learning_rate: f64,
    pub epochs: usize,
    pub batch_size: usize,
    pub micro_batch: Option<usize>,
    pub network: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    pub class_weights: ClassWeights,
    /// The weights themselves, by class, where they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_of_classes: Option<Vec<f32>>,
    pub seed: Option<u64>,
    pub shuffle: bool,
    pub fuse: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<usize>,
    pub monitor: Monitor,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stop: Option<usize>,
    pub min_delta: f64,
    pub checkpoint_minutes: f64,
    /// Nothing where it is plain.
    #[serde(skip_serializing_if = "is_plain")]
    pub recipe: Recipe,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_weights: Option<String>,
    pub precision: Precision,
    /// What was asked for.
    pub device_option: String,
    /// What it was.
    pub device: String,
    pub rungs: Vec<String>,
    pub classes: Vec<String>,
    pub training_pictures: usize,
    pub test_pictures: usize,
    /// By class, in the order of `classes`.
    pub training_pictures_per_class: Vec<usize>,
    pub test_pictures_per_class: Vec<usize>,
}

/// What is not written in a file is as in a run without options.
impl Default for Config {
    fn default() -> Config {
        Config { device_option: "auto".to_string(), ..Config::of(&Settings::default()) }
    }
}

/// Tables of settings as settings of their own.
fn flat(fields: Map<String, Value>) -> Map<String, Value> {
    let one = |(name, value): (String, Value)| match value {
        Value::Object(table) => {
            flat(table).into_iter().map(|(field, value)| (format!("{name}.{field}"), value)).collect()
        }
        value => vec![(name, value)],
    };
    fields.into_iter().flat_map(one).collect()
}

fn is_plain(recipe: &Recipe) -> bool {
    *recipe == Recipe::plain()
}

impl Config {
    /// Of these settings; what they do not say is missing, or empty.
    pub fn of(settings: &Settings) -> Config {
        let settings = settings.clone();
        let text = |path: &Path| crate::error::path_text(path);
        let test_dir =
            if settings.validation_split.is_some() { &settings.train_dir } else { &settings.test_dir };
        Config {
            pawgrad: env!("CARGO_PKG_VERSION").to_string(),
            train_dir: text(&settings.train_dir),
            test_dir: text(test_dir),
            validation_split: settings.validation_split,
            image_size: settings.image_size,
            color: settings.color,
            learning_rate: settings.learning_rate,
            epochs: settings.epochs,
            batch_size: settings.batch_size,
            micro_batch: settings.micro_batch,
            network: text(&settings.network),
            dropout: settings.dropout,
            class_weights: settings.class_weights,
            weights_of_classes: None,
            seed: settings.seed,
            shuffle: !settings.no_shuffle,
            fuse: !settings.no_fuse,
            max_steps: settings.max_steps,
            monitor: settings.monitor,
            early_stop: settings.early_stop,
            min_delta: settings.min_delta,
            checkpoint_minutes: settings.checkpoint_minutes,
            recipe: settings.recipe,
            init_weights: settings.init_weights.as_deref().map(text),
            precision: Precision::default(),
            device_option: String::new(),
            device: String::new(),
            rungs: Vec::new(),
            classes: Vec::new(),
            training_pictures: 0,
            test_pictures: 0,
            training_pictures_per_class: Vec::new(),
            test_pictures_per_class: Vec::new(),
        }
    }

    /// The name and the value of each setting, without what was found of the pictures.
    pub fn fields(&self) -> Map<String, Value> {
        const FOUND: [&str; 6] = [
            "classes",
            "weights_of_classes",
            "training_pictures",
            "test_pictures",
            "training_pictures_per_class",
            "test_pictures_per_class",
        ];
        let Ok(Value::Object(mut fields)) = serde_json::to_value(self) else {
            unreachable!("settings are plain data")
        };
        fields.retain(|name, _| !FOUND.contains(&name.as_str()));
        fields
    }

    /// The same, with every ingredient of the recipe as a setting of its own: `recipe.warmup`.
    pub fn flat_fields(&self) -> Map<String, Value> {
        let mut fields = self.fields();
        // Where it is plain, a file says nothing of it.
        fields.insert("recipe".to_string(), serde_json::json!(self.recipe));
        flat(fields)
    }

    /// The text of the file.
    ///
    /// # Errors
    /// `Other` where it cannot be made.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|why| error!(Other, "the configuration cannot be saved: {why}"))
    }

    /// A file of settings, or that of a run whose folder is named.
    ///
    /// # Errors
    /// `Usage` for what cannot be read, and for settings that there are not.
    pub fn read(path: &Path) -> Result<Config> {
        let file = if path.is_dir() { path.join(CONFIG_FILE) } else { path.to_path_buf() };
        let name = shown_path(&file);
        let text = read_text(&file, MOST).map_err(|why| error!(Usage, "{name} cannot be read: {why}"))?;
        toml::from_str(&text)
            .map_err(|why| error!(Usage, "{name} holds no settings of a run: {}", shown(why)))
    }

    /// The settings of another run like this one.
    pub fn settings(&self) -> Settings {
        Settings {
            train_dir: path_of_text(&self.train_dir),
            test_dir: path_of_text(&self.test_dir),
            validation_split: self.validation_split,
            image_size: self.image_size,
            color: self.color,
            learning_rate: self.learning_rate,
            epochs: self.epochs,
            batch_size: self.batch_size,
            network: path_of_text(&self.network),
            dropout: self.dropout,
            seed: self.seed,
            class_weights: self.class_weights,
            init_weights: self.init_weights.as_deref().map(path_of_text),
            no_shuffle: !self.shuffle,
            no_fuse: !self.fuse,
            micro_batch: self.micro_batch,
            max_steps: self.max_steps,
            monitor: self.monitor,
            early_stop: self.early_stop,
            min_delta: self.min_delta,
            checkpoint_minutes: self.checkpoint_minutes,
            recipe: self.recipe,
            out: None,
        }
    }
}
