//! Where a model comes from, as far as the folder that it lies in says.

use super::folder::{BEST_FILE, MODEL_FILE};
use super::past::PastRun;
use crate::error::{shown, shown_path};
use jiff::{Timestamp, tz::TimeZone};
use std::fmt;
use std::path::{Path, PathBuf};

/// A model file and what is known of it. As text: one line for a person.
pub struct Origin {
    file: PathBuf,
    written: Option<String>,
    /// Of the run in whose folder the file lies.
    run: Option<Run>,
}

struct Run {
    train_dir: String,
    test_dir: String,
    /// The share of that folder that was tested on, where it was not all.
    split: Option<f64>,
    /// By class.
    test_pictures: Vec<usize>,
    epochs: usize,
    /// The epoch that it is of, from 1, where that is the best one.
    best: Option<u64>,
    /// Of its epoch, 0 to 1; missing where that was cut short.
    accuracy: Option<f64>,
}

impl Origin {
    /// What the file system and the run's own files say; nothing is an error.
    pub fn of(file: &Path) -> Origin {
        let modified = std::fs::metadata(file).and_then(|about| about.modified()).ok();
        let written = modified
            .and_then(|time| Timestamp::try_from(time).ok())
            .map(|time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string());
        let is = |known| file.file_name().is_some_and(|name| name == known);
        let is_of_run = is(MODEL_FILE) || is(BEST_FILE);
        let run = file.parent().filter(|_| is_of_run).and_then(|folder| Run::of(folder, is(BEST_FILE)));
        Origin { file: file.to_path_buf(), written, run }
    }

    /// The folder of the pictures that it was trained on, where a run's folder says so.
    pub fn train_dir(&self) -> Option<&Path> {
        self.run.as_ref().map(|run| Path::new(&run.train_dir))
    }

    /// The folder of which its run kept a share from training to test on, that share, and how many pictures of each class that
    /// were.
    pub fn kept(&self) -> Option<(&Path, f64, &[usize])> {
        let run = self.run.as_ref()?;
        Some((Path::new(&run.test_dir), run.split?, &run.test_pictures))
    }
}

impl Run {
    fn of(folder: &Path, is_best: bool) -> Option<Run> {
        let run = PastRun::at(folder)?;
        let config = run.config();
        let setting = |name: &str| Some(config[name].as_str()?.to_string());
        let history = run.epochs().unwrap_or_default();
        let is_best = is_best || run.restored_best(&history);
        let epoch = if is_best { run.best_epoch(&history) } else { history.last() };
        let best = epoch.filter(|_| is_best).and_then(|best| Some(best["epoch"].as_f64()? as u64 + 1));
        let accuracy = epoch.and_then(|epoch| epoch["val_accuracy"].as_f64());
        let epochs = history.len();
        let split = config["validation_split"].as_f64();
        let (train_dir, test_dir) = (setting("train_dir")?, setting("test_dir")?);
        let counts = config["test_pictures_per_class"].as_array();
        let counts = counts.into_iter().flatten().filter_map(|count| Some(count.as_u64()? as usize));
        Some(Run { train_dir, test_dir, split, test_pictures: counts.collect(), epochs, best, accuracy })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Model: {}", shown_path(&self.file))?;
        if let Some(written) = &self.written {
            write!(f, ", written {written}")?;
        }
        let Some(Run { train_dir, test_dir, split, epochs, best, accuracy, .. }) = &self.run else {
            return f.write_str("; it lies in no run's folder, which would say what it was trained on");
        };
        let plural = if *epochs == 1 { "" } else { "s" };
        write!(f, ", trained on {} for {epochs} epoch{plural}", shown(train_dir))?;
        match accuracy {
            Some(accuracy) => {
                let of = split.map_or(String::new(), |share| format!("{:.0} % of ", 100.0 * share));
                let which = match best {
                    Some(best) => format!("the best, epoch {best}"),
                    None => "the last".to_string(),
                };
                write!(f, "; test accuracy of {which}: {:.1} % in {of}{}", 100.0 * accuracy, shown(test_dir))
            }
            None => f.write_str("; the last was cut short, and not tested"),
        }
    }
}
