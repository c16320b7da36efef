//! Going on with a run from its newest checkpoint, to the bits that it would have had.

use super::about::{About, device_class};
use super::checkpoints::{list, remove_all_leftovers};
use super::config::Config;
use super::lock::{Running, was_killed};
use super::outcome::{Ending, Outcome};
use super::past::PastRun;
use crate::data::Pictures;
use crate::device::Device;
use crate::error::{Remedy, Result, count, error, shown, shown_path};
use crate::files::read_file;
use crate::train::{Checkpoint, End, Position, Progress, Schedule};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Settings that change no bit of the run so far, so that they may differ: how long it goes on, and where the pictures are,
/// which are compared themselves.
const FREE: [&str; 8] = [
    "epochs",
    "max_steps",
    "checkpoint_minutes",
    "train_dir",
    "test_dir",
    "device_option",
    "device",
    "pawgrad",
];
/// Settings with which the run can go on, to other bits.
const ALLOWED: [&str; 5] = ["learning_rate", "micro_batch", "fuse", "early_stop", "rungs"];
/// Of a recipe, what cannot change all the same.
const OF_THE_MODEL: [&str; 3] = ["recipe.init", "recipe.normalize", "recipe.average"];

/// Whether a run can go on with another value of this setting, to other bits.
fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name) || (name.starts_with("recipe.") && !OF_THE_MODEL.contains(&name))
}

/// A run that is to go on, and its newest checkpoint that is whole.
pub struct Resumed {
    pub folder: PathBuf,
    pub running: Running,
    pub position: Position,
    pub about: About,
    pub bytes: Vec<u8>,
    /// Whether the bits may differ from those of a run without a break.
    allows: bool,
    /// What was noticed, and not yet said.
    notes: Vec<String>,
}

impl Resumed {
    /// Locks a run's folder, and reads the newest checkpoint that is whole.
    ///
    /// # Errors
    /// `Usage` for a folder of no run; `Write` where it goes on; `Model` where no checkpoint is whole.
    pub fn open(folder: &Path, allows: bool) -> Result<Resumed> {
        let name = shown_path(folder);
        let run = PastRun::at(folder).filter(|run| run.problem.is_none());
        run.ok_or_else(|| error!(Usage, "{name} is no folder of a run: it has no config.toml of one"))?;
        let was_killed = was_killed(folder);
        let running = Running::start(folder)?;
        let mut running = running.ok_or_else(|| error!(Usage, "the folder {name} is gone"))?;
        running.stays = was_killed;
        remove_all_leftovers(folder);
        let (mut found, mut notes) = (None, Vec::new());
        for (_, file) in list(folder) {
            match read(&file) {
                Ok(whole) => {
                    found = Some(whole);
                    break;
                }
                Err(why) => {
                    notes.push(format!("{}: an older checkpoint is taken, if there is one", why.message));
                }
            }
        }
        let Some((bytes, position, mut about)) = found else {
            let why = error!(Model, "the run in {name} has no whole checkpoint from which it could go on");
            return Err(why.with(Remedy::StartFromWeights));
        };
        // What it was last given to do: it may have been killed before a checkpoint could say so.
        if let Ok(now) = Config::read(folder) {
            let (was, given) = (about.config.flat_fields(), now.flat_fields());
            let knows_its_end = about.config.recipe.schedule.knows_its_end();
            let is_kept = |name: &str| is_allowed(name) || (name == "epochs" && knows_its_end);
            let names: BTreeSet<_> = was.keys().chain(given.keys()).filter(|name| is_kept(name)).collect();
            for name in names.into_iter().filter(|name| was.get(*name) != given.get(*name)) {
                let [was, given] =
                    [&was, &given].map(|fields| fields.get(name).map_or("none".into(), shown_value));
                notes.push(format!(
                    "Note: the run was given {name} = {given}, and its checkpoint is from before: it goes on with {was} unless \
                     that is given again"
                ));
            }
            let Config { epochs, max_steps, checkpoint_minutes, train_dir, test_dir, .. } = now;
            let config = about.config;
            let epochs = if knows_its_end { config.epochs } else { epochs };
            about.config = Config { epochs, max_steps, checkpoint_minutes, train_dir, test_dir, ..config };
        }
        Ok(Resumed { folder: folder.to_path_buf(), running, position, about, bytes, allows, notes })
    }

    /// What was noticed: checkpoints that are damaged, and what will change the bits.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Says what was noticed.
    pub fn say(&mut self, progress: &mut dyn Progress) {
        self.notes.drain(..).for_each(|note| progress.warning(&note));
    }

