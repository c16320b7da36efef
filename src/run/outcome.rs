//! How a run ended, as its folder keeps it.

use crate::error::{ErrorKind, Result};
use crate::files::read_text;
use crate::train::End;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Written when a run ends, and never before: a run without it goes on, was killed, or is of an earlier version.
pub const OUTCOME_FILE: &str = "outcome.toml";

/// Most bytes that are read of it: a matrix of a thousand classes has a million numbers.
const MOST: u64 = 16 << 20;

/// How a run ended that could say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// After all its epochs, or all the steps that it was given.
    Finished,
    /// As so many epochs were not better than the best; its model was restored.
    StoppedEarly,
    /// Somebody asked it to stop; it was saved.
    Stopped,
    /// A loss or a gradient was not finite.
    Diverged,
    /// By any other error.
    Failed,
}

/// The end of a run: `outcome.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub kind: Ending,
    /// The optimizer step that diverged, or the last one that was recorded, from 1; 0 before the first.
    pub step: u32,
    /// Wall time from the first step to the end in seconds, with validation.
    pub seconds: f64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Of the last validation, `[label][predicted class]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<usize>>>,
}

impl Outcome {
    /// Of what a training returned; `step` is the last that was recorded.
    pub fn new(
        trained: &Result<End>,
        step: u32,
        seconds: f64,
        confusion: Option<Vec<Vec<usize>>>,
    ) -> Outcome {
        let kind = match trained {
            Ok(End::Finished | End::StepsDone) => Ending::Finished,
            Ok(End::StoppedEarly) => Ending::StoppedEarly,
            Ok(End::Interrupted) => Ending::Stopped,
            Err(why) if why.kind == ErrorKind::Diverged => Ending::Diverged,
            Err(_) => Ending::Failed,
        };
        let why = trained.as_ref().err();
        let step = why.and_then(|why| why.step).unwrap_or(step);
        Outcome { kind, step, seconds, message: why.map(|why| why.message.clone()), confusion }
    }

    /// That of a run whose code panicked.
    pub fn crashed(step: u32, seconds: f64) -> Outcome {
        let message = Some("the training crashed".to_string());
        Outcome { kind: Ending::Failed, step, seconds, message, confusion: None }
    }

    /// That of a folder; `None` where there is none, or none that can be read.
    pub fn read(folder: &Path) -> Option<Outcome> {
        toml::from_str(&read_text(&folder.join(OUTCOME_FILE), MOST).ok()?).ok()
    }

    /// The text of the file.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("an outcome is plain data")
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, OUTCOME_FILE, Outcome};
    use crate::error::error;
    use crate::train::End;

    #[test]
    fn an_outcome_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let diverged = Err(error!(Diverged, "the loss is \"NaN\"\nand more").in_step(12));
        for (trained, kind, step) in [
            (Ok(End::Finished), Ending::Finished, 11),
            (Ok(End::StepsDone), Ending::Finished, 11),
            (Ok(End::StoppedEarly), Ending::StoppedEarly, 11),
            (Ok(End::Interrupted), Ending::Stopped, 11),
            (diverged, Ending::Diverged, 12),
            (Err(error!(Write, "the disk is full")), Ending::Failed, 11),
        ] {
            let outcome = Outcome::new(&trained, 11, 2.5, Some(vec![vec![3, 1], vec![0, 4]]));
            assert_eq!((outcome.kind, outcome.step), (kind, step));
            assert_eq!(outcome.message.is_some(), trained.is_err());
            std::fs::write(folder.path().join(OUTCOME_FILE), outcome.to_toml()).unwrap();
            assert_eq!(Outcome::read(folder.path()), Some(outcome));
        }
        let thousand = Outcome::new(&Ok(End::Finished), 1, 1.0, Some(vec![vec![123; 1000]; 1000]));
        std::fs::write(folder.path().join(OUTCOME_FILE), thousand.to_toml()).unwrap();
        assert_eq!(Outcome::read(folder.path()), Some(thousand));
        std::fs::write(folder.path().join(OUTCOME_FILE), "kind = \"unheard_of\"").unwrap();
        assert_eq!(Outcome::read(folder.path()), None);
    }
}
