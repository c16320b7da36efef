//! Loading a model: that of a file, or of the newest run.

use super::device::DeviceArgs;
use super::output::errln;
use crate::device::Device;
use crate::error::{Result, error};
use crate::files::{named, read_file};
use crate::memory;
use crate::model::Model;
use crate::run::{MODEL_FILE, RUNS};
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
    pub async fn load(&self) -> Result<Model> {
        let (device, _) = self.device.open().await?;
        load_model(self.model.as_deref(), &device)
    }
}

/// The model of `file`, or of the newest run.
pub fn load_model(file: Option<&Path>, device: &Device) -> Result<Model> {
    let file = match file {
        Some(file) => file.to_path_buf(),
        None => newest_model()?,
    };
    let bytes = read_file(&file)?;
    // On paper first: a small file can describe a network that no memory holds.
    let paper = Model::from_bytes(&bytes, &Device::on_paper(*device.limits()), true);
    let paper = paper.map_err(|why| named(&file, why))?;
    if device.is_on_paper() {
        return Ok(paper);
    }
    memory::check(&format!("the model {}", file.display()), &memory::of_use(&paper, 1))?;
    if !Model::has_checksum(&bytes) {
        errln!("note: {} has no checksum, so damage to it would not be noticed", file.display());
    }
    Model::from_bytes(&bytes, device, true).map_err(|why| named(&file, why))
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
