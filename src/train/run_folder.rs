//! The folder that a run leaves behind: `config.toml`, `steps.jsonl`, `history.csv`, `model.safetensors`
//! and `curves.svg`; on an adapter also `rungs.toml`.
//!
//! `steps.jsonl` grows by one flushed line per step. The other files are replaced whole: written to a
//! sibling, synced and renamed, so that a crash or a full disk leaves the previous one.

use super::curves;
use super::evaluate::Evaluation;
use super::tuning::Tuning;
use crate::device::Device;
use crate::error::{Result, error};
use atomic_write_file::AtomicWriteFile;
use serde::Serialize;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

/// One line of `steps.jsonl`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepRecord {
    /// From 1, over all epochs.
    pub step: u32,
    /// From 0.
    pub epoch: usize,
    /// Mean over the batch, before the step's update.
    pub loss: f32,
    pub accuracy: f64,
    pub images: usize,
    /// Wall time since the previous step completed on the device.
    pub seconds: f64,
    /// In mixed precision: what the next step's loss is multiplied by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f32>,
    /// In mixed precision: whether a gradient overflowed, so that the step updated nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<bool>,
}

/// One line of `history.csv`. Loss and accuracy are means over the steps of the epoch, as they went by;
/// those of the validation are of the model at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochRecord {
    /// From 0.
    pub epoch: usize,
    pub loss: f64,
    pub accuracy: f64,
    pub images_per_second: f64,
    /// Time of the steps, without validation.
    pub seconds: f64,
    /// Steps that updated nothing, in mixed precision.
    pub skipped: usize,
    /// Missing where the epoch was cut short.
    pub validation: Option<Evaluation>,
}

/// A run's folder, open for writing.
pub struct RunFolder {
    path: PathBuf,
    steps: File,
    history: Vec<EpochRecord>,
    _running: Running,
}

/// A file that is locked while a run goes on, and gone afterwards: the system lets go of it even where a run is killed.
struct Running {
    path: PathBuf,
    _file: File,
}

const RUNNING_FILE: &str = "running.lock";

impl Running {
    fn start(folder: &Path) -> Result<Running> {
        let path = folder.join(RUNNING_FILE);
        let file = File::create(&path).map_err(|why| cannot_write(&path, &why))?;
        // Not every file system has locks; the run goes on without.
        let _ = file.try_lock();
        Ok(Running { path, _file: file })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a run, of any process, goes on in this folder.
pub fn is_running(folder: &Path) -> bool {
    let file = File::open(folder.join(RUNNING_FILE));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
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
            return Err(error!(
                Write,
                "the output folder {} is not empty: choose another --out, so that no earlier run is lost",
                path.display()
            ));
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

    /// Appends a line to `steps.jsonl`.
    pub fn append_step(&mut self, record: &StepRecord) -> Result<()> {
        let mut line = serde_json::to_string(record).expect("a step is plain data");
        line.push('\n');
        // One write per line: a reader never sees half of one.
        let written = self.steps.write_all(line.as_bytes()).and_then(|()| self.steps.flush());
        written.map_err(|why| cannot_write(&self.path.join("steps.jsonl"), &why))
    }

    /// Adds an epoch to `history.csv` and `curves.svg`.
    pub fn save_epoch(&mut self, record: &EpochRecord) -> Result<()> {
        let history = [&self.history[..], std::slice::from_ref(record)].concat();
        replace(&self.path.join("history.csv"), csv(&history).as_bytes())?;
        replace(&self.path.join("curves.svg"), curves::svg(&history)?.as_bytes())?;
        self.history = history;
        Ok(())
    }

    /// Replaces `model.safetensors`.
    pub fn save_model(&self, bytes: &[u8]) -> Result<()> {
        replace(&self.model_path(), bytes)
    }

    /// Replaces `rungs.toml`, by which the run can be repeated with the same rungs; nothing where there was no choice.
    pub fn save_rungs(&self, device: &Device) -> Result<()> {
        match device.chosen_rungs() {
            rungs if rungs.is_empty() => Ok(()),
            rungs => self.save("rungs.toml", &Tuning::new(device, rungs).to_toml()).map(|_| ()),
        }
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

/// Writes a file whole or not at all.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(bytes)?;
        file.commit()
    };
    write().map_err(|why| cannot_write(path, &why))
}

fn cannot_write(path: &Path, why: &std::io::Error) -> crate::error::Error {
    error!(Write, "{} cannot be written: {why}", path.display())
}
