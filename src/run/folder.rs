//! The folder that a run leaves behind: `config.toml`, `steps.jsonl`, `history.csv`, `model.safetensors`
//! and `curves.svg`; on an adapter also `rungs.toml`.
//!
//! `steps.jsonl` grows by one flushed line per step. The other files are replaced whole: written to a
//! sibling, synced and renamed, so that a crash or a full disk leaves the previous one.

use super::lock::Running;
use crate::device::Device;
use crate::error::{Remedy, Result, error};
use crate::files::{cannot_write, replace};
use crate::report::curves;
use crate::train::{EpochRecord, Record, StepRecord};
use crate::tuning::Tuning;
use serde::Serialize;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A run's folder, open for writing.
pub struct RunFolder {
    path: PathBuf,
    steps: File,
    history: Vec<EpochRecord>,
    _running: Running,
}

/// Where runs are saved unless another folder is named.
pub const RUNS: &str = "runs";

pub const MODEL_FILE: &str = "model.safetensors";

impl RunFolder {
    /// Finds out before training whether the folder can be used; a new one is not left behind.
    ///
    /// # Errors
    /// `Write` where the folder is not empty or cannot be written.
    pub fn check(path: &Path) -> Result<()> {
        let is_new = !path.exists();
        RunFolder::open_empty(path)?;
        if is_new { fs::remove_dir(path).map_err(|why| cannot_write(path, &why)) } else { Ok(()) }
    }

    /// Makes the folder where there is none.
    fn open_empty(path: &Path) -> Result<()> {
        fs::create_dir_all(path).map_err(|why| cannot_write(path, &why))?;
        let mut entries = fs::read_dir(path).map_err(|why| cannot_write(path, &why))?;
        if entries.next().is_some() {
            let why = error!(
                Write,
                "the output folder {} is not empty: no earlier run is overwritten",
                path.display()
            );
            return Err(why.with(Remedy::OtherFolder));
        }
        Ok(())
    }

    /// Starts the files of a run in a new or empty folder.
    ///
    /// # Errors
    /// As [`check`](RunFolder::check).
    pub fn create(path: &Path, config: &impl Serialize) -> Result<RunFolder> {
        RunFolder::open_empty(path)?;
        let config = toml::to_string(config)
            .map_err(|why| error!(Other, "the configuration cannot be saved: {why}"))?;
        replace(&path.join("config.toml"), config.as_bytes())?;
        let steps_path = path.join("steps.jsonl");
        let steps = File::create(&steps_path).map_err(|why| cannot_write(&steps_path, &why))?;
        Ok(RunFolder {
            path: path.to_path_buf(),
            steps,
            history: Vec::new(),
            _running: Running::start(path)?,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// Writes another file of the run.
    pub fn save(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        replace(&path, text.as_bytes())?;
        Ok(path)
    }

    pub fn model_path(&self) -> PathBuf {
        self.path.join(MODEL_FILE)
    }
}

impl Record for RunFolder {
    fn step(&mut self, record: &StepRecord) -> Result<()> {
        let mut line = serde_json::to_string(record).expect("a step is plain data");
        line.push('\n');
        // One write per line: a reader never sees half of one.
        let written = self.steps.write_all(line.as_bytes()).and_then(|()| self.steps.flush());
        written.map_err(|why| cannot_write(&self.path.join("steps.jsonl"), &why))
    }

    /// Replaces `model.safetensors`, `history.csv` and `curves.svg`. The model first: a history must not tell of a model
    /// that is not there.
    fn epoch(&mut self, record: &EpochRecord, model: &[u8]) -> Result<()> {
        replace(&self.model_path(), model)?;
        let history = [&self.history[..], std::slice::from_ref(record)].concat();
        replace(&self.path.join("history.csv"), csv(&history).as_bytes())?;
        replace(&self.path.join("curves.svg"), curves::svg(&history)?.as_bytes())?;
        self.history = history;
        Ok(())
    }

    /// Replaces `rungs.toml`, by which the run can be repeated with the same rungs; nothing where there was no choice.
    fn rungs(&mut self, device: &Device) -> Result<()> {
        match device.chosen_rungs() {
            rungs if rungs.is_empty() => Ok(()),
            rungs => self.save("rungs.toml", &Tuning::new(device, rungs).to_toml()).map(|_| ()),
        }
    }
}

/// Keras's CSVLogger's columns, then ours; `NA` for what is missing.
fn csv(history: &[EpochRecord]) -> String {
    let mut text = String::from("epoch,accuracy,loss,val_accuracy,val_loss,images_per_second,seconds\n");
    for record in history {
        let validation = match &record.validation {
            Some(validation) => format!("{},{}", validation.accuracy, validation.loss),
            None => "NA,NA".to_string(),
        };
        text += &format!(
            "{},{},{},{validation},{:.1},{:.3}\n",
            record.epoch, record.accuracy, record.loss, record.images_per_second, record.seconds
        );
    }
    text
}
