//! Preparing a run, and running it.

use super::claim::{Claim, RUNS};
use super::config::Config;
use super::folder::RunFolder;
use super::load::no_checksum;
use super::network_file::NetworkFile;
use super::pictures::{
    SKIPPED_FILE, load_pictures, say_concerns, skipped_csv, training_and_test, weights_line,
};
use super::scan::{bundled_test, scan};
use crate::data::{self, Pictures, Raster};
use crate::device::{Device, DeviceKind};
use crate::error::{Error, Remedy, Result, error, list, path_text, shown_path};
use crate::files::{check_room, named, read_file};
use crate::memory;
use crate::model::network::MIN_IMAGE_SIZE;
use crate::model::{Model, Network, Placed, SavedModel};
use crate::train::plan::Plan;
use crate::train::settings::Settings;
use crate::train::{End, Progress, Schedule, Trainer, train};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Where a run computes.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub device: &'a Device,
    /// Name, type, backend and driver, and why this one.
    pub line: &'a str,
    /// The rungs that were forced, as `op=rung`.
    pub rungs: &'a [String],
}

/// A run whose pictures are decoded, whose model is on its device, and whose folder has its first file.
pub struct Prepared {
    trainer: Trainer,
    training: Pictures,
    test: Pictures,
    schedule: Schedule,
    folder: RunFolder,
}

/// Gets everything ready, as `settings` say, for a run in the folder that `claim` gives.
///
/// # Errors
/// `Usage`, `Data`, `Model` or `Write` for what is wrong, before anything is written.
pub fn prepare(
    settings: &Settings,
    claim: impl FnOnce() -> Result<Claim>,
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
    let read = |file| Ok((file, read_file(file)?));
    let weights = settings.init_weights.as_deref().map(read).transpose()?;
    let described = NetworkFile::find(&settings.network)?;
    let mut folders = vec![scan(&settings.train_dir)?];
    if settings.validation_split.is_some() {
        folders[0].can_be_split()?;
    } else {
        folders.push(scan(&settings.test_dir)?);
        if let Some(note) = bundled_test(&settings.train_dir, &settings.test_dir) {
            progress.warning(&note);
        }
    }
    let classes = &folders[0].classes;
    if let Some(test) = folders.get(1).filter(|test| test.classes != *classes) {
        let [training, test] = [classes, &test.classes].map(|classes| list(classes));
        return Err(error!(
            Data,
            "the training pictures have the classes {training}, the test pictures {test}"
        ));
    }
    let network = |size| described.network(classes.clone(), size, settings.color, settings.dropout);
    let (shuffle, fuse) = (!settings.no_shuffle, !settings.no_fuse);
    let most = settings.batch_size.min(folders[0].files.len());
    let files: usize = folders.iter().map(|folder| folder.files.len()).sum();
    let at_once = data::at_once(files, settings.validation_split);
    // On paper first: an allocation that fails, or one too many, would end more than this run.
    let needs = |size: usize| {
        let paper = Model::new(network(size)?, &Device::on_paper(*device.limits()), seed, fuse)?;
        let plan = Plan::new(&paper, device.limits(), most, settings.micro_batch)?;
        let mut needs = memory::of_training(&paper, &plan);
        needs.push(memory::of_pictures(at_once, Raster { size, color: settings.color }));
        Ok(needs)
    };
    let what = format!("training at {image_size}x{image_size} pixels, batch {most},");
    if let Err(why) = memory::check(&what, &needs(image_size)?) {
        // Some networks halve pictures so often that small ones vanish.
        let least = (MIN_IMAGE_SIZE..image_size).find(|&size| network(size).is_ok()).unwrap_or(image_size);
        let fits = memory::largest_that_fits(least..image_size, needs)?;
        let fits = match fits {
            Some(size) => format!("; pictures of {size}x{size} pixels would fit"),
            None => "; no smaller pictures would fit either".to_string(),
        };
        let message = why.message.clone() + &fits;
        return Err(why.saying(message).with(Remedy::LessMemory));
    }
    let network = network(image_size)?;
    if settings.dropout.is_some() && !network.has_dropout() {
        progress.warning(
            "Note: this network has no dropout layer: the dropout that was asked for changes nothing",
        );
    }
    let steps = settings.epochs.saturating_mul(folders[0].files.len().div_ceil(most));
    let steps = steps.min(settings.max_steps.unwrap_or(usize::MAX)) as u64;
    let folder = settings.out.as_deref().unwrap_or(Path::new(RUNS));
    check_room(folder, "the run", bytes_of_run(&network, steps)?)?;

    let raster = network.raster();
    let load = |folder| load_pictures(folder, raster, progress);
    let loaded = folders.iter().map(load).collect::<Result<Vec<_>>>()?;
    let sets: Vec<_> = folders.iter().zip(&loaded).collect();
    say_concerns(&sets, progress);
    let skipped = skipped_csv(&sets)?;
    let [training, test] = training_and_test(loaded, settings.validation_split, progress)?;
    let weights_of_classes = settings.class_weights.of(&training.counts());
    let said = weights_of_classes.iter().map(|weights| weights_line(&training.classes, weights));
    said.for_each(|line| progress.message(&line));
    let batch_size = settings.batch_size.min(training.len());
    let model = match &weights {
        Some((file, bytes)) => {
            let saved = SavedModel::read(bytes).map_err(|why| named(file, why))?;
            if !saved.has_checksum() {
                progress.message(&no_checksum(file));
            }
            saved.weights(network, device, fuse).map_err(|why| named(file, why))?
        }
        None => Model::new(network, device, seed, fuse)?,
    };
    let plan = Plan::new(&model, device.limits(), batch_size, settings.micro_batch)?;
    progress.detail(&format!("{}{plan}", model.summary()));

    let test_dir = if settings.validation_split.is_some() { &settings.train_dir } else { &settings.test_dir };
    let config = Config {
        pawgrad: env!("CARGO_PKG_VERSION"),
        train_dir: path_text(&settings.train_dir),
        test_dir: path_text(test_dir),
        validation_split: settings.validation_split,
        image_size,
        color: settings.color,
        learning_rate: settings.learning_rate,
        epochs: settings.epochs,
        batch_size: settings.batch_size,
        micro_batch: plan.micro_batch,
        network: path_text(&settings.network),
        dropout: settings.dropout,
        class_weights: settings.class_weights,
        weights_of_classes: weights_of_classes.clone(),
        seed,
        shuffle,
        fuse,
        max_steps: settings.max_steps,
        init_weights: settings.init_weights.as_deref().map(path_text),
        precision: device.precision(),
        device: place.line,
        rungs: place.rungs,
        classes: &training.classes,
        training_pictures: training.len(),
        test_pictures: test.len(),
        training_pictures_per_class: training.counts(),
        test_pictures_per_class: test.counts(),
    };
    let mut trainer = Trainer::new(model, plan, settings.learning_rate, seed)?;
    if let Some(weights) = weights_of_classes {
        trainer = trainer.with_class_weights(&weights)?;
    }
    let folder = RunFolder::create(claim()?, &config, progress)?;
    if let Some(skipped) = skipped {
        let path = folder.save(SKIPPED_FILE, &skipped)?;
        progress.message(&format!("All files that were passed over: {}", shown_path(&path)));
    }
    let schedule = Schedule {
        epochs: settings.epochs,
        batch_size: settings.batch_size,
        shuffle,
        seed,
        max_steps: settings.max_steps,
    };
    Ok(Prepared { trainer, training, test, schedule, folder })
}

