//! What can be chosen on the page: the settings of a run, with their ranges.

use crate::model::network::{MAX_IMAGE_SIZE, MIN_IMAGE_SIZE};
use crate::run::network_file::{DEFAULT, NetworkFile, SHIPPED};
use crate::train::settings::Settings;
use serde_json::{Value, json};

/// The words of a field on the page; of what it does not show, the name.
pub fn label(name: &str) -> String {
    let field = all().into_iter().find(|field| field["name"] == name);
    field.and_then(|field| Some(field["label"].as_str()?.to_string())).unwrap_or_else(|| name.to_string())
}

/// The fields in the order in which they are shown.
pub fn all() -> Vec<Value> {
    let Settings {
        train_dir,
        test_dir,
        learning_rate,
        epochs,
        batch_size,
        color,
        dropout,
        class_weights,
        ..
    } = Settings::default();
    let networks = SHIPPED.map(|(name, text)| {
        let described = NetworkFile::parse(name, text).expect("shipped networks are tested");
        [name.to_string(), format!("{name}: {}", described.description())]
    });
    vec![
        json!({
            "name": "train_dir", "label": "Training pictures", "kind": "path",
            "meaning": "A folder with one sub-folder per class", "default": train_dir,
        }),
        json!({
            "name": "test_dir", "label": "Test pictures", "kind": "path",
            "meaning": "Pictures that are never trained on, in the same classes", "default": test_dir,
        }),
        json!({
            "name": "validation_split", "label": "Validation split", "kind": "number",
            "meaning": "Without test pictures: this share of each class is kept from training and tested on, always the same \
                        pictures", "default": null,
            "min": 0.01, "max": 0.99, "choices": [0.1, 0.2, 0.3], "optional": true, "empty": "none: there are test pictures",
        }),
        json!({
            "name": "learning_rate", "label": "Learning rate", "kind": "number",
            "meaning": "About how far a weight moves in a step of Adam", "default": learning_rate,
            "min": 1e-6, "max": 1.0, "choices": [0.01, 0.003, 0.001, 0.0005, 0.0003, 0.0001],
        }),
        json!({
            "name": "epochs", "label": "Epochs", "kind": "integer",
            "meaning": "How often to go through all training pictures", "default": epochs,
            "min": 1, "max": 1000, "choices": [1, 5, 10, 20, 50],
        }),
        json!({
            "name": "batch_size", "label": "Batch size", "kind": "integer",
            "meaning": "Pictures that are averaged before a step", "default": batch_size,
            "min": 1, "max": 4096, "choices": [16, 32, 64, 128],
        }),
        json!({
            "name": "image_size", "label": "Image size", "kind": "integer",
            "meaning": "Pictures are resized to this height and width; empty: 256 on a GPU, else 64", "default": null,
            "min": MIN_IMAGE_SIZE, "max": MAX_IMAGE_SIZE, "choices": [32, 64, 128, 256], "optional": true,
        }),
        json!({
            "name": "color", "label": "Colour", "kind": "choice",
            "meaning": "Whether the network sees pictures in gray or in colour", "default": color,
            "options": [["gray", "gray"], ["rgb", "red, green and blue"]],
        }),
        json!({
            "name": "network", "label": "Network", "kind": "choice",
            "meaning": "The layers; those of a file of your own are for the command line", "default": DEFAULT,
            "options": networks,
        }),
        json!({
            "name": "dropout", "label": "Dropout", "kind": "number",
            "meaning": "Share of its inputs that each dropout layer leaves out in training; empty: as the network says",
            "default": dropout, "min": 0.0, "max": 0.95, "choices": [0.0, 0.25, 0.5], "optional": true,
        }),
        json!({
            "name": "class_weights", "label": "Class weights", "kind": "choice",
            "meaning": "What a picture of each class counts in the loss", "default": class_weights,
            "options": [["none", "all pictures alike"], ["auto", "classes alike, however many pictures they have"]],
        }),
        json!({
            "name": "seed", "label": "Seed", "kind": "integer",
            "meaning": "Equal seeds give equal models on one device; empty: a new one", "default": null,
            // What a number of JavaScript holds exactly.
            "min": 0, "max": (1u64 << 53) - 1, "optional": true,
        }),
        json!({
            "name": "start_from", "label": "Start from", "kind": "run",
            "meaning": "The weights of a run with the same classes and image size, or new random ones",
            "default": null, "optional": true,
        }),
        json!({
            "name": "device", "label": "Device", "kind": "device",
            "meaning": "Where to compute", "default": "auto",
        }),
    ]
}
