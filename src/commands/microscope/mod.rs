//! `pawgrad microscope`

mod args;
mod counts;
mod lab;
mod life;
mod subject;

pub use args::MicroscopeArgs;
use subject::no_kernel;

use crate::error::{Result, error};
use crate::microscope::view::case_of;
use std::path::Path;

pub async fn run(args: MicroscopeArgs) -> Result<()> {
    if ![8, 32, 64].contains(&args.subgroup) {
        return Err(error!(Usage, "--subgroup must be 8, 32 or 64, not {}", args.subgroup));
    }
    args.check()?;
    if args.is_file() {
        return lab::run(&args, Path::new(&args.kernel)).await;
    }
    if case_of(&args.kernel).is_none() {
        return Err(no_kernel(&args.kernel));
    }
    if args.counts {
        return counts::run(&args);
    }
    if args.at.is_empty() && args.thread.is_none() {
        return Err(error!(Usage, "say what to see: --counts, a value with --at, or a thread with --thread"));
    }
    life::print(&args)
}
