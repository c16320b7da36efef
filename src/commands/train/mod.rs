//! `pawgrad train`

mod args;

pub use args::TrainArgs;

use super::interrupt::stop_on_interrupt;
use super::load::{load_pictures, named, read_file};
use super::output::outln;
use super::progress::Terminal;
use crate::check::ceiling;
use crate::device::Precision;
use crate::error::{Error, ErrorKind, Result, error};
use crate::model::{Model, Network};
use crate::train::plan::Plan;
use crate::train::profile::Profiler;
use crate::train::run_folder::RunFolder;
use crate::train::{End, Progress, Schedule, Trainer, train};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What `config.toml` records: every setting that the run's bits depend on.
#[derive(Serialize)]
struct Config<'a> {
    pawgrad: &'static str,
    train_dir: String,
    test_dir: String,
    image_size: usize,
    learning_rate: f64,
    epochs: usize,
    batch_size: usize,
    micro_batch: usize,
    dropout: f64,
    seed: u64,
    shuffle: bool,
    fuse: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_steps: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init_weights: Option<String>,
    precision: Precision,
    /// Name, type, backend and driver.
    device: &'a str,
    rungs: &'a [String],
    classes: &'a [String],
    training_pictures: usize,
    test_pictures: usize,
}

pub async fn run(args: TrainArgs) -> Result<()> {
    args.check()?;
    let say = |line: &str| {
        if !args.quiet {
            eprintln!("{line}");
        }
    };
    let (device, line) = args.device.open().await?;
    say(&format!("Device: {line}"));
    // First of all, so that nothing is left behind where it cannot be done.
    let ceiling = if args.profile { Some(ceiling::measure(&device).await?) } else { None };
    let mut terminal = Terminal::new(args.quiet);
    let mut profiler = None;
    let progress: &mut dyn Progress = match args.profile {
        true => profiler.insert(Profiler::new(&device, terminal)?),
        false => &mut terminal,
    };
    let image_size = args.image_size.unwrap_or_else(|| super::default_image_size(&device));
    let why = if args.image_size.is_some() { "as asked for" } else { "the default on this device" };
    say(&format!("Image size: {image_size}x{image_size} ({why})"));
    let seed = args.seed.unwrap_or_else(rand_seed);
    say(&format!("Seed: {seed}"));

    // Whatever can be wrong is found out before the pictures are decoded.
    let out = args.out.clone().unwrap_or_else(default_folder);
    RunFolder::check(&out)?;
    let read = |file| Ok((file, read_file(file)?));
    let weights = args.init_weights.as_deref().map(read).transpose()?;
    let training = load_pictures(&args.train_dir, image_size, args.quiet)?;
    let test = load_pictures(&args.test_dir, image_size, args.quiet)?;
    if training.classes != test.classes {
        let (training, test) = (training.classes.join(", "), test.classes.join(", "));
        return Err(error!(
            Data,
            "the training pictures have the classes {training}, the test pictures {test}"
        ));
    }

    let network = Network::cats_and_dogs(training.classes.clone(), image_size, args.dropout);
    let batch_size = args.batch_size.min(training.len());
    let model = match &weights {
        Some((file, bytes)) => {
            Model::with_weights(network, bytes, &device, !args.no_fuse).map_err(|why| named(file, why))?
        }
        None => Model::new(network, &device, seed, !args.no_fuse)?,
    };
    let plan = Plan::new(&model, device.limits(), batch_size, args.micro_batch)?;
    if args.verbose {
        eprint!("{}", model.summary());
        eprintln!("{plan}");
    }

    let config = Config {
        pawgrad: env!("CARGO_PKG_VERSION"),
        train_dir: args.train_dir.display().to_string(),
        test_dir: args.test_dir.display().to_string(),
        image_size,
        learning_rate: args.learning_rate,
        epochs: args.epochs,
        batch_size: args.batch_size,
        micro_batch: plan.micro_batch,
        dropout: args.dropout,
        seed,
        shuffle: !args.no_shuffle,
        fuse: !args.no_fuse,
        max_steps: args.max_steps,
        init_weights: args.init_weights.as_ref().map(|file| file.display().to_string()),
        precision: device.precision(),
        device: &line,
        rungs: &args.device.rung,
        classes: &training.classes,
        training_pictures: training.len(),
        test_pictures: test.len(),
    };
    let mut folder = RunFolder::create(&out, &config)?;
    let schedule = Schedule {
        epochs: args.epochs,
        batch_size: args.batch_size,
        shuffle: !args.no_shuffle,
        seed,
        max_steps: args.max_steps,
    };
    let mut trainer = Trainer::new(model, plan, args.learning_rate, seed)?;
    let stop = stop_on_interrupt()?;
    let end = train(&mut trainer, &training, &test, &schedule, &mut folder, progress, &stop)
        .await
        .map_err(|why| with_what_is_saved(why, &folder))?;
    if let (Some(profiler), Some(ceiling)) = (profiler, ceiling) {
        let profile = profiler.finish();
        outln!("{}", profile.table(ceiling.flops, ceiling.bandwidth));
        let path = folder.save("profile.json", &profile.trace())?;
        outln!("Open {} at https://ui.perfetto.dev", path.display());
    }
    if device.precision() == Precision::Mixed {
        let rungs = device.chosen_rungs();
        let of_convolutions = rungs.iter().filter(|(key, _)| key.starts_with("conv2d"));
        let halves = of_convolutions.clone().filter(|(_, rung)| rung.ends_with("_tensor")).count();
        say(&format!(
            "{halves} of {} kernels of convolutions ran on tensor cores: all do where --image-size is a multiple of 32, \
             unless they were tuned to another rung",
            of_convolutions.count()
        ));
    }
    if let Some(count @ 1..) = device.untuned_kernels() {
        say(&format!(
            "{count} of {} kernels ran with default rungs, as they were not tuned at these sizes: `pawgrad tune --help` \
             says how",
            device.chosen_rungs().len()
        ));
    }
    if args.verbose {
        eprintln!("Buffers held on the device: {:.1} MiB", device.peak_bytes() as f64 / (1024.0 * 1024.0));
    }
    report(&folder, end)
}

/// A seed that a person can retype.
fn rand_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() as u64 ^ u64::from(std::process::id()) << 20) % 1_000_000
}

/// `runs/<local time>`: names sort by time.
fn default_folder() -> PathBuf {
    let time = jiff::Zoned::now().strftime("%Y-%m-%d_%H-%M-%S").to_string();
    Path::new("runs").join(time)
}

/// An error during training also says what is left of the run.
fn with_what_is_saved(why: Error, folder: &RunFolder) -> Error {
    let what = match folder.history().len() {
        0 => "no epoch was finished; its steps are".to_string(),
        epochs => format!("the model as of epoch {epochs}, its history and all steps are"),
    };
    Error::new(why.kind, format!("{}\n  {what} in {}", why.message, folder.path().display()))
}

/// The last lines: where everything is, and what to do with it.
fn report(folder: &RunFolder, end: End) -> Result<()> {
    let model = folder.model_path();
    if let Some(validation) = folder.history().last().and_then(|epoch| epoch.validation.as_ref()) {
        outln!("Test accuracy: {:.1} %, test loss: {:.4}", 100.0 * validation.accuracy, validation.loss);
    }
    outln!("Saved to {} (model, history, curves)", folder.path().display());
    outln!("Use it:  pawgrad predict --model {} PICTURE…", model.display());
    match end {
        End::Finished | End::StepsDone => Ok(()),
        End::Interrupted => Err(Error::new(ErrorKind::Interrupted, "interrupted; the model was saved")),
    }
}
