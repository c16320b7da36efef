//! The folder that a run leaves behind: `config.toml`, `steps.jsonl`, `history.csv`, `model.safetensors`
//! and `curves.svg`; on an adapter also `rungs.toml`.
//!
//! `steps.jsonl` grows by one flushed line per step. The other files are replaced whole: written to a
//! sibling, synced and renamed, so that a crash or a full disk leaves the previous one.

use super::lock::{RUNNING_FILE, Running, refuse_running};
use crate::device::Device;
use crate::error::{Remedy, Result, error, shown_path};
use crate::files::{cannot_write, persist, put, replace};
use crate::report::curves;
use crate::train::{EpochRecord, Progress, Record, StepRecord};
use crate::tuning::Tuning;
use serde::Serialize;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A run's folder, open for writing.
pub struct RunFolder {
    path: PathBuf,
    steps: File,
    /// Bytes of whole lines in it.
    steps_end: u64,
    history: Vec<EpochRecord>,
    _running: Running,
}

/// Where runs are saved unless another folder is named.
pub const RUNS: &str = "runs";

pub const MODEL_FILE: &str = "model.safetensors";

/// The first file of a run.
const CONFIG_FILE: &str = "config.toml";

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
        // What a run that was killed while it began may have left.
        let is_left = |name: &OsStr| name == RUNNING_FILE || is_leftover(name, CONFIG_FILE);
        if entries.flatten().all(|entry| is_left(&entry.file_name())) {
            return Ok(());
        }
        let path = shown_path(&self.path);
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

/// Whether a file is what writing the file `name` left when it was ended.
fn is_leftover(file: &OsStr, name: &str) -> bool {
    let random = file.to_str().and_then(|file| file.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.'));
    random.is_some_and(|random| random.len() == 6 && random.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// Of a folder that nobody else writes to.
fn remove_leftovers(folder: &Path, name: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_leftover(&entry.file_name(), name) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Replaces a file of a run, if need be with several tries.
fn persist_in(folder: &Path, name: &str, bytes: &[u8], progress: &mut dyn Progress) -> Result<()> {
    let path = folder.join(name);
    persist(&path, &mut |text| progress.warning(text), || {
        // A file that was ready but could not get its name has another one.
        put(&path, bytes).inspect_err(|_| remove_leftovers(folder, name))
    })
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
    let names = std::iter::once(time.clone()).chain((2..1000).map(|number| format!("{time}-{number}")));
    for path in names.map(|name| Path::new(RUNS).join(name)) {
        fs::create_dir_all(RUNS).map_err(|why| cannot_write(Path::new(RUNS), &why))?;
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another run has the name; or one that ended before it began took an empty runs/ away.
            Err(why) if [ErrorKind::AlreadyExists, ErrorKind::NotFound].contains(&why.kind()) => {}
            Err(why) => return Err(cannot_write(&path, &why)),
        }
    }
    Err(error!(Write, "no folder in {RUNS}/ that begins with {time} is free").with(Remedy::OtherFolder))
}

impl RunFolder {
    /// Starts the files of a run in the folder.
    ///
    /// # Errors
    /// `Write` where a file cannot be written; then there is none.
    pub fn create(
        mut claim: Claim,
        config: &impl Serialize,
        progress: &mut dyn Progress,
    ) -> Result<RunFolder> {
        let config = toml::to_string(config)
            .map_err(|why| error!(Other, "the configuration cannot be saved: {why}"))?;
        let path = claim.path.clone();
        remove_leftovers(&path, CONFIG_FILE);
        persist_in(&path, CONFIG_FILE, config.as_bytes(), progress)?;
        let steps_path = path.join("steps.jsonl");
        let steps = File::create(&steps_path).map_err(|why| {
            let _ = fs::remove_file(path.join(CONFIG_FILE));
            cannot_write(&steps_path, &why)
        })?;
        let running = claim.running.take().expect("a claim holds its lock");
        Ok(RunFolder { path, steps, steps_end: 0, history: Vec::new(), _running: running })
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
    fn step(&mut self, record: &StepRecord, progress: &mut dyn Progress) -> Result<()> {
        let mut line = serde_json::to_string(record).expect("a step is plain data");
        line.push('\n');
        let (path, end, mut is_first) = (self.path.join("steps.jsonl"), self.steps_end, true);
        persist(&path, &mut |text| progress.warning(text), || {
            // What a try before left of the line goes.
            if !std::mem::take(&mut is_first) {
                self.steps.set_len(end)?;
                self.steps.seek(SeekFrom::Start(end))?;
            }
            // One write per line: a reader never sees half of one.
            self.steps.write_all(line.as_bytes())
        })?;
        self.steps_end += line.len() as u64;
        Ok(())
    }

    /// Replaces `model.safetensors`, `history.csv` and `curves.svg`. The model first: a history must not describe a model
    /// that is not there.
    fn epoch(&mut self, record: &EpochRecord, model: &[u8], progress: &mut dyn Progress) -> Result<()> {
        persist_in(&self.path, MODEL_FILE, model, progress)?;
        let history = [&self.history[..], std::slice::from_ref(record)].concat();
        persist_in(&self.path, "history.csv", csv(&history).as_bytes(), progress)?;
        persist_in(&self.path, "curves.svg", curves::svg(&history)?.as_bytes(), progress)?;
        self.history = history;
        Ok(())
    }

    /// Replaces `rungs.toml`, by which the run can be repeated with the same rungs; nothing where there was no choice.
    fn rungs(&mut self, device: &Device, progress: &mut dyn Progress) -> Result<()> {
        match device.chosen_rungs() {
            rungs if rungs.is_empty() => Ok(()),
            rungs => {
                let table = Tuning::new(device, rungs).to_toml();
                persist_in(&self.path, "rungs.toml", table.as_bytes(), progress)
            }
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
