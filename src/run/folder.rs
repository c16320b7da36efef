//! The folder that a run leaves behind: `config.toml`, `steps.jsonl`, `history.csv`, `model.safetensors`
//! and `curves.svg`; on an adapter also `rungs.toml`; and at the end `outcome.toml`.
//!
//! `steps.jsonl` grows by one flushed line per step. The other files are replaced whole: written to a
//! sibling, synced and renamed, so that a crash or a full disk leaves the previous one.

use super::claim::{CONFIG_FILE, Claim, STEPS_FILE, remove_leftovers};
use super::lock::Running;
use super::outcome::{OUTCOME_FILE, Outcome};
use crate::device::Device;
use crate::error::{Result, error};
use crate::files::{cannot_write, persist, put, replace};
use crate::report::curves;
use crate::train::{End, EpochRecord, Progress, Record, StepRecord};
use crate::tuning::Tuning;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A run's folder, open for writing.
pub struct RunFolder {
    path: PathBuf,
    steps: File,
    /// Bytes of whole lines in it.
    steps_end: u64,
    history: Vec<EpochRecord>,
    running: Running,
    began: Instant,
    /// The last that was recorded, from 1.
    last_step: u32,
    /// Whether the folder says how the run ended.
    has_ended: bool,
}

pub const MODEL_FILE: &str = "model.safetensors";
pub const HISTORY_FILE: &str = "history.csv";

/// Replaces a file of a run in its own folder, if need be with several tries.
fn persist_in(
    (folder, running): (&Path, &Running),
    name: &str,
    bytes: &[u8],
    progress: &mut dyn Progress,
) -> Result<()> {
    let path = folder.join(name);
    persist(&path, &mut |text| progress.warning(text), || {
        running.check()?;
        // A file that was ready but could not get its name has another one.
        put(&path, bytes).inspect_err(|_| remove_leftovers(folder, name))
    })
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
        let path = claim.path().to_path_buf();
        // Where something fails, it is let go of before the claim.
        let running = claim.begin();
        persist_in((&path, &running), CONFIG_FILE, config.as_bytes(), progress)?;
        let steps_path = path.join(STEPS_FILE);
        let steps = File::create(&steps_path).map_err(|why| {
            let _ = fs::remove_file(path.join(CONFIG_FILE));
            cannot_write(&steps_path, &why)
        })?;
        let (history, began) = (Vec::new(), Instant::now());
        Ok(RunFolder { path, steps, steps_end: 0, history, running, began, last_step: 0, has_ended: false })
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
        self.running.check().map_err(|why| cannot_write(&path, &why))?;
        replace(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Replaces a file, if need be with several tries.
    fn persist(&self, name: &str, bytes: &[u8], progress: &mut dyn Progress) -> Result<()> {
        persist_in((&self.path, &self.running), name, bytes, progress)
    }

    /// Says in the folder how the run ended. What cannot be written is lost, but for a warning: the run is over.
    pub fn end(&mut self, trained: &Result<End>, progress: &mut dyn Progress) {
        let confusion = self.history.iter().rev().find_map(|epoch| epoch.validation.as_ref());
        let confusion = confusion.map(|validation| validation.confusion.clone());
        let outcome = Outcome::new(trained, self.last_step, self.began.elapsed().as_secs_f64(), confusion);
        self.has_ended = true;
        let written = match trained {
            Ok(_) => self.persist(OUTCOME_FILE, outcome.to_toml().as_bytes(), progress),
            // Where the disk is full, several tries were made already.
            Err(_) => self.save(OUTCOME_FILE, &outcome.to_toml()).map(drop),
        };
        if let Err(why) = written {
            progress.warning(&why.message);
        }
    }

    fn write_history(&self, progress: &mut dyn Progress) -> Result<()> {
        self.persist(HISTORY_FILE, csv(&self.history).as_bytes(), progress)?;
        self.persist("curves.svg", curves::svg(&self.history)?.as_bytes(), progress)
    }

    pub fn model_path(&self) -> PathBuf {
        self.path.join(MODEL_FILE)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.has_ended && std::thread::panicking() {
            let outcome = Outcome::crashed(self.last_step, self.began.elapsed().as_secs_f64());
            let _ = self.save(OUTCOME_FILE, &outcome.to_toml());
        }
    }
}

impl Record for RunFolder {
    fn step(&mut self, record: &StepRecord, progress: &mut dyn Progress) -> Result<()> {
        let mut line = serde_json::to_string(record).expect("a step is plain data");
        line.push('\n');
        let (path, end, mut is_first) = (self.path.join(STEPS_FILE), self.steps_end, true);
        let written = persist(&path, &mut |text| progress.warning(text), || {
            // What a try before left of the line goes.
            if !std::mem::take(&mut is_first) {
                self.steps.set_len(end)?;
                self.steps.seek(SeekFrom::Start(end))?;
            }
            // One write per line: a reader never sees half of one.
            self.steps.write_all(line.as_bytes())
        });
        if written.is_err() {
            // Nor does half a line stay where nothing helps.
            let _ = self.steps.set_len(end);
        }
        written?;
        self.steps_end += line.len() as u64;
        self.last_step = record.step;
        Ok(())
    }

    /// Replaces `model.safetensors`, `history.csv` and `curves.svg`. The model first: a history must not describe a model
    /// that is not there.
    fn epoch(&mut self, record: &EpochRecord, model: &[u8], progress: &mut dyn Progress) -> Result<()> {
        self.persist(MODEL_FILE, model, progress)?;
        self.history.push(record.clone());
        let written = self.write_history(progress);
        match written {
            Err(_) => drop(self.history.pop()),
            Ok(()) => {
                // Of a thousand classes a matrix takes 8 MB, and only the last is asked for.
                let earlier = self.history.iter_mut().rev().skip(1);
                earlier
                    .flat_map(|epoch| &mut epoch.validation)
                    .for_each(|earlier| earlier.confusion = Vec::new());
            }
        }
        written
    }

    /// Replaces `rungs.toml`, by which the run can be repeated with the same rungs; nothing where there was no choice.
    fn rungs(&mut self, device: &Device, progress: &mut dyn Progress) -> Result<()> {
        match device.chosen_rungs() {
            rungs if rungs.is_empty() => Ok(()),
            rungs => {
                let table = Tuning::new(device, rungs).to_toml();
                self.persist("rungs.toml", table.as_bytes(), progress)
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
