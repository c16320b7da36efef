//! The command line: one file per command, each thin.

mod advice;
mod bench;
mod dataset;
mod devices;
mod evaluate;
mod gradcheck;
mod interrupt;
mod load;
mod output;
mod predict;
mod progress;
#[cfg(feature = "studio")]
mod serve;
mod settings;
mod summary;
mod train;
mod tune;

pub use advice::sentence;

use crate::device::adapters::{self, Choice};
use crate::device::{Device, DeviceKind, Precision};
use crate::error::{Result, error};
use crate::tuning::Tuning;
use clap::{Args, Parser, Subcommand};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Train and use a convolutional network on your own GPU, or without one.
#[derive(Parser)]
#[command(
    name = "pawgrad",
    version,
    about = "Trains a convolutional network on pictures, with hand-written GPU compute shaders",
    after_help = "Examples:\n  \
        pawgrad train                                train on the bundled cats and dogs\n  \
        pawgrad train --train-dir my/training --test-dir my/test --epochs 20\n  \
        pawgrad serve --open                         the same and more, in a page\n  \
        pawgrad predict photo.jpg                    with the newest run's model\n  \
        pawgrad evaluate --test-dir my/test\n\n\
        Exit codes: 0 ok, 1 other, 2 usage, 3 data, 4 no device, 5 out of memory, 6 device lost,\n\
        7 bad model file, 8 cannot write, 9 diverged, 130 interrupted after saving."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a network on folders of pictures
    Train(train::TrainArgs),
    /// Open the studio: a page that trains, watches, predicts and looks inside
    #[cfg(feature = "studio")]
    Serve(serve::ServeArgs),
    /// Say what pictures show
    Predict(predict::PredictArgs),
    /// Measure loss and accuracy on labelled pictures
    Evaluate(evaluate::EvaluateArgs),
    /// Print the network's layers, parameters and memory
    Summary(summary::SummaryArgs),
    /// List the adapters that can be used, and which one `auto` takes
    Devices,
    /// Check every kernel's gradient, on every device
    Gradcheck(gradcheck::GradcheckArgs),
    /// Time every kernel with every rung at the network's sizes
    Bench(bench::BenchArgs),
    /// Time the rungs on this machine's adapter once, and use the fastest from then on
    Tune(tune::TuneArgs),
    /// Draw the bundled pictures again
    Dataset(dataset::DatasetArgs),
}

/// Where to compute.
#[derive(Args, Clone)]
struct DeviceArgs {
    /// auto, gpu, cpu, software, or an adapter's name or index (see `pawgrad devices`)
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: Choice,
    /// f32, or mixed: convolutions multiply halves on a GPU's tensor cores and sum up in f32
    #[arg(long, default_value_t, value_name = "f32|mixed")]
    precision: Precision,
    /// Use this rung for an op, such as conv2d=1_plain; may be repeated
    #[arg(long, value_name = "OP=RUNG")]
    rung: Vec<String>,
    /// Rungs as `pawgrad tune` or an earlier run wrote them: a file, such as rungs.toml in the folder of a run, or none
    /// for the defaults [default: what `pawgrad tune` stored for the adapter]
    #[arg(long, value_name = "FILE|none")]
    tuning: Option<PathBuf>,
}

impl DeviceArgs {
    /// Opens the device; the second value says in one line which and why.
    async fn open(&self) -> Result<(Device, String)> {
        let (device, mut line) = adapters::open(&self.device, self.precision).await?;
        match (&self.tuning, device.kind()) {
            (None, DeviceKind::Cpu) => {}
            (Some(file), DeviceKind::Cpu) if file.as_os_str() != "none" => {
                return Err(error!(
                    Usage,
                    "--tuning {} is of no use on the CPU, whose kernels have one fast version: leave it out, or name \
                     the adapter with --device",
                    file.display()
                ));
            }
            _ => line += &format!("; {}", self.tune(&device)?),
        }
        for rung in &self.rung {
            self.force(&device, rung)?;
        }
        Ok((device, line))
    }

    /// Takes the rungs of a tuning from now on; says so in a few words.
    fn tune(&self, device: &Device) -> Result<&'static str> {
        let unknown =
            |tuning: &Tuning| tuning.unknown(&crate::check::fingerprints()).next().map(str::to_string);
        let (tuning, words) = match &self.tuning {
            Some(none) if none.as_os_str() == "none" => return Ok("default rungs, as asked for"),
            Some(file) => {
                let tuning = Tuning::read(file, device)?;
                if let Some(kernel) = unknown(&tuning) {
                    return Err(error!(
                        Usage,
                        "{} was made with other shaders: this program has no {kernel}. Use the program that made it, \
                         or --tuning none",
                        file.display()
                    ));
                }
                (tuning, "rungs as in the file")
            }
            None => match Tuning::stored(device)? {
                None if device.kind() == DeviceKind::Gpu => {
                    return Ok("default rungs: `pawgrad tune` finds faster ones");
                }
                None => return Ok("default rungs"),
                Some(tuning) if unknown(&tuning).is_some() => {
                    (tuning, "some shaders are not the tuned ones any more: run `pawgrad tune` again")
                }
                Some(tuning) => (tuning, "tuned rungs where there are"),
            },
        };
        device.use_tuned_rungs(tuning.rungs);
        Ok(words)
    }

    fn force(&self, device: &Device, op_and_rung: &str) -> Result<()> {
        let known = crate::check::rungs(device);
        let listed = || {
            let names = |rungs: &BTreeSet<&str>| rungs.iter().copied().collect::<Vec<_>>().join(", ");
            known.iter().map(|(op, rungs)| format!("  {op}: {}", names(rungs))).collect::<Vec<_>>().join("\n")
        };
        let (op, rung) = op_and_rung.split_once('=').ok_or_else(|| {
            error!(Usage, "--rung takes OP=RUNG, not \"{op_and_rung}\". On {}:\n{}", device.name(), listed())
        })?;
        if !known.get(op).is_some_and(|rungs| rungs.contains(rung)) {
            return Err(error!(
                Usage,
                "there is no rung \"{rung}\" of \"{op}\" on {}. There are:\n{}",
                device.name(),
                listed()
            ));
        }
        device.force_rung(op, rung);
        Ok(())
    }
}

/// Runs the command line that was given.
pub fn run(cli: Cli) -> Result<()> {
    pollster::block_on(async {
        match cli.command {
            Command::Train(args) => train::run(args).await,
            #[cfg(feature = "studio")]
            Command::Serve(args) => serve::run(args),
            Command::Predict(args) => predict::run(args).await,
            Command::Evaluate(args) => evaluate::run(args).await,
            Command::Summary(args) => summary::run(args),
            Command::Bench(args) => bench::run(args).await,
            Command::Tune(args) => tune::run(args).await,
            Command::Devices => devices::run().await,
            Command::Gradcheck(args) => gradcheck::run(args).await,
            Command::Dataset(args) => dataset::run(args),
        }
    })
}
