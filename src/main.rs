//! The `pawgrad` program: arguments in, one call, errors out.

use clap::Parser;
use pawgrad::commands::{Cli, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(why.exit_code())
        }
    }
}
