//! Runs as their folders describe them: those that go on, and those that ended, however they did.

use super::claim::{CONFIG_FILE, RUNS, STEPS_FILE};
use super::folder::{BEST_FILE, HISTORY_FILE, model_of};
use super::outcome::{Ending, Outcome};
use crate::data::open_regular;
use crate::error::{Result, error, path_text};
use crate::files::read_text;
use crate::train::Monitor;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a person called a run, in its folder.
pub const TITLE_FILE: &str = "title.txt";
/// Most letters of it.
pub const MOST_TITLE: usize = 80;

/// Most bytes that are read of a history or of settings, and of a title.
const MOST_TEXT: u64 = 4 << 20;
const MOST_TITLE_BYTES: u64 = 1 << 10;
/// Most columns of a history.
const MOST_COLUMNS: usize = 32;
/// A line of the steps is shorter.
const LAST_BYTES: u64 = 4 << 10;

/// A run's folder.
pub struct PastRun {
    /// The folder's own name, as [`path_text`]: no two are the same.
    pub name: String,
    path: PathBuf,
    config: Value,
    /// Why the settings cannot be read; then nothing proves that the folder is a run's.
    pub problem: Option<String>,
}

/// Every run in runs/, that which began last first, whatever they are called.
///
/// # Errors
/// `Other` where there is something of that name that cannot be listed.
pub fn all() -> Result<Vec<PastRun>> {
    let list = || fs::read_dir(RUNS)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let folders = match list() {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed.map_err(|why| error!(Other, "{RUNS}/ cannot be listed: {why}"))?,
    };
    let mut found: Vec<_> = folders.iter().filter_map(|folder| PastRun::at(folder)).collect();
    found.sort_by_cached_key(|run| Reverse((run.began(), run.name.clone())));
    Ok(found)
}

/// The run of this name: one of those that are there, so that no name leads elsewhere.
///
/// # Errors
/// As [`all`].
pub fn find(name: &str) -> Result<Option<PastRun>> {
    Ok(all()?.into_iter().find(|run| run.name == name))
}

/// The newest run that has a model, for everyone who names none.
///
/// # Errors
/// As [`all`].
pub fn newest_with_model() -> Result<Option<PastRun>> {
    Ok(all()?.into_iter().find(PastRun::has_model))
}

