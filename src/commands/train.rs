//! `pawgrad train`

use super::device::DeviceArgs;
use super::load::model_file;
use super::output::{errln, lines, quoted};
use super::progress::{Detail, Terminal};
use super::settings::SettingsArgs;
use super::signals::{self, STOPPING, ended};
use crate::check::ceiling;
use crate::device::{DeviceKind, Precision};
use crate::error::{Error, Result, error, shown_path};
use crate::report::profile::Profiler;
use crate::run::job::{self, Done, Place};
use crate::run::{Claim, RunFolder};
use crate::train::settings::Settings;
use crate::train::{End, Progress};
use clap::Args;

#[derive(Args)]
pub struct TrainArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
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

pub async fn run(args: TrainArgs) -> Result<()> {
    let mut settings = Settings::from(args.settings);
    if let Some(problem) = settings.problems().first() {
        return Err(error!(Usage, "--{} {}", problem.field.replace('_', "-"), problem.message));
    }
    if settings.no_fuse && args.device.precision == Precision::Mixed {
        return Err(error!(Usage, "--precision mixed multiplies in the fused kernels: leave out --no-fuse"));
    }
    settings.init_weights = settings.init_weights.as_deref().map(model_file).transpose()?;
    let mut terminal = Terminal::new(match (args.quiet, args.verbose) {
        (true, _) => Detail::Quiet,
        (false, verbose) => {
            if verbose {
                Detail::Verbose
            } else {
                Detail::Normal
            }
        }
    });
    // First of all, so that nobody waits for what cannot be done. The folder is claimed when the pictures are there: until
    // then a signal ends the program at once, and nothing must be left behind.
    let claim = || Claim::new(settings.out.as_deref());
    drop(claim()?);
    let (device, line) = args.device.open().await?;
    terminal.message(&format!("Device: {line}"));
    let ceiling = if args.profile { Some(ceiling::measure(&device).await?) } else { None };
    let mut profiler = None;
    let progress: &mut dyn Progress = match args.profile {
        true => profiler.insert(Profiler::new(&device, terminal)?),
        false => &mut terminal,
    };
    let place = Place { device: &device, line: &line, rungs: &args.device.rung };
    let prepared = job::prepare(&settings, claim, place, progress)?;
    // Until now there was nothing to save: a signal left at once.
    let asked = signals::watch(|| errln!("\n{STOPPING}"))?;
    let Done { folder, end, verdict } = job::run(prepared, progress, asked.stop()).await?;
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
    said.extend(report(&folder, verdict));
    // The run is over, whether its results can be printed or not.
    drop(folder);
    lines(&said, !asked.is_heard());
    match end {
        End::Finished | End::StepsDone => Ok(()),
        End::Interrupted => Err(Error::new(asked.how(), ended(asked.how(), "the model was saved"))),
    }
}

/// The last lines: where everything is, and what to do with it.
fn report(folder: &RunFolder, verdict: Option<String>) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(validation) = folder.history().last().and_then(|epoch| epoch.validation.as_ref()) {
        let (accuracy, loss) = (100.0 * validation.accuracy, validation.loss);
        said.push(format!("Test accuracy: {accuracy:.1} %, test loss: {loss:.4}"));
    }
    said.extend(verdict);
    said.push(format!("Saved to {} (model, history, curves)", shown_path(folder.path())));
    said.push(format!("Use it:  pawgrad predict --model {} PICTURE…", quoted(&folder.model_path())));
    said
}
