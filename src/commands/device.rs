//! The options that choose a device, its precision and its rungs.

use super::output::errln;
use super::paths::path;
use crate::check::PLAIN;
use crate::data::paths::did_you_mean;
use crate::device::adapters::{self, Choice};
use crate::device::{Device, DeviceKind, Precision};
use crate::error::{Result, error, shown, shown_path};
use crate::tuning::Tuning;
use clap::Args;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where to compute.
#[derive(Args, Clone)]
pub struct DeviceArgs {
    /// auto, gpu, cpu, software, or an adapter's name or index (see `pawgrad devices`)
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: Choice,
    /// f32, or mixed: convolutions multiply halves on a GPU's tensor cores and sum up in f32
    #[arg(long, default_value_t, value_name = "f32|mixed")]
    pub precision: Precision,
    /// Use this rung for an op, such as conv2d=1_plain; may be repeated
    #[arg(long, value_name = "OP=RUNG")]
    pub rung: Vec<String>,
    /// Rungs as `pawgrad tune` or an earlier run wrote them: a file, such as rungs.toml in the folder of a run, or none
    /// for the defaults [default: what `pawgrad tune` stored for the adapter]
    #[arg(long, value_name = "FILE|none", value_parser = path())]
    pub tuning: Option<PathBuf>,
}

/// Ops and rungs of earlier versions, and what is there in their place.
const GONE: [(&str, &str, &str); 6] = [
    ("dense", "2_tiled", "lanes for software adapters, and 2_shared to 5_split_k for GPUs"),
    ("conv2d", "2_tiled", "lanes for software adapters, and 2_gemm for GPUs"),
    ("conv2d_relu_pool", "2_tiled", "textures for software adapters, and 2_gemm and 3_patch for GPUs"),
    ("conv2d_relu_pool", "3_textures", "textures"),
    ("conv2d_relu_pool", "4_shared", "3_patch"),
    ("conv2d_relu_pool", "5_tensor", "4_tensor"),
];

/// Ops that nearly all the time of a step goes to.
const SLOW_WHEN_PLAIN: [&str; 3] = ["conv2d", "conv2d_relu_pool", "dense"];

impl DeviceArgs {
    /// Opens the device; the second value says in one line which and why.
    pub async fn open(&self) -> Result<(Device, String)> {
        let (device, mut line) = adapters::open(&self.device, self.precision).await?;
        match (&self.tuning, device.kind()) {
            (None, DeviceKind::Cpu) => {}
            (Some(file), DeviceKind::Cpu) if file.as_os_str() != "none" => {
                return Err(error!(
                    Usage,
                    "--tuning {} is of no use on the CPU, whose kernels have one fast version: leave it out, or name \
                     the adapter with --device",
                    shown_path(file)
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
            Some(file) if !file.exists() => {
                let (name, meant) = (shown_path(file), did_you_mean(file));
                return Err(error!(Usage, "--tuning {name}: there is no such file{meant}"));
            }
            Some(file) => {
                let tuning = Tuning::read(file, device)?;
                if let Some(kernel) = unknown(&tuning) {
                    return Err(error!(
                        Usage,
                        "{} was made with other shaders: this program has no {}. Use the program that made it, \
                         or --tuning none",
                        shown_path(file),
                        shown(kernel)
                    ));
                }
                (tuning, "rungs as in the file")
            }
            None => match Tuning::stored(device)? {
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
            let gone = GONE.iter().find(|(of, gone, _)| (*of, *gone) == (op, rung));
            let why = match (gone, crate::check::lacks(op, rung, device)) {
                (Some((_, _, now)), _) => format!("{op}'s {rung} is gone: there is {now}"),
                (None, Some(lacks)) => format!("{op}'s {rung} cannot run on {}: {lacks}", device.name()),
                (None, None) => format!("there is no rung \"{rung}\" of \"{op}\""),
            };
            return Err(error!(Usage, "{why}. On {} there are:\n{}", device.name(), listed()));
        }
        if rung == PLAIN && SLOW_WHEN_PLAIN.contains(&op) {
            errln!("note: {op}'s {PLAIN} is made to be read, not to be fast: steps take many times as long");
        }
        device.force_rung(op, rung);
        Ok(())
    }
}
