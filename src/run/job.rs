//! Preparing a run, and running it.

use super::about::{About, device_class};
use super::claim::{Claim, RUNS};
use super::config::Config;
use super::defaults::{default_image_size, new_seed};
use super::folder::RunFolder;
use super::load::no_checksum;
use super::manage::bytes_of_files;
use super::needs::Needs;
use super::network_file::{Described, NetworkFile};
use super::pictures::{Loaded, SKIPPED_FILE, load_sets, weights_line};
use super::resume::Resumed;
use super::scan::scan_sets;
use super::sheet::contact_sheet;
use crate::data::Pictures;
use crate::device::{Device, DeviceKind};
use crate::error::{Error, Result, error, shown_path};
use crate::files::{named, read_file};
use crate::model::{Model, SavedModel};
use crate::train::plan::Plan;
use crate::train::settings::Settings;
use crate::train::{End, Normalize, Position, Progress, Schedule, Sets, Trainer, train};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Where a run computes.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub device: &'a Device,
    /// What was asked for, as `--device` takes it.
    pub option: &'a str,
    /// Name, type, backend and driver, and why this one.
    pub line: &'a str,
    /// The rungs that were forced, as `op=rung`.
    pub rungs: &'a [String],
}

/// Where a run begins.
pub enum Start<'a> {
    /// From its settings, in a folder of its own, which is claimed when all is ready.
    New(&'a mut dyn FnMut() -> Result<Claim>),
    /// From a checkpoint, in its folder.
    Checkpoint(Box<Resumed>),
}

/// A run whose pictures are decoded, whose model is on its device, and whose folder has its first file.
pub struct Prepared {
    trainer: Trainer,
    training: Pictures,
    test: Pictures,
    schedule: Schedule,
    position: Position,
    folder: RunFolder,
}

/// Gets everything ready, as `settings` say.
///
/// # Errors
/// `Usage`, `Data`, `Model` or `Write` for what is wrong, before anything is written.
pub fn prepare(
    settings: &Settings,
    start: Start<'_>,
    place: Place<'_>,
    progress: &mut dyn Progress,
) -> Result<Prepared> {
    let device = place.device;
    let image_size = settings.image_size.unwrap_or_else(|| default_image_size(device));
    let why = if settings.image_size.is_some() { "as asked for" } else { "the default on this device" };
    progress.message(&format!("Image size: {image_size}x{image_size} ({why})"));
    let seed = settings.seed.unwrap_or_else(new_seed);
    progress.message(&format!("Seed: {seed}"));

    // Whatever can be wrong is found out before the pictures are decoded.
    let schedule = settings.schedule(seed);
    let (mut resumed, mut claim) = match start {
        Start::New(claim) => (None, Some(claim)),
        Start::Checkpoint(resumed) => (Some(resumed), None),
    };
    if let Some(resumed) = &mut resumed {
        resumed.is_over(&schedule)?;
        resumed.check_device(device)?;
        resumed.say(progress);
        progress.message(&format!("Going on with the run after step {}", resumed.position.step));
    }
    let described = match &resumed {
        // Its file may be another one by now.
        Some(resumed) => Described::Kept(&resumed.about.network),
        None => Described::File(NetworkFile::find(&settings.network)?),
    };
    let read = |file| Ok((file, read_file(file)?));
    let weights = settings.init_weights.as_deref().filter(|_| resumed.is_none()).map(read).transpose()?;
    let folders = scan_sets(settings, progress)?;
    let network = |size| described.network(settings, &folders[0].classes, size);
    let needs = Needs { settings, device, seed, folders: &folders };
    needs.check_memory(image_size, &network)?;
    let network = network(image_size)?;
    if settings.dropout.is_some() && !network.has_dropout() {
        progress
            .warning("Note: this network has no dropout layer, so that the rate of dropout changes nothing");
    }
    let (folder, there) = match &resumed {
        Some(resumed) => (resumed.folder.as_path(), bytes_of_files(&resumed.folder)),
        None => (settings.out.as_deref().unwrap_or(Path::new(RUNS)), 0),
    };
    needs.check_room(folder, &network, there)?;

    let Loaded { training, test, skipped } =
        load_sets(&folders, network.raster(), settings.validation_split, progress)?;
    if let Some(resumed) = &mut resumed {
        resumed.check_pictures([&training, &test])?;
        resumed.say(progress);
    }
    let saved = match &weights {
        Some((file, bytes)) => Some(SavedModel::read(bytes).map_err(|why| named(file, why))?),
        None => None,
    };
    let network = match saved.as_ref().and_then(SavedModel::preprocessing) {
        // The weights know no other pixels.
        Some(pre) => network.normalized(pre.mean, pre.std_dev),
        None if settings.recipe.normalize == Normalize::Data && resumed.is_none() => {
            let (mean, std_dev) = training.statistics();
            network.normalized(mean as f32, std_dev as f32)
        }
        None => network,
    };
    let pre = &network.preprocessing;
    if (pre.mean, pre.std_dev) != (0.0, 1.0) {
        let of = if saved.is_some() { "of the weights' own training" } else { "of the training pictures" };
        progress.message(&format!("Pixels: mean {:.3}, deviation {:.3}, {of}", pre.mean, pre.std_dev));
    }
    let weights_of_classes = settings.class_weights.of(&training.counts());
    let said = weights_of_classes.iter().map(|weights| weights_line(&training.classes, weights));
    said.for_each(|line| progress.message(&line));
    let batch_size = settings.batch_size.min(training.len());
    let model = match weights.as_ref().zip(saved) {
        Some(((file, _), saved)) => {
            if !saved.has_checksum() {
                progress.message(&no_checksum(file));
            }
            saved.weights(network.clone(), device, !settings.no_fuse).map_err(|why| named(file, why))?
        }
        None => Model::initialized(network.clone(), device, seed, !settings.no_fuse, settings.recipe.init)?,
    };
    let plan = Plan::new(&model, device.limits(), batch_size, settings.micro_batch)?;
    let plan = settings.recipe.plan(plan, &model);
    progress.detail(&format!("{}{plan}", model.summary()));

    let config = Config {
        image_size: Some(image_size),
        seed: Some(seed),
        micro_batch: Some(plan.micro_batch),
        weights_of_classes: weights_of_classes.clone(),
        precision: device.precision(),
        device_option: place.option.to_string(),
        device: place.line.to_string(),
        rungs: place.rungs.to_vec(),
        classes: training.classes.clone(),
        training_pictures: training.len(),
        test_pictures: test.len(),
        training_pictures_per_class: training.counts(),
        test_pictures_per_class: test.counts(),
        ..Config::of(settings)
    };
    let about = About {
        config,
        network,
        device: device_class(device),
        rungs: resumed.as_ref().map(|resumed| resumed.about.rungs.clone()).unwrap_or_default(),
        training: training.hash(),
        test: test.hash(),
        seconds: resumed.as_ref().map_or(0.0, |resumed| resumed.about.seconds),
    };
    let mut trainer =
        Trainer::new(model, plan, settings.learning_rate, seed)?.with_recipe(&settings.recipe)?;
    if let Some(weights) = weights_of_classes {
        trainer = trainer.with_class_weights(&weights)?;
    }
    let every = Duration::from_secs_f64(60.0 * settings.checkpoint_minutes);
    let (position, mut folder) = match (resumed, &mut claim) {
        (Some(resumed), _) => {
            let position = resumed.position.clone();
            (position, RunFolder::reopen(*resumed, about, every, &mut trainer, progress)?)
        }
        (None, Some(claim)) => (Position::default(), RunFolder::create(claim()?, about, every, progress)?),
        (None, None) => unreachable!("a run begins anew or goes on"),
    };
    if let Some(skipped) = skipped {
        let path = match folder.save(SKIPPED_FILE, &skipped) {
            Ok(path) => path,
            Err(why) => return Err(folder.fail(why, progress)),
        };
        progress.message(&format!("All files that were passed over: {}", shown_path(&path)));
    }
    Ok(Prepared { trainer, training, test, schedule, position, folder })
}

