//! Runs, as their folders describe them: those of the page and those of the command line.

use super::answer::{Answer, not_found};
use super::worker;
use crate::data::open_regular;
use crate::files::read_text;
use crate::run::{MODEL_FILE, RUNS, is_running};
use axum::{Json, extract};
use serde::Serialize;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

/// Most bytes that are read of a history or of settings, of all steps, and of one.
const MOST_TEXT: u64 = 4 << 20;
const MOST_STEPS: u64 = 256 << 20;
const MOST_LINE: u64 = 4 << 10;
/// Most columns of a history.
const MOST_COLUMNS: usize = 32;
/// Of more than twice as many steps, every second one is left out.
const SHOWN_STEPS: usize = 10_000;

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

impl Steps {
    fn columns(&mut self) -> [(&'static str, &mut Vec<Value>); 6] {
        let Steps { step, epoch, loss, accuracy, images, seconds } = self;
        [
            ("step", step),
            ("epoch", epoch),
            ("loss", loss),
            ("accuracy", accuracy),
            ("images", images),
            ("seconds", seconds),
        ]
    }

    fn push(&mut self, mut step: Value) {
        for (name, column) in self.columns() {
            // Whatever else stands there could be of any size.
            column.push(Some(step[name].take()).filter(Value::is_number).unwrap_or_default());
        }
    }

    /// Every second one stays.
    fn halve(&mut self) {
        for (_, column) in self.columns() {
            let mut index = 0;
            column.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
    }
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
        let text = read_text(&self.path.join("config.toml"), MOST_TEXT).unwrap_or_default();
        toml::from_str(&text).unwrap_or_else(|_| json!({}))
    }

    /// `steps.jsonl`: of a long run every second step, every fourth, and so on.
    fn steps(&self) -> Steps {
        let (mut steps, mut stride, mut index) = (Steps::default(), 1, 0);
        let Ok((file, len)) = open_regular(&self.path.join("steps.jsonl")) else { return steps };
        // No more than was there: what has no end, such as files of /proc, says that it is empty.
        let mut reader = BufReader::new(file.take(len.min(MOST_STEPS)));
        let mut line = Vec::new();
        while reader.by_ref().take(MOST_LINE).read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
            // A run that was killed may end in half a line.
            if let Ok(step @ Value::Object(_)) = serde_json::from_slice::<Value>(&line) {
                if index % stride == 0 {
                    steps.push(step);
                }
                index += 1;
                if steps.step.len() == 2 * SHOWN_STEPS {
                    steps.halve();
                    stride *= 2;
                }
            }
            line.clear();
        }
        steps
    }

    /// The lines of `history.csv`, or why they cannot be read. A run that has none yet has no epochs.
    fn epochs(&self) -> io::Result<Vec<Value>> {
        let path = self.path.join("history.csv");
        if !path.try_exists().unwrap_or(true) {
            return Ok(Vec::new());
        }
        let text = read_text(&path, MOST_TEXT)?;
        let mut lines = text.lines();
        let names: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
        let value = |text: &str| text.parse::<f64>().map_or(Value::Null, |value| json!(value));
        let line = |line: &str| {
            let values = line.split(',').map(value);
            names.iter().copied().take(MOST_COLUMNS).map(str::to_string).zip(values).collect()
        };
        Ok(lines.map(line).collect())
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
            let config = run.config();
            let (epochs, problem) = match run.epochs() {
                Ok(epochs) => (epochs, None),
                Err(why) => (Vec::new(), Some(format!("history.csv cannot be read: {why}"))),
            };
            let last = epochs.iter().rev().find(|epoch| epoch["val_loss"].is_number());
            json!({
                "name": run.name, "image_size": config["image_size"], "epochs": config["epochs"],
                "epochs_done": epochs.len(), "val_accuracy": last.map(|epoch| &epoch["val_accuracy"]),
                "val_loss": last.map(|epoch| &epoch["val_loss"]),
                "state": run.state(&epochs, &config), "model": run.model_file().is_file(), "problem": problem,
            })
        };
        all().into_iter().map(line).collect()
    });
    Ok(Json(lines.await?))
}

/// A run's settings, steps and epochs.
pub async fn show(extract::Path(name): extract::Path<String>) -> Answer<Json<Value>> {
    let answer = worker::blocking(move || -> Answer<Value> {
        let run = find(&name)?;
        let (config, epochs) = (run.config(), run.epochs().unwrap_or_default());
        Ok(json!({
            "name": run.name, "state": run.state(&epochs, &config),
            "model": run.model_file().is_file(), "config": config, "steps": run.steps(), "epochs": epochs,
        }))
    });
    Ok(Json(answer.await??))
}
