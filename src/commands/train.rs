//! `pawgrad train`

use super::device::DeviceArgs;
use super::load::model_file;
use super::output::{errln, lines, quoted};
use super::paths::path;
use super::progress::{Detail, Terminal};
use super::settings::{Given, SettingsArgs};
use super::signals::{self, STOPPING, ended};
use crate::check::ceiling;
use crate::data::paths::did_you_mean;
use crate::device::adapters::Choice;
use crate::device::{DeviceKind, Precision};
use crate::error::{Error, ErrorKind, Result, error, shown_path};
use crate::files::replace;
use crate::report::profile::Profiler;
use crate::run::job::{self, Done, Place, Start};
use crate::run::{Claim, Config, RUNS, Resumed, RunFolder, newest_checkpoint};
use crate::train::{End, EpochRecord, Progress};
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct TrainArgs {
    /// Go on with a run, named by its folder or by its name in runs/, from its newest checkpoint: to the bits that it would have
    /// had without a break. --epochs may be more than before
    #[arg(long, value_name = "RUN", value_parser = path(), conflicts_with_all = ["out", "config", "tuning"])]
    resume: Option<PathBuf>,
    /// With --resume: go on although something differs, so that the bits will too
    #[arg(long, requires = "resume")]
    allow_different_bits: bool,
    /// Take the settings of a file such as config.toml in a run's folder; options that are given as well count more
    #[arg(long, value_name = "FILE|RUN", value_parser = path())]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Write what augmentation makes of some training pictures into this PNG file, before the first step: a row for each picture, first
    /// as it is, then as it is in one epoch after the other
    #[arg(long, value_name = "FILE", value_parser = path())]
    show_augment: Option<PathBuf>,
    /// Time every kernel: a table at the end, and profile.json for ui.perfetto.dev in the run's folder
    #[arg(long)]
    profile: bool,
    /// Say more: the network, and how the batch is cut into micro-batches
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Say nothing but the result
    #[arg(short, long)]
    quiet: bool,
}

pub async fn run(args: TrainArgs, given: Given) -> Result<()> {
    let mut terminal = Terminal::new(match (args.quiet, args.verbose) {
        (true, _) => Detail::Quiet,
        (false, true) => Detail::Verbose,
        (false, false) => Detail::Normal,
    });
    let mut resumed = match &args.resume {
        Some(run) => Some(Resumed::open(&run_folder(run)?, args.allow_different_bits)?),
        None => None,
    };
    let base = match (&resumed, &args.config) {
        (Some(resumed), _) => resumed.about.config.clone(),
        (None, Some(file)) => Config::read(file)?,
        (None, None) => Config::default(),
    };
    let device = DeviceArgs {
        device: given.or("device", args.device.device, base.device_option.parse().unwrap_or(Choice::Auto)),
        precision: given.or("precision", args.device.precision, base.precision),
        rung: given.or("rung", args.device.rung, base.rungs.clone()),
        tuning: args.device.tuning,
    };
    let mut settings = args.settings.over(base.settings(), &given);
    if let Some(problem) = settings.problems().first() {
        return Err(error!(Usage, "--{} {}", problem.field.replace('_', "-"), problem.message));
    }
    if settings.no_fuse && device.precision == Precision::Mixed {
        return Err(error!(Usage, "--precision mixed multiplies in the fused kernels: leave out --no-fuse"));
    }
    match &mut resumed {
        Some(resumed) => {
            let (precision, rungs) = (device.precision, device.rung.clone());
            let wanted = Config { precision, rungs, ..Config::of(&settings) };
            resumed.check_settings(&wanted)?;
        }
        None => {
            let file = settings.init_weights.as_deref().map(|path| model_file(path, false)).transpose()?;
            let said = file.iter().map(|file| format!("Weights to start from: {}", shown_path(file)));
            said.for_each(|line| terminal.message(&line));
            settings.init_weights = file;
        }
    }
    let folder =
        args.show_augment.as_deref().and_then(Path::parent).filter(|folder| *folder != Path::new(""));
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(error!(Write, "there is no folder {} for --show-augment", shown_path(folder)));
    }
    // First of all, so that nobody waits for what cannot be done. The folder is claimed when the pictures are there: until
    // then a signal ends the program at once, and nothing must be left behind.
    let mut claim = || Claim::new(settings.out.as_deref());
    if resumed.is_none() {
        drop(claim()?);
    }
    let (option, rungs) = (device.device.to_string(), device.rung.clone());
    let (device, line) = device.open().await?;
    terminal.message(&format!("Device: {line}"));
    let ceiling = if args.profile { Some(ceiling::measure(&device).await?) } else { None };
    let mut profiler = None;
    let progress: &mut dyn Progress = match args.profile {
        true => profiler.insert(Profiler::new(&device, terminal)?),
        false => &mut terminal,
    };
    let place = Place { device: &device, option: &option, line: &line, rungs: &rungs };
    let start = match resumed {
        Some(resumed) => Start::Checkpoint(Box::new(resumed)),
        None => Start::New(&mut claim),
    };
    let prepared = job::prepare(&settings, start, place, progress)?;
    let path = prepared.path().to_path_buf();
    // Until now there was nothing to save: a signal left at once.
    let asked = signals::watch(|| errln!("\n{STOPPING}"))?;
    if let Some(file) = &args.show_augment {
        match prepared.contact_sheet().await.and_then(|sheet| replace(file, &sheet)) {
            Ok(()) => progress.message(&format!("Augmented pictures: {}", shown_path(file))),
            // The run does not need it.
            Err(why) => progress.warning(&why.message),
        }
    }
    let done = job::run(prepared, progress, asked.stop()).await;
    let Done { folder, end, verdict } =
        done.map_err(|why| with_way_on(why, &path, settings.learning_rate))?;
    // All kernels were tuned, or there was nothing to tune.
    let is_tuned = device.untuned_kernels().unwrap_or(usize::from(device.kind() == DeviceKind::Gpu)) == 0;
    if !is_tuned && !args.quiet {
        errln!(
            "`pawgrad tune` measures the rungs once, at the image size and the batch size that it is given, and later runs take the \
             fastest"
        );
    }
    let mut said = Vec::new();
    if let (Some(profiler), Some(ceiling)) = (profiler, ceiling) {
        let profile = profiler.finish();
        let path = folder.save("profile.json", &profile.timeline.to_json())?;
        said.push(profile.table(ceiling.flops, ceiling.bandwidth));
        said.push(format!("Open {} at https://ui.perfetto.dev", shown_path(&path)));
    }
    said.extend(report(&folder, end, verdict));
    // The run is over, whether its results can be printed or not.
    drop(folder);
    lines(&said, !asked.is_heard());
    match end {
        End::Finished | End::StoppedEarly | End::StepsDone => Ok(()),
        End::Interrupted => Err(Error::new(asked.how(), ended(asked.how(), "the model was saved"))),
    }
}