impl Prepared {
    /// Ends the run before its first step, and says so in its folder; the error says it too.
    pub fn stop(mut self, progress: &mut dyn Progress) -> Error {
        self.folder.end(&Ok(End::Interrupted), progress);
        error!(Interrupted, "stopped before the first step: there is no model")
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
    let Prepared { mut trainer, training, test, schedule, mut folder } = prepared;
    let trained = train(&mut trainer, &training, &test, &schedule, &mut folder, progress, stop).await;
    folder.end(&trained, progress);
    let end = trained.map_err(|why| with_what_is_saved(why, &folder))?;
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

/// 256 pixels where a GPU does the work; 64 on a CPU, where 256 would take hours.
pub fn default_image_size(device: &Device) -> usize {
    usual_image_size(device.kind())
}

/// The same of a device that is not opened.
pub fn usual_image_size(kind: DeviceKind) -> usize {
    match kind {
        DeviceKind::Gpu => 256,
        DeviceKind::Cpu | DeviceKind::Software => 64,
    }
}

/// Bytes of all files of a run: the model twice, as it is replaced whole.
fn bytes_of_run(network: &Network, steps: u64) -> Result<u64> {
    let parameters: usize = network.placed()?.iter().map(Placed::slot_values).sum();
    // Lines of 160 bytes. More of them than this has only a run that somebody will end.
    let lines = steps.saturating_mul(160).min(64 << 20);
    Ok(2 * 4 * parameters as u64 + lines + (1 << 20))
}

/// A seed that a person can retype.
fn new_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() as u64 ^ u64::from(std::process::id()) << 20) % 1_000_000
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
