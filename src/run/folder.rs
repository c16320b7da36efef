//! The folder that a run leaves behind: `config.toml`, `steps.jsonl`, `history.csv`, `model.safetensors`
//! and `curves.svg`; on an adapter also `rungs.toml`.
//!
//! `steps.jsonl` grows by one flushed line per step. The other files are replaced whole: written to a
//! sibling, synced and renamed, so that a crash or a full disk leaves the previous one.

use super::lock::{RUNNING_FILE, Running, refuse_running};
use crate::device::Device;
use crate::error::{Remedy, Result, error};
use crate::files::{cannot_write, replace};
use crate::report::curves;
use crate::train::{EpochRecord, Record, StepRecord};
use crate::tuning::Tuning;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
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

/// A new or empty folder that nobody else has, for a run that is being prepared. Unless one begins there, nothing is left
/// of it.
pub struct Claim {
    path: PathBuf,
    /// Folders that were made for it, from the innermost.
    made: Vec<PathBuf>,
    running: Option<Running>,
}

impl Claim {
    /// Of this folder; or, without one, of a new one in runs/ that is named by the time.
    ///
    /// # Errors
    /// `Write` where the folder is not empty, is another run's, or cannot be written.
    pub fn new(folder: Option<&Path>) -> Result<Claim> {
        match folder {
            Some(path) => {
                let made = missing(path);
                fs::create_dir_all(path).map_err(|why| cannot_write(path, &why))?;
                Claim::lock(path, made)
            }
            None => {
                let mut made = missing(Path::new(RUNS));
                let path = new_folder()?;
                made.insert(0, path.clone());
                Claim::lock(&path, made)
            }
        }
    }

    fn lock(path: &Path, made: Vec<PathBuf>) -> Result<Claim> {
        let mut claim = Claim { path: path.to_path_buf(), made, running: None };
        // Before, so that no file of somebody else is touched; and after, as another run may have come and gone.
        refuse_running(path)?;
        claim.must_be_empty()?;
        claim.running = Some(Running::start(path)?);
        claim.must_be_empty()?;
        Ok(claim)
    }

    fn must_be_empty(&self) -> Result<()> {
        let entries = fs::read_dir(&self.path).map_err(|why| cannot_write(&self.path, &why))?;
        if entries.flatten().all(|entry| entry.file_name() == RUNNING_FILE) {
            return Ok(());
        }
        let path = self.path.display();
        let why = error!(Write, "the output folder {path} is not empty: no earlier run is overwritten");
        Err(why.with(Remedy::OtherFolder))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        drop(self.running.take());
        // Those that hold something by now stay: a run that began has the lock's file in its folder.
        self.made.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// The folder and those around it that are not there yet, from the innermost.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let all = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    all.take_while(|folder| !folder.exists()).map(Path::to_path_buf).collect()
}

/// `runs/<local time>`, or the first of `runs/<local time>-2`, … that is not there: two runs can begin in one second. Names
/// sort by time.
fn new_folder() -> Result<PathBuf> {
    let time = jiff::Zoned::now().strftime("%Y-%m-%d_%H-%M-%S").to_string();
    let names = std::iter::once(time.clone()).chain((2..).map(|number| format!("{time}-{number}")));
    for path in names.map(|name| Path::new(RUNS).join(name)) {
        fs::create_dir_all(RUNS).map_err(|why| cannot_write(Path::new(RUNS), &why))?;
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another run has the name; or one that ended before it began took an empty runs/ away.
            Err(why) if [ErrorKind::AlreadyExists, ErrorKind::NotFound].contains(&why.kind()) => {}
            Err(why) => return Err(cannot_write(&path, &why)),
        }
    }
    unreachable!("numbers do not end")
}

impl RunFolder {
    /// Starts the files of a run in the folder.
    ///
    /// # Errors
    /// `Write` where a file cannot be written.
    pub fn create(mut claim: Claim, config: &impl Serialize) -> Result<RunFolder> {
        let config = toml::to_string(config)
            .map_err(|why| error!(Other, "the configuration cannot be saved: {why}"))?;
        replace(&claim.path.join("config.toml"), config.as_bytes())?;
        let steps_path = claim.path.join("steps.jsonl");
        let steps = File::create(&steps_path).map_err(|why| cannot_write(&steps_path, &why))?;
        let running = claim.running.take().expect("a claim holds its lock");
        Ok(RunFolder { path: claim.path.clone(), steps, history: Vec::new(), _running: running })
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

    /// Replaces `model.safetensors`, `history.csv` and `curves.svg`. The model first: a history must not describe a model
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