/// The folder of a run: the one that was named, or that of this name in runs/.
fn run_folder(named: &Path) -> Result<PathBuf> {
    let in_runs = Path::new(RUNS).join(named);
    match [named.to_path_buf(), in_runs].into_iter().find(|path| path.is_dir()) {
        Some(folder) => Ok(folder),
        None => Err(error!(Usage, "there is no run {}{}", shown_path(named), did_you_mean(named))),
    }
}

/// How a run goes on that an error ended.
fn with_way_on(why: Error, folder: &Path, learning_rate: f64) -> Error {
    if newest_checkpoint(folder).is_none() {
        return why;
    }
    let more = match why.kind {
        ErrorKind::Diverged => format!(" --learning-rate {:e} --allow-different-bits", learning_rate / 10.0),
        _ => String::new(),
    };
    let message = format!("{}\n  Go on:  pawgrad train --resume {}{more}", why.message, quoted(folder));
    why.saying(message)
}

/// The last lines: where everything is, and what to do with it.
fn report(folder: &RunFolder, end: End, verdict: Option<String>) -> Vec<String> {
    let mut said = Vec::new();
    let result = |epoch: &EpochRecord| {
        let validation = epoch.validation.as_ref()?;
        let (accuracy, loss) = (100.0 * validation.accuracy, validation.loss);
        Some(format!("test accuracy: {accuracy:.1} %, test loss: {loss:.4}"))
    };
    let (last, best) = (folder.history().last(), folder.best());
    if let Some(result) = last.and_then(result) {
        said.push(format!("T{}", &result[1..]));
    }
    if let Some(best) = best.filter(|best| last.is_some_and(|last| last.epoch != best.epoch)) {
        let (epoch, result) = (best.epoch + 1, result(best).unwrap_or_default());
        let why = if end == End::StoppedEarly { "Stopped early: epoch" } else { "The best was epoch" };
        said.push(format!(
            "{why} {epoch}{}, {result}",
            if end == End::StoppedEarly { " was the best" } else { "" }
        ));
    }
    said.extend(verdict);
    said.push(format!(
        "Saved to {} (model, best model, checkpoints, history, curves)",
        shown_path(folder.path())
    ));
    said.push(format!("Use it:  pawgrad predict --model {} PICTURE…", quoted(&folder.model_path())));
    if end == End::Interrupted {
        said.push(format!("Go on:   pawgrad train --resume {}", quoted(folder.path())));
    }
    said
}