impl PastRun {
    /// The run in this folder, wherever it is; `None` where there is none. Other programs have a `config.toml` too: that of a
    /// run names the version of pawgrad that wrote it. One that is damaged may be a run's, and says so as its `problem`.
    pub fn at(path: &Path) -> Option<PastRun> {
        let name = path_text(Path::new(path.file_name().unwrap_or_default()));
        let file = path.join(CONFIG_FILE);
        if !file.is_file() {
            return None;
        }
        let config = read_text(&file, MOST_TEXT).map_err(|why| why.to_string());
        let config = config.and_then(|text| toml::from_str(&text).map_err(|_| "it is no TOML".to_string()));
        let (config, problem): (Value, _) = match config {
            Ok(config) => (config, None),
            Err(why) => (json!({}), Some(format!("{CONFIG_FILE} cannot be read: {why}"))),
        };
        let is_run = problem.is_some() || config["pawgrad"].is_string();
        is_run.then(|| PastRun { name, path: path.to_path_buf(), config, problem })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it saved a model. In a folder that may be no run's, nothing counts as one.
    pub fn has_model(&self) -> bool {
        self.problem.is_none() && self.model_file().is_file()
    }

    /// When it wrote its first file, which stays as it is; `None` where the system does not say.
    fn began(&self) -> Option<SystemTime> {
        fs::metadata(self.path.join(CONFIG_FILE)).ok()?.modified().ok()
    }

    /// The model to use: that of the best epoch; in a run of an earlier version, that of the last.
    pub fn model_file(&self) -> PathBuf {
        model_of(&self.path)
    }

    /// Whether the model of its best epoch was kept.
    pub fn has_best(&self) -> bool {
        self.path.join(BEST_FILE).is_file()
    }

    /// The best of these epochs, as the run chose it.
    pub fn best_epoch<'a>(&self, epochs: &'a [Value]) -> Option<&'a Value> {
        let monitor: Monitor = serde_json::from_value(self.config["monitor"].clone()).ok()?;
        let min_delta = self.config["min_delta"].as_f64().unwrap_or(0.0);
        let mut best: Option<(&Value, f64)> = None;
        for epoch in epochs {
            let Some(value) = epoch[monitor.name()].as_f64() else { continue };
            if best.is_none_or(|(_, best)| monitor.is_better(value, best, min_delta)) {
                best = Some((epoch, value));
            }
        }
        best.map(|(epoch, _)| epoch)
    }

    /// Whether the model of its best epoch took the place of its last one: at the end of a run of these epochs that was to stop
    /// early, if it did or not.
    pub fn restored_best(&self, epochs: &[Value]) -> bool {
        let is_over = match self.outcome().map(|outcome| outcome.kind) {
            Some(Ending::StoppedEarly) => true,
            // After some steps that it was given, it is to go on.
            Some(Ending::Finished) => self.config["epochs"].as_u64() == Some(whole(epochs)),
            _ => false,
        };
        is_over && self.config["early_stop"].is_number()
    }

    /// What a person called it; `None` where nobody did.
    pub fn title(&self) -> Option<String> {
        let text = read_text(&self.path.join(TITLE_FILE), MOST_TITLE_BYTES).ok()?;
        let line = text.lines().next().unwrap_or_default().trim();
        let title: String = line.chars().filter(|c| !c.is_control()).take(MOST_TITLE).collect();
        (!title.is_empty()).then_some(title)
    }

    /// `config.toml`, empty where it cannot be read.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// The lines of `history.csv`, or why they cannot be read. A run that has none yet has no epochs.
    ///
    /// # Errors
    /// The system's, or that it is too long or no text.
    pub fn epochs(&self) -> io::Result<Vec<Value>> {
        let path = self.path.join(HISTORY_FILE);
        if !path.try_exists().unwrap_or(true) {
            return Ok(Vec::new());
        }
        let text = read_text(&path, MOST_TEXT)?;
        let mut lines = text.lines();
        let names: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
        // What no run writes is told by none: it would spoil a chart, or the table.
        let value = |(name, text): (&&str, &str)| {
            let is_share = name.ends_with("accuracy");
            let is_likely = |value: &f64| match is_share {
                true => (0.0..=1.0).contains(value),
                false => value.is_finite() && (*value >= 0.0 || name.ends_with("loss")),
            };
            let value = text.parse::<f64>().ok().filter(is_likely);
            (name.to_string(), json!(value))
        };
        let line = |line: &str| names.iter().take(MOST_COLUMNS).zip(line.split(',')).map(value).collect();
        Ok(lines.map(line).collect())
    }

    /// How it ended; `None` where its folder does not say.
    pub fn outcome(&self) -> Option<Outcome> {
        Outcome::read(&self.path)
    }

    pub fn steps_file(&self) -> PathBuf {
        self.path.join(STEPS_FILE)
    }

    /// The last step that was recorded whole, from 1; 0 where there is none.
    pub fn last_step(&self) -> u32 {
        let last = || -> io::Result<Vec<u8>> {
            let (mut file, len) = open_regular(&self.steps_file())?;
            file.seek(SeekFrom::Start(len.saturating_sub(LAST_BYTES)))?;
            let mut bytes = Vec::new();
            // What has no end, such as files of /proc, says that it is empty, and would be waited for.
            file.take(len.min(LAST_BYTES)).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = last().unwrap_or_default();
        let step = |line: &[u8]| serde_json::from_slice::<Value>(line).ok()?["step"].as_u64();
        let step = bytes.rsplit(|&byte| byte == b'\n').find_map(step).unwrap_or(0);
        u32::try_from(step).unwrap_or(0)
    }

    /// Seconds from the run's first file to its last step, as the system noted them. Copies of a folder know less.
    pub fn seconds_on_disk(&self) -> Option<f64> {
        let written = |file: &str| fs::metadata(self.path.join(file)).ok()?.modified().ok();
        let seconds = written(STEPS_FILE)?.duration_since(written(CONFIG_FILE)?).ok()?.as_secs_f64();
        Some(seconds)
    }
}

/// Epochs that were gone through to their end.
pub(super) fn whole(epochs: &[Value]) -> u64 {
    epochs.iter().filter(|epoch| epoch["val_loss"].is_number()).count() as u64
}