impl Prepared {
    /// The run's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What the recipe makes of some training pictures, as a PNG.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn contact_sheet(&self) -> Result<Vec<u8>> {
        let config = &self.folder.about.config;
        contact_sheet(&self.trainer.model, &self.training, &config.recipe.augment, self.schedule.seed).await
    }

    /// Ends the run before its first step, and says so in its folder; the error says it too.
    pub fn stop(mut self, progress: &mut dyn Progress) -> Error {
        let _ = self.folder.end(Ok(End::Interrupted), progress);
        match self.position.step {
            0 => error!(Interrupted, "stopped before the first step: there is no model"),
            step => {
                error!(Interrupted, "stopped before the next step: the run is as it was after step {step}")
            }
        }
    }
}

/// A run that has ended, and what it left.
pub struct Done {
    pub folder: RunFolder,
    pub end: End,
    /// What the accuracy of its last epoch hides.
    pub verdict: Option<String>,
}

/// Trains until the end, or until `stop` is raised.
///
/// # Errors
/// Those of [`train`]; they also say what was saved.
pub async fn run(prepared: Prepared, progress: &mut dyn Progress, stop: &AtomicBool) -> Result<Done> {
    let Prepared { mut trainer, training, test, schedule, position, mut folder } = prepared;
    let sets = Sets { training: &training, test: &test };
    let trained = train(&mut trainer, sets, &schedule, position, &mut folder, progress, stop).await;
    let end = folder.end(trained, progress).map_err(|why| with_what_is_saved(why, &folder))?;
    let last = folder.history().last().and_then(|epoch| epoch.validation.as_ref());
    let verdict = last.and_then(|evaluation| evaluation.verdict(&training.classes));
    let device = trainer.model.device();
    if let Some(count @ 1..) = device.untuned_kernels() {
        progress.message(&format!(
            "{count} of {} kernels ran with default rungs, as they were not tuned at these sizes",
            device.chosen_rungs().len()
        ));
    } else if device.kind() == DeviceKind::Gpu && device.untuned_kernels().is_none() {
        progress.message("This adapter was not tuned: its default rungs ran");
    }
    progress.detail(&format!(
        "Buffers held on the device: {:.1} MiB",
        device.peak_bytes() as f64 / (1024.0 * 1024.0)
    ));
    Ok(Done { folder, end, verdict })
}

/// An error during training also says what is left of the run.
fn with_what_is_saved(why: Error, folder: &RunFolder) -> Error {
    let what = match folder.history().len() {
        0 => "no epoch was finished; its steps are".to_string(),
        epochs => format!("the model as of epoch {epochs}, its history and all steps are"),
    };
    let message = format!("{}\n  {what} in {}", why.message, shown_path(folder.path()));
    why.saying(message)
}
