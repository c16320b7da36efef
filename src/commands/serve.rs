//! `pawgrad serve`

use super::device::DeviceArgs;
use super::output::{errln, outln};
use super::signals::{self, STOPPING, ended};
use crate::device::adapters::Choice;
use crate::device::{Device, Precision};
use crate::error::{Error, Result};
use crate::studio::{Options, serve};
use clap::Args;
use std::net::{IpAddr, Ipv4Addr};

#[derive(Args)]
pub struct ServeArgs {
    /// Where to serve; 0 takes any port that is free
    #[arg(long, default_value_t = 7878, value_name = "PORT")]
    port: u16,
    /// Address to serve on; others than this machine's own need a --token
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "ADDRESS")]
    host: IpAddr,
    /// What visitors must know; part of the address that is printed
    #[arg(long, value_name = "TOKEN", value_parser = token)]
    token: Option<String>,
    /// Open the page in a browser
    #[arg(long)]
    open: bool,
}

/// Eight or more letters, digits, dashes and underscores: it is part of an address and of a cookie.
fn token(text: &str) -> std::result::Result<String, String> {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_plain && text.len() >= 8 {
        return Ok(text.to_string());
    }
    Err("eight or more letters, digits, - and _ are needed".to_string())
}

pub fn run(args: ServeArgs) -> Result<()> {
    let ServeArgs { port, host, token, open } = args;
    let stopping = || errln!("\n{STOPPING}");
    let options = Options { host, port, token, open, open_device, stopping };
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    // Nobody listens any more once the server has ended by itself.
    let asked = signals::watch(move || {
        let _ = tell.send(());
    })?;
    // The sender lives until the first signal, or in a thread that never ends.
    serve(&options, async { drop(told.await) }, |page| {
        outln!("The studio is at {page}");
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
