//! `pawgrad dataset draw`

use crate::commands::output::outln;
use crate::commands::paths::path;
use crate::data::synthetic;
use crate::error::{Result, error, shown_path};
use crate::files::replace;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct DrawArgs {
    /// Folder to write to; files of the same names are replaced
    #[arg(long, default_value = "dataset", value_name = "DIR", value_parser = path())]
    out: PathBuf,
}

pub fn run(args: DrawArgs) -> Result<()> {
    let files = synthetic::files();
    for (path, bytes) in &files {
        let path = args.out.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|why| error!(Write, "{} cannot be made: {why}", shown_path(folder)))?;
        }
        replace(&path, bytes)?;
    }
    outln!("Wrote {} pictures to {}", files.len(), shown_path(&args.out));
    Ok(())
}
