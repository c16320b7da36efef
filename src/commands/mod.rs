//! The command line: one file per command, each thin.

mod advice;
mod augment;
mod bench;
mod choices;
mod dataset;
mod device;
mod devices;
mod evaluate;
mod gradcheck;
mod load;
mod microscope;
mod numbers;
mod only;
mod output;
mod paths;
mod predict;
mod progress;
mod recipe;
mod runs;
#[cfg(feature = "studio")]
mod serve;
mod settings;
mod signals;
mod summary;
mod threads;
mod train;
mod tune;

pub use advice::sentence;

use crate::error::{Error, ErrorKind, Result, shown};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, Parser, Subcommand};
use settings::Given;

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
        7 bad model file, 8 cannot write, 9 diverged; after saving: 130 interrupted, 143 terminated, 129 hung up."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a network on folders of pictures
    Train(Box<train::TrainArgs>),
    /// Open the studio: a page that trains, watches, predicts and looks inside
    #[cfg(feature = "studio")]
    Serve(serve::ServeArgs),
    /// List the runs in runs/: settings, results, and how each ended
    Runs(runs::RunsArgs),
    /// Say what pictures show
    Predict(predict::PredictArgs),
    /// Measure loss and accuracy on labelled pictures
    Evaluate(evaluate::EvaluateArgs),
    /// Print the network's layers, parameters and memory
    Summary(summary::SummaryArgs),
    /// List the adapters that can be used, and which one `auto` takes
    Devices(devices::DevicesArgs),
    /// Check every kernel's gradient, on every device
    Gradcheck(gradcheck::GradcheckArgs),
    /// Time every kernel with every rung at the network's sizes
    Bench(bench::BenchArgs),
    /// Run a kernel's shader thread by thread, without a GPU: see what a thread does, or count
    Microscope(microscope::MicroscopeArgs),
    /// Time the rungs on this machine's adapter once, and use the fastest from then on
    Tune(tune::TuneArgs),
    /// Draw pictures, or look at your own before training
    Dataset(dataset::DatasetArgs),
}

/// Prints the help that was asked for, or what is wrong with the arguments, and leaves.
pub fn misused(why: clap::Error) -> ! {
    // Names of files are among the arguments: they are wrong in the same way as they can be shown.
    let arguments = std::env::args_os().map(|argument| shown(argument.display()));
    Cli::try_parse_from(arguments).err().unwrap_or(why).exit()
}

/// The options of this command that were written, not left to their defaults.
fn given() -> Given {
    let matches = Cli::command().try_get_matches().ok();
    let of_command = matches.as_ref().and_then(|matches| matches.subcommand());
    let names = |(_, matches): (&str, &ArgMatches)| {
        let ids = matches.ids().map(|id| id.as_str());
        let is_given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        ids.filter(is_given).map(str::to_string).collect()
    };
    Given(of_command.map_or_else(Vec::new, names))
}

/// Says on stderr what went wrong. That somebody ended the program is no error.
pub fn report(why: &Error) {
    match why.kind {
        ErrorKind::Interrupted | ErrorKind::Terminated | ErrorKind::HungUp => {
            output::errln!("{}", sentence(why))
        }
        _ => output::errln!("error: {}", sentence(why)),
    }
}

/// Runs the command line that was given.
pub fn run(cli: Cli) -> Result<()> {
    threads::start()?;
    pollster::block_on(async {
        match cli.command {
            Command::Train(args) => train::run(*args, given()).await,
            #[cfg(feature = "studio")]
            Command::Serve(args) => serve::run(args),
            Command::Runs(args) => runs::run(args),
            Command::Predict(args) => predict::run(args).await.map_err(of_a_model),
            Command::Evaluate(args) => evaluate::run(args).await.map_err(of_a_model),
            Command::Summary(args) => summary::run(args).await,
            Command::Bench(args) => bench::run(args).await,
            Command::Microscope(args) => microscope::run(args).await,
            Command::Tune(args) => tune::run(args).await,
            Command::Devices(args) => devices::run(args).await,
            Command::Gradcheck(args) => gradcheck::run(args).await,
            Command::Dataset(args) => dataset::run(args),
        }
    })
}

/// A model that is used has its sizes: what would help against too little memory in training is of no use.
fn of_a_model(why: Error) -> Error {
    let remedy = why.remedy.filter(|_| why.kind != ErrorKind::OutOfMemory);
    Error { remedy, ..why }
}
