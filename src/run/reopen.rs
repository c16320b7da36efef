//! The folder of a run that goes on.

use super::about::About;
use super::checkpoints;
use super::claim::{CONFIG_FILE, STEPS_FILE, remove_leftovers};
use super::folder::{BEST_FILE, HISTORY_FILE, RunFolder};
use super::manage::FILES;
use super::outcome::OUTCOME_FILE;
use super::resume::Resumed;
use crate::error::{Result, error, shown_path};
use crate::files::{cannot_write, read_file};
use crate::train::{Position, Progress, Trainer};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

impl RunFolder {
    /// The folder of a run that goes on, as it was at its checkpoint; `trainer` gets what the checkpoint holds.
    ///
    /// # Errors
    /// `Model` where the checkpoint is of another network; `Write` where a file cannot be written.
    pub fn reopen(
        resumed: Resumed,
        about: About,
        every: Duration,
        trainer: &mut Trainer,
        progress: &mut dyn Progress,
    ) -> Result<RunFolder> {
        let Resumed { folder: path, mut running, position, bytes, .. } = resumed;
        let best =
            position.best.map(|best| (best.step, best_model(&path, best.step, &position, &bytes, trainer)));
        trainer.restore(&bytes)?;
        drop(bytes);
        let steps_path = path.join(STEPS_FILE);
        let cannot = |why: io::Error| cannot_write(&steps_path, &why);
        let mut steps = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&steps_path)
            .map_err(cannot)?;
        let (end, last) = end_of_step(&steps, position.step).map_err(cannot)?;
        if last < position.step {
            progress.warning(&format!(
                "Note: {} ends with step {last}; the lines up to step {} are lost",
                shown_path(&steps_path),
                position.step
            ));
        }
        steps.set_len(end).and_then(|()| steps.seek(SeekFrom::Start(end))).map_err(cannot)?;

        running.stays = false;
        let mut folder = RunFolder::new(path, running, steps, about, every);
        (folder.steps_end, folder.last_step) = (end, position.step);
        (folder.history, folder.best) = (position.history, position.best.map(|best| best.epoch));
        match folder.go_back(position.step, best, progress) {
            Ok(()) => Ok(folder),
            Err(why) => Err(folder.fail(why, progress)),
        }
    }

    /// Makes the other files what they were after a step; `best` is the step of the best epoch, and its model.
    fn go_back(
        &self,
        step: u32,
        best: Option<(u32, Result<Vec<u8>>)>,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        self.save_config(progress)?;
        for name in FILES {
            remove_leftovers(&self.path, name);
        }
        remove(&self.path.join(OUTCOME_FILE))?;
        for (of, file) in checkpoints::list(&self.path) {
            // Damaged ones, and what led elsewhere.
            if of > step {
                remove(&file)?;
            }
        }
        match best {
            Some((_, Ok(model))) => self.persist(BEST_FILE, &model, progress)?,
            Some((step, Err(why))) => progress.warning(&format!(
                "Note: {BEST_FILE} stays as it is, as {} cannot be used: {}",
                checkpoints::name(step),
                why.message
            )),
            None => remove(&self.path.join(BEST_FILE))?,
        }
        // A history says that there is a model.
        match self.history.is_empty() {
            true => remove(&self.path.join(HISTORY_FILE)),
            false => self.write_history(progress),
        }
    }

    /// The settings with which it goes on. The file keeps its time, which says when the run began.
    fn save_config(&self, progress: &mut dyn Progress) -> Result<()> {
        let (path, config) = (self.path.join(CONFIG_FILE), self.about.config.to_toml()?);
        if fs::read(&path).is_ok_and(|now| now == config.as_bytes()) {
            return Ok(());
        }
        let began = fs::metadata(&path).and_then(|about| about.modified());
        self.persist(CONFIG_FILE, config.as_bytes(), progress)?;
        if let Ok(began) = began {
            let file = OpenOptions::new().write(true).open(&path);
            let _ = file.and_then(|file| file.set_modified(began));
        }
        Ok(())
    }
}

/// The bytes of the best epoch's model, from its checkpoint.
fn best_model(
    folder: &Path,
    step: u32,
    position: &Position,
    newest: &[u8],
    trainer: &mut Trainer,
) -> Result<Vec<u8>> {
    match step == position.step {
        true => trainer.restore(newest)?,
        false => trainer.restore(&read_file(&folder.join(checkpoints::name(step)))?)?,
    };
    pollster::block_on(trainer.model_to_use().to_bytes())
}

/// Where the line of a step ends in a run's steps, or the last before it; and which one that is.
fn end_of_step(steps: &File, step: u32) -> io::Result<(u64, u32)> {
    let (mut end, mut last) = (0, 0);
    let (mut reader, mut line) = (BufReader::new(steps), Vec::new());
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        let read = serde_json::from_slice::<serde_json::Value>(&line).ok();
        let number = read.and_then(|read| u32::try_from(read["step"].as_u64()?).ok());
        match number {
            // Lines may have been lost at an earlier break.
            Some(number) if number > last && number <= step => {
                (end, last) = (end + line.len() as u64, number);
            }
            _ => break,
        }
        line.clear();
    }
    Ok((end, last))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            Err(error!(Write, "{} cannot be deleted: {why}", shown_path(path)))
        }
        _ => Ok(()),
    }
}