    /// Whether it can go on with these settings.
    ///
    /// # Errors
    /// `Usage` for a setting that cannot change, or not without the consent to other bits; and for another program.
    pub fn check_settings(&mut self, wanted: &Config) -> Result<()> {
        let (was, now) = (self.about.config.flat_fields(), wanted.flat_fields());
        let names: BTreeSet<_> =
            was.keys().chain(now.keys()).filter(|name| !FREE.contains(&name.as_str())).collect();
        for name in names {
            let [was, now] = [was.get(name), now.get(name)];
            if was == now {
                continue;
            }
            let [was, now] = [was, now].map(|value| value.map_or_else(|| "none".to_string(), shown_value));
            let what = format!("the run began with {name} = {was}, not {now}");
            if !is_allowed(name) {
                return Err(error!(Usage, "{what}, which cannot change on the way").with(Remedy::TrainAnew));
            }
            self.differs(&what)?;
        }
        let (was, now) = (self.about.config.epochs, wanted.epochs);
        if was != now && wanted.recipe.schedule.knows_its_end() {
            self.differs(&format!(
                "the run began with epochs = {was}, not {now}, and its learning rate goes down towards the last one"
            ))?;
        }
        let (was, now) = (self.about.config.pawgrad.clone(), env!("CARGO_PKG_VERSION"));
        match was == now {
            true => Ok(()),
            false => self.differs(&format!("the run is of pawgrad {}, and this is {now}", shown(was))),
        }
    }

    /// Whether there is something left to do. A run that was killed after its last epoch has still to say how it ended.
    ///
    /// # Errors
    /// `Usage` where it has ended for good.
    pub fn is_over(&self, schedule: &Schedule) -> Result<()> {
        let Position { step, epoch, batches, .. } = self.position;
        let begun = epoch + usize::from(batches > 0);
        if schedule.epochs < begun {
            let (is_at, epochs) =
                (if batches > 0 { "is in epoch" } else { "has done epoch" }, schedule.epochs);
            let why = error!(Usage, "the run {is_at} {begun} already: it cannot end with {epochs}");
            return Err(why.with(Remedy::MoreEpochs));
        }
        if schedule.max_steps.is_some_and(|most| most < step as usize) {
            return Err(error!(Usage, "the run has done {step} steps already").with(Remedy::MoreSteps));
        }
        let Some(end) = schedule.is_over(&self.position) else { return Ok(()) };
        let outcome = Outcome::read(&self.folder).map(|outcome| outcome.kind);
        let has_said = matches!(outcome, Some(Ending::Finished | Ending::StoppedEarly));
        match end {
            _ if !has_said => Ok(()),
            End::StoppedEarly => {
                let best = self.position.best.map_or(0, |best| best.epoch + 1);
                Err(error!(
                    Usage,
                    "the run has stopped early, {} after its best, which was epoch {best}",
                    count(self.position.epoch - best, "epoch")
                )
                .with(Remedy::MorePatience))
            }
            End::StepsDone => Err(error!(Usage, "the run has done its {}", count(step as usize, "step"))
                .with(Remedy::MoreSteps)),
            _ => Err(error!(Usage, "the run has done its {}", count(self.position.epoch, "epoch"))
                .with(Remedy::MoreEpochs)),
        }
    }

    /// # Errors
    /// `Usage` for a device that may give other bits, without the consent to that.
    pub fn check_device(&mut self, device: &Device) -> Result<()> {
        let (was, now) = (self.about.device.clone(), device_class(device));
        if was != now {
            self.differs(&format!("the run began on {}, and this is {now}", shown(was)))?;
        } else if !self.about.rungs.is_empty() {
            // Whatever was tuned since; kernels that have not run yet take what is tuned now.
            device.use_tuned_rungs(self.about.rungs.clone());
        }
        Ok(())
    }

    /// # Errors
    /// `Usage` for pictures that are not those of the run, without the consent to other bits.
    pub fn check_pictures(&mut self, sets: [&Pictures; 2]) -> Result<()> {
        let About { config, training, test, .. } = self.about.clone();
        let known = [("training", training, config.training_pictures), ("test", test, config.test_pictures)];
        for (pictures, (name, hash, count)) in sets.into_iter().zip(known) {
            if pictures.classes != config.classes {
                return Err(error!(Usage, "the {name} pictures have other classes than those of the run")
                    .with(Remedy::TrainAnew));
            }
            if pictures.hash() != hash {
                let now = pictures.len();
                let numbers = if now == count {
                    String::new()
                } else {
                    format!(": it had {count}, now there are {now}")
                };
                self.differs(&format!("the {name} pictures are not those of the run{numbers}"))?;
            }
        }
        Ok(())
    }

    fn differs(&mut self, what: &str) -> Result<()> {
        if !self.allows {
            return Err(error!(Usage, "{what}").with(Remedy::DifferentBits));
        }
        self.notes.push(format!("Note: {what}. The bits will differ from those of a run without a break"));
        Ok(())
    }
}

/// A checkpoint as a file.
fn read(file: &Path) -> Result<(Vec<u8>, Position, About)> {
    let named = |why| crate::files::named(file, why);
    let bytes = read_file(file)?;
    let Checkpoint { position, run } = Checkpoint::read(&bytes).map_err(named)?;
    let about = serde_json::from_value(run)
        .map_err(|why| named(error!(Model, "what it says of its run cannot be read: {}", shown(why))))?;
    Ok((bytes, position, about))
}

fn shown_value(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), shown)
}

/// The newest checkpoint of a run, whole or not.
pub fn newest_checkpoint(folder: &Path) -> Option<PathBuf> {
    list(folder).into_iter().next().map(|(_, file)| file)
}
