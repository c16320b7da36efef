//! Loading a model: that of a file, or of the newest run.

use super::device::DeviceArgs;
use super::output::errln;
use crate::device::Device;
use crate::error::{Result, error};
use crate::memory::{self, BATCH, Need};
use crate::model::Model;
use crate::run::{MODEL_FILE, RUNS, load, no_checksum};
use clap::Args;
use std::path::{Path, PathBuf};

/// Which model, and where it computes.
#[derive(Args)]
pub struct ModelArgs {
    /// The model file [default: the one of the newest run in runs/]
    #[arg(long, value_name = "FILE.safetensors")]
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

impl ModelArgs {
    /// Opens the device and puts the model there.
    pub async fn load(&self) -> Result<Model> {
        let (device, _) = self.device.open().await?;
        load_model(self.model.as_deref(), &device)
    }
}

/// How many of so many pictures the model computes at a time, where `others` take memory beside it; says so where memory is
/// short.
pub fn batch(what: &str, model: &Model, pictures: usize, others: &[Need]) -> Result<usize> {
    let batch = memory::batch(what, model, others)?;
    if batch < BATCH.min(pictures) {
        errln!("note: memory is short, so {batch} and not {BATCH} pictures are computed at a time");
    }
    Ok(batch)
}

/// The model of `file`, or of the newest run.
pub fn load_model(file: Option<&Path>, device: &Device) -> Result<Model> {
    let file = match file {
        Some(file) => file.to_path_buf(),
        None => newest_model()?,
    };
    let loaded = load(&file, device, true)?;
    if !loaded.has_checksum && !device.is_on_paper() {
        errln!("{}", no_checksum(&file));
    }
    Ok(loaded.model)
}

/// The model of the newest folder in `runs`, by its name, which is its time.
fn newest_model() -> Result<PathBuf> {
    let runs = std::fs::read_dir(RUNS).into_iter().flatten().flatten();
    let models = runs.map(|run| run.path().join(MODEL_FILE)).filter(|model| model.is_file());
    models.max().ok_or_else(|| {
        error!(
            Model,
            "there is no finished run in runs/: train one with `pawgrad train`, or name a file with --model"
        )
    })
}
