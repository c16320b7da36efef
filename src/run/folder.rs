//! The folder that a run leaves behind: `config.toml`, `steps.jsonl`, `history.csv`, `model.safetensors`, `best.safetensors`,
//! `curves.svg` and checkpoints; on an adapter also `rungs.toml`; and at the end `outcome.toml`.
//!
//! `steps.jsonl` grows by one flushed line per step. The other files are replaced whole: written to a
//! sibling, synced and renamed, so that a crash or a full disk leaves the previous one.

use super::about::About;
use super::checkpoints::{self, Checkpoints};
use super::claim::{CONFIG_FILE, Claim, STEPS_FILE, persist_in};
use super::history::csv;
use super::lock::Running;
use super::outcome::{OUTCOME_FILE, Outcome};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::files::{cannot_write, persist, read_file, replace};
use crate::report::curves;
use crate::train::{End, EpochRecord, Position, Progress, Record, StepRecord, Unsealed};
use crate::tuning::Tuning;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A run's folder, open for writing.
pub struct RunFolder {
    pub(super) path: PathBuf,
    steps: File,
    /// Bytes of whole lines in it.
    pub(super) steps_end: u64,
    pub(super) history: Vec<EpochRecord>,
    running: Running,
    began: Instant,
    checkpoints: Checkpoints,
    /// What checkpoints say of the run; its time is that before `began`.
    pub(super) about: About,
    /// Number of the best epoch, from 0.
    pub(super) best: Option<usize>,
    /// The last step that was recorded, from 1.
    pub(super) last_step: u32,
    /// Whether the folder says how the run ended.
    has_ended: bool,
}

pub const MODEL_FILE: &str = "model.safetensors";
/// The model of the best epoch.
pub const BEST_FILE: &str = "best.safetensors";
pub const HISTORY_FILE: &str = "history.csv";

/// The model of a run to use: that of the best epoch, where one was finished; else that of the last.
pub fn model_of(folder: &Path) -> PathBuf {
    let best = folder.join(BEST_FILE);
    if best.is_file() { best } else { folder.join(MODEL_FILE) }
}

impl RunFolder {
    /// Starts the files of a run in the folder. Within an epoch, checkpoints are written `every` so often.
    ///
    /// # Errors
    /// `Write` where a file cannot be written; then there is none.
    pub fn create(
        mut claim: Claim,
        about: About,
        every: Duration,
        progress: &mut dyn Progress,
    ) -> Result<RunFolder> {
        let config = about.config.to_toml()?;
        let path = claim.path().to_path_buf();
        // Where something fails, it is let go of before the claim.
        let running = claim.begin();
        persist_in((&path, &running), CONFIG_FILE, config.as_bytes(), progress)?;
        let steps_path = path.join(STEPS_FILE);
        let steps = File::create(&steps_path).map_err(|why| {
            let _ = fs::remove_file(path.join(CONFIG_FILE));
            cannot_write(&steps_path, &why)
        })?;
        Ok(RunFolder::new(path, running, steps, about, every))
    }

