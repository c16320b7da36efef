//! What a real compiler for GPUs makes of every rung: registers, spills, how many subgroups fit. It needs no GPU.
//!
//! ```text
//! cargo bench --bench registers -- [--only conv2d] [--assembly FOLDER] [--check | --update]
//! ```
//!
//! Prints a table. `--check` compares it with benches/results/registers.json and fails where a rung got worse; `--update`
//! stores it there, and in docs/ladder.md. It needs Mesa's driver RADV, up to version 25: tests/run installs it.

#[path = "mod.rs"]
mod registers;

use clap::Parser;
use registers::measure::{Failure, in_a_process_of_its_own, measure};
use registers::report::{Report, check, same_driver};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
struct Options {
    /// Print and check one op or kernel
    #[arg(long)]
    only: Option<String>,
    /// Write disassemblies into this folder
    #[arg(long)]
    assembly: Option<PathBuf>,
    /// Compare with the stored counts
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Store the counts
    #[arg(long, conflicts_with = "only")]
    update: bool,
    /// What cargo passes
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    if in_a_process_of_its_own() {
        return ExitCode::SUCCESS;
    }
    match report(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn report(options: &Options) -> Result<(), String> {
    let measured = measure(&[], options.assembly.as_deref()).map_err(|why| match why {
        Failure::NoDriver(why) => {
            format!("no RADV that compiles for absent GPUs (Mesa 25 was the last): {why}")
        }
        Failure::Failed(why) => why,
    })?;
    if let Some(row) =
        measured.planted.iter().find(|row| !row.counts.as_ref().is_some_and(|counts| counts.spills()))
    {
        return Err(format!("{} tells of no spill where one was planted: {row:?}", measured.report.driver));
    }
    let only = |report: Report| match &options.only {
        Some(name) => report.only(name),
        None => report,
    };
    let now = only(measured.report);
    println!("{}\n{}", now.driver, now.table());
    if options.update {
        std::fs::write(Report::path(), now.to_json()).map_err(|why| why.to_string())?;
        now.write_docs()?;
    }
    if options.check {
        let stored = only(Report::stored()?);
        check(&stored, &now)?;
        if !same_driver(&stored, &now) {
            println!(
                "Only names and spills were compared: the stored counts are those of {}.",
                stored.driver
            );
        } else if stored != now {
            println!("Nothing is worse, but some counts changed: store them with --update.");
        } else {
            println!("All is as it was stored.");
        }
    }
    Ok(())
}
