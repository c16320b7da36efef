//! `pawgrad serve`

use super::device::DeviceArgs;
use super::numbers::whole;
use super::output::{errln, outln};
use super::paths::path;
use super::signals::{self, STOPPING, ended};
use crate::data::paths::did_you_mean;
use crate::device::adapters::Choice;
use crate::device::{Device, Precision};
use crate::error::{Error, Result, error, shown_path};
use crate::files::read_text;
use crate::studio::{Access, Options, serve};
use clap::Args;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct ServeArgs {
    /// Where to serve; 0 takes any port that is free
    #[arg(long, default_value_t = 7878, value_name = "PORT", value_parser = whole::<u16>, allow_negative_numbers = true)]
    port: u16,
    /// Address to serve on; this machine's own alone unless another is named
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    host: IpAddr,
    /// File with the token that visitors must know, instead of a new one that is part of the printed address
    #[arg(long, value_name = "FILE", conflicts_with = "no_token", value_parser = path())]
    token_file: Option<PathBuf>,
    /// Let in every user and program of this machine
    #[arg(long)]
    no_token: bool,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
}

/// Fewer characters can be guessed.
const LEAST_TOKEN: usize = 16;
/// More bytes are no token.
const MOST_TOKEN: u64 = 1024;

/// The token in a file: sixteen or more letters, digits, dashes and underscores, as it is part of an address.
fn token_of(path: &Path) -> Result<String> {
    let name = shown_path(path);
    let text = read_text(path, MOST_TOKEN)
        .map_err(|why| error!(Usage, "the token in {name} cannot be read: {why}{}", did_you_mean(path)))?;
    let token = text.trim();
    let is_plain = token.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !is_plain || token.len() < LEAST_TOKEN {
        let what = "a token is sixteen or more letters, digits, - and _";
        return Err(error!(Usage, "the token in {name} cannot be used: {what}"));
    }
    #[cfg(unix)]
    if std::fs::metadata(path)
        .is_ok_and(|about| std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 != 0)
    {
        errln!("note: other users of this machine may read {name} (chmod 600 keeps it to you)");
    }
    Ok(token.to_string())
}

pub fn run(args: ServeArgs) -> Result<()> {
    let ServeArgs { port, host, token_file, no_token, open } = args;
    let access = match &token_file {
        Some(file) => Access::Known(token_of(file)?),
        None if no_token => Access::Everyone,
        None => Access::Generated,
    };
    let stopping = || errln!("\n{STOPPING}");
    let options = Options { host, port, access, open, open_device, stopping };
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    // Nobody listens any more once the server has ended by itself.
    let asked = signals::watch(move || {
        let _ = tell.send(());
    })?;
    // The sender lives until the first signal, or in a thread that never ends.
    serve(&options, async { drop(told.await) }, |page| {
        outln!("The studio is at {page}");
        if let Some(file) = &token_file {
            errln!("It asks for the token in {}.", shown_path(file));
        }
        errln!("Press Ctrl-C to end it; a run in progress is saved first.");
    })?;
    Err(Error::new(asked.how(), ended(asked.how(), "nothing is in progress any more")))
}

fn open_device(choice: &Choice) -> Result<(Device, String)> {
    let args = DeviceArgs {
        device: choice.clone(),
        precision: Precision::default(),
        rung: Vec::new(),
        tuning: None,
    };
    pollster::block_on(args.open())
}
