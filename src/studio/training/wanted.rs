//! What the page asks for to begin a run.

use crate::data::Color;
use crate::data::paths::tidy;
use crate::run::network_file::DEFAULT;
use crate::studio::answer::{Answer, unusable};
use crate::studio::{devices, fields};
use crate::train::settings::{ClassWeights, Settings};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What the page asks for: the fields of its form, and no other setting. Above all no other path.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    train_dir: PathBuf,
    test_dir: PathBuf,
    /// In the place of `test_dir`.
    validation_split: Option<f64>,
    learning_rate: f64,
    epochs: usize,
    batch_size: usize,
    image_size: Option<usize>,
    color: Color,
    /// The name of one that is shipped: a page may name no other file.
    network: String,
    dropout: Option<f64>,
    class_weights: ClassWeights,
    seed: Option<u64>,
    /// The name of a run whose weights this one begins with.
    pub start_from: Option<String>,
    pub device: String,
}

impl Default for Wanted {
    fn default() -> Wanted {
        let usual = Settings::default();
        Wanted {
            train_dir: usual.train_dir,
            test_dir: usual.test_dir,
            validation_split: usual.validation_split,
            learning_rate: usual.learning_rate,
            epochs: usual.epochs,
            batch_size: usual.batch_size,
            image_size: usual.image_size,
            color: usual.color,
            network: DEFAULT.to_string(),
            dropout: usual.dropout,
            class_weights: usual.class_weights,
            seed: usual.seed,
            start_from: None,
            device: devices::automatic(),
        }
    }
}

/// Refuses settings, each of these errors being `{field, message}`: the page shows them at their fields.
pub fn refuse(errors: &[Value]) -> Answer<()> {
    let Some(first) = errors.first() else { return Ok(()) };
    let said = |name: &str| first[name].as_str().unwrap_or_default();
    let message = format!("{}: {}", fields::label(said("field")), said("message"));
    Err(unusable(message).with("errors", json!(errors)))
}

impl Wanted {
    /// What a page sent.
    pub fn read(sent: Value) -> Answer<Wanted> {
        serde_path_to_error::deserialize(sent).or_else(|why| {
            let (field, message) = (why.path().to_string(), why.inner().to_string());
            refuse(&[json!({"field": field, "message": message})])?;
            unreachable!("an error is refused")
        })
    }
}

impl From<Wanted> for Settings {
    fn from(wanted: Wanted) -> Settings {
        Settings {
            train_dir: tidy(&wanted.train_dir),
            test_dir: tidy(&wanted.test_dir),
            validation_split: wanted.validation_split,
            learning_rate: wanted.learning_rate,
            epochs: wanted.epochs,
            batch_size: wanted.batch_size,
            image_size: wanted.image_size,
            color: wanted.color,
            network: wanted.network.into(),
            dropout: wanted.dropout,
            class_weights: wanted.class_weights,
            seed: wanted.seed,
            ..Settings::default()
        }
    }
}
