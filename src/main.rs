//! The `pawgrad` program: arguments in, one call, errors out.

use clap::Parser;
use pawgrad::commands::{Cli, misused, report, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    silence_device_selection();
    match run(Cli::try_parse().unwrap_or_else(|why| misused(why))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            report(&why);
            ExitCode::from(why.exit_code())
        }
    }
}

/// Mesa's device-selection layer looks for a desktop and prints an error of its own where there is none,
/// such as on a server. The layer only reorders adapters, and pawgrad chooses for itself.
fn silence_device_selection() {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: nothing else runs yet that could read the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