    pub(super) fn new(
        path: PathBuf,
        running: Running,
        steps: File,
        about: About,
        every: Duration,
    ) -> RunFolder {
        RunFolder {
            path,
            steps,
            steps_end: 0,
            history: Vec::new(),
            running,
            began: Instant::now(),
            checkpoints: Checkpoints::new(every),
            about,
            best: None,
            last_step: 0,
            has_ended: false,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn history(&self) -> &[EpochRecord] {
        &self.history
    }

    /// The best epoch so far.
    pub fn best(&self) -> Option<&EpochRecord> {
        self.history.iter().find(|epoch| Some(epoch.epoch) == self.best)
    }

    /// Writes another file of the run.
    pub fn save(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        self.running.check().map_err(|why| cannot_write(&path, &why))?;
        replace(&path, text.as_bytes())?;
        Ok(path)
    }

    /// Replaces a file, if need be with several tries.
    pub(super) fn persist(&self, name: &str, bytes: &[u8], progress: &mut dyn Progress) -> Result<()> {
        persist_in((&self.path, &self.running), name, bytes, progress)
    }

    /// Seconds of the run, before a break as well.
    fn seconds(&self) -> f64 {
        self.about.seconds + self.began.elapsed().as_secs_f64()
    }

    /// Says in the folder how the run ended. What cannot be written is lost, but for a warning: the run is over.
    /// A checkpoint that was still being written, and cannot be, makes an error of a good end.
    ///
    /// # Errors
    /// That, and that of `trained`.
    pub fn end(&mut self, trained: Result<End>, progress: &mut dyn Progress) -> Result<End> {
        let written = self.checkpoints.finish(&self.running, progress);
        let trained = trained.and_then(|end| written.map(|()| end));
        let confusion = self.history.iter().rev().find_map(|epoch| epoch.validation.as_ref());
        let confusion = confusion.map(|validation| validation.confusion.clone());
        let outcome = Outcome::new(&trained, self.last_step, self.seconds(), confusion);
        self.has_ended = true;
        let written = match trained {
            Ok(_) => self.persist(OUTCOME_FILE, outcome.to_toml().as_bytes(), progress),
            // Where the disk is full, several tries were made already.
            Err(_) => self.save(OUTCOME_FILE, &outcome.to_toml()).map(drop),
        };
        if let Err(why) = written {
            progress.warning(&why.message);
        }
        trained
    }

    /// Says in the folder that the run has failed before its first step; gives the error back.
    pub(super) fn fail(&mut self, why: Error, progress: &mut dyn Progress) -> Error {
        self.end(Err(why), progress).expect_err("an error stays one")
    }

    pub(super) fn write_history(&self, progress: &mut dyn Progress) -> Result<()> {
        self.persist(HISTORY_FILE, csv(&self.history).as_bytes(), progress)?;
        self.persist("curves.svg", curves::svg(&self.history)?.as_bytes(), progress)
    }

    /// As [`model_of`].
    pub fn model_path(&self) -> PathBuf {
        model_of(&self.path)
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if !self.has_ended && std::thread::panicking() {
            let outcome = Outcome::crashed(self.last_step, self.seconds());
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

    /// Replaces `model.safetensors`, `best.safetensors`, `history.csv` and `curves.svg`. The models first: a history must not
    /// describe a model that is not there.
    fn epoch(
        &mut self,
        record: &EpochRecord,
        model: &[u8],
        is_best: bool,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        self.persist(MODEL_FILE, model, progress)?;
        if is_best {
            self.persist(BEST_FILE, model, progress)?;
        }
        self.history.push(record.clone());
        let best_before = self.best;
        if is_best {
            self.best = Some(record.epoch);
        }
        if let Err(why) = self.write_history(progress) {
            self.best = best_before;
            self.history.pop();
            return Err(why);
        }
        // Of a thousand classes a matrix takes 8 MB, and only the last is asked for.
        self.history.iter_mut().rev().skip(1).for_each(EpochRecord::forget_confusion);
        Ok(())
    }

    fn restore_best(&mut self, progress: &mut dyn Progress) -> Result<()> {
        let best = read_file(&self.path.join(BEST_FILE))?;
        self.persist(MODEL_FILE, &best, progress)
    }

    fn checkpoint_is_due(&self) -> bool {
        self.checkpoints.is_due()
    }

    /// Waits for the checkpoint before, so that two are never in memory.
    fn about(&mut self, progress: &mut dyn Progress) -> Result<Option<Value>> {
        self.checkpoints.finish(&self.running, progress)?;
        let about = About { seconds: self.seconds(), ..self.about.clone() };
        Ok(Some(serde_json::to_value(about).expect("what is said of a run is plain data")))
    }

    /// The steps first: they must not lack what the checkpoint has.
    fn checkpoint(&mut self, at: &Position, unsealed: Unsealed) -> Result<()> {
        let path = self.path.join(checkpoints::name(at.step));
        let cannot = |why: io::Error| cannot_write(&path, &why);
        self.running.check().map_err(cannot)?;
        let steps = self.steps.try_clone().map_err(cannot)?;
        self.checkpoints.begin(&self.path, at, unsealed, move || steps.sync_data()).map_err(cannot)
    }

    /// Replaces `rungs.toml`, by which the run can be repeated with the same rungs; nothing where there was no choice.
    fn rungs(&mut self, device: &Device, progress: &mut dyn Progress) -> Result<()> {
        // Those of before a break too: not every kernel runs again at once.
        self.about.rungs.extend(device.chosen_rungs());
        match device.chosen_rungs() {
            rungs if rungs.is_empty() => Ok(()),
            rungs => {
                let table = Tuning::new(device, rungs).to_toml();
                self.persist("rungs.toml", table.as_bytes(), progress)
            }
        }
    }
}
