//! `pawgrad dataset`

mod check;
mod draw;

use crate::error::Result;
use clap::{Args, Subcommand};

#[derive(Args)]
pub struct DatasetArgs {
    #[command(subcommand)]
    command: DatasetCommand,
}

#[derive(Subcommand)]
enum DatasetCommand {
    /// Draw pictures of cats and dogs to train on: those that are bundled with the source
    Draw(draw::DrawArgs),
    /// Look at your own pictures before training on them: counts, damaged files, duplicates
    Check(check::CheckArgs),
}

pub fn run(args: DatasetArgs) -> Result<()> {
    match args.command {
        DatasetCommand::Draw(args) => draw::run(args),
        DatasetCommand::Check(args) => check::run(args),
    }
}
