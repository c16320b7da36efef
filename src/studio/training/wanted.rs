//! What the page asks for to begin a run.

use crate::data::Color;
use crate::data::paths::tidy;
use crate::run::network_file::DEFAULT;
use crate::studio::devices;
use crate::train::settings::Settings;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What the page asks for: the fields of its form, and no other setting. Above all no other path.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    train_dir: PathBuf,
    test_dir: PathBuf,
    learning_rate: f64,
    epochs: usize,
    batch_size: usize,
    image_size: Option<usize>,
    color: Color,
    /// The name of one that is shipped: a page may name no other file.
    network: String,
    dropout: Option<f64>,
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
            learning_rate: usual.learning_rate,
            epochs: usual.epochs,
            batch_size: usual.batch_size,
            image_size: usual.image_size,
            color: usual.color,
            network: DEFAULT.to_string(),
            dropout: usual.dropout,
            seed: usual.seed,
            start_from: None,
            device: devices::automatic(),
        }
    }
}

impl From<Wanted> for Settings {
    fn from(wanted: Wanted) -> Settings {
        Settings {
            train_dir: tidy(&wanted.train_dir),
            test_dir: tidy(&wanted.test_dir),
            learning_rate: wanted.learning_rate,
            epochs: wanted.epochs,
            batch_size: wanted.batch_size,
            image_size: wanted.image_size,
            color: wanted.color,
            network: wanted.network.into(),
            dropout: wanted.dropout,
            seed: wanted.seed,
            ..Settings::default()
        }
    }
}

/// The settings as `config.toml` will name them.
pub fn config(settings: &Settings, device: &str) -> Value {
    let Settings {
        train_dir,
        test_dir,
        image_size,
        color,
        learning_rate,
        epochs,
        batch_size,
        network,
        dropout,
        seed,
        ..
    } = settings;
    json!({
        "train_dir": train_dir, "test_dir": test_dir, "image_size": image_size, "color": color, "learning_rate": learning_rate,
        "epochs": epochs, "batch_size": batch_size, "network": network, "dropout": dropout, "seed": seed, "device": device,
    })
}
