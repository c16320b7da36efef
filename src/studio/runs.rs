//! Runs, as their folders tell of them: those of the page and those of the command line.

use super::answer::{Answer, not_found};
use super::worker;
use crate::run::{MODEL_FILE, RUNS, is_running};
use axum::Json;
use axum::extract::Path;
use serde::Serialize;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// A run's folder.
pub struct Run {
    pub name: String,
    path: PathBuf,
}

/// `steps.jsonl`, column by column.
#[derive(Default, Serialize)]
struct Steps {
    step: Vec<Value>,
    epoch: Vec<Value>,
    loss: Vec<Value>,
    accuracy: Vec<Value>,
    images: Vec<Value>,
    seconds: Vec<Value>,
}

/// Every run, the newest first: names are times.
fn all() -> Vec<Run> {
    let entries = fs::read_dir(RUNS).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter(|entry| entry.path().join("config.toml").is_file())
        .filter_map(|entry| Some(Run { name: entry.file_name().into_string().ok()?, path: entry.path() }))
        .collect();
    found.sort_by(|a, b| b.name.cmp(&a.name));
    found
}

/// The run of this name: one of those that are there, so that no name leads elsewhere.
fn find(name: &str) -> Answer<Run> {
    all().into_iter().find(|run| run.name == name).ok_or_else(|| not_found(format!("there is no run {name}")))
}

/// The run of this name, or the newest one that has a model.
pub fn with_model(name: Option<&str>) -> Answer<Run> {
    let run = match name {
        Some(name) => find(name).map(Some)?,
        None => all().into_iter().find(|run| run.model_file().is_file()),
    };
    run.filter(|run| run.model_file().is_file())
        .ok_or_else(|| not_found("there is no model yet: train one first, for an epoch at least"))
}

impl Run {
    pub fn model_file(&self) -> PathBuf {
        self.path.join(MODEL_FILE)
    }

    /// `config.toml`, empty where it cannot be read.
    pub fn config(&self) -> Value {
        let text = fs::read_to_string(self.path.join("config.toml")).unwrap_or_default();
        toml::from_str(&text).unwrap_or_else(|_| json!({}))
    }

    fn steps(&self) -> Steps {
        let mut steps = Steps::default();
        for line in fs::read_to_string(self.path.join("steps.jsonl")).unwrap_or_default().lines() {
            // A run that was killed may end in half a line.
            let Ok(mut step) = serde_json::from_str::<Value>(line) else { continue };
            let Steps { step: number, epoch, loss, accuracy, images, seconds } = &mut steps;
            for (name, column) in [
                ("step", number),
                ("epoch", epoch),
                ("loss", loss),
                ("accuracy", accuracy),
                ("images", images),
                ("seconds", seconds),
            ] {
                column.push(step[name].take());
            }
        }
        steps
    }

    /// The lines of `history.csv`.
    fn epochs(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path.join("history.csv")).unwrap_or_default();
        let mut lines = text.lines();
        let names: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
        let value = |text: &str| text.parse::<f64>().map_or(Value::Null, |value| json!(value));
        lines
            .map(|line| names.iter().copied().map(str::to_string).zip(line.split(',').map(value)).collect())
            .collect()
    }

    fn state(&self, epochs: &[Value], config: &Value) -> &'static str {
        let done = epochs.iter().filter(|epoch| epoch["val_loss"].is_number()).count() as u64;
        if is_running(&self.path) {
            "running"
        } else if config["epochs"].as_u64() == Some(done) {
            "finished"
        } else {
            "stopped"
        }
    }
}

/// A line for each run.
pub async fn list() -> Answer<Json<Vec<Value>>> {
    let lines = worker::blocking(move || {
        let line = |run: Run| {
            let (config, epochs) = (run.config(), run.epochs());
            let last = epochs.iter().rev().find(|epoch| epoch["val_loss"].is_number());
            json!({
                "name": run.name, "image_size": config["image_size"], "epochs": config["epochs"],
                "epochs_done": epochs.len(), "val_accuracy": last.map(|epoch| &epoch["val_accuracy"]),
                "val_loss": last.map(|epoch| &epoch["val_loss"]),
                "state": run.state(&epochs, &config), "model": run.model_file().is_file(),
            })
        };
        all().into_iter().map(line).collect()
    });
    Ok(Json(lines.await?))
}

/// A run's settings, steps and epochs.
pub async fn show(Path(name): Path<String>) -> Answer<Json<Value>> {
    let told = worker::blocking(move || -> Answer<Value> {
        let run = find(&name)?;
        let (config, epochs) = (run.config(), run.epochs());
        Ok(json!({
            "name": run.name, "state": run.state(&epochs, &config),
            "model": run.model_file().is_file(), "config": config, "steps": run.steps(), "epochs": epochs,
        }))
    });
    Ok(Json(told.await??))
}
