//! Loading a model: that of a file, or of the newest run.

use super::device::DeviceArgs;
use super::output::errln;
use super::paths::path;
use crate::data::paths::did_you_mean;
use crate::device::Device;
use crate::error::{Result, error, shown_path};
use crate::memory::{self, BATCH, Need};
use crate::model::Model;
use crate::run::{MODEL_FILE, Origin, load, model_of, newest_with_model, no_checksum};
use crate::train::evaluate::Views;
use clap::Args;
use std::path::{Path, PathBuf};

/// Which model, and where it computes.
#[derive(Args)]
pub struct ModelArgs {
    /// The model file, or the folder of a run [default: the newest run in runs/]
    #[arg(long, value_name = "FILE|RUN", value_parser = path())]
    model: Option<PathBuf>,
    /// Of a run, take the model of its last epoch, not that of its best
    #[arg(long)]
    last: bool,
    /// Show the model each picture and its mirror image, and take the mean of what it says
    #[arg(long)]
    tta: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl ModelArgs {
    /// What the model is shown of each picture.
    pub fn views(&self) -> Views {
        if self.tta { Views::WithMirror } else { Views::Own }
    }

    /// Opens the device and puts the model there. Says which one it is.
    pub async fn load(&self) -> Result<(Model, Origin)> {
        let named = self.model.as_deref().map(|path| model_file(path, self.last)).transpose()?;
        let (device, _) = self.device.open().await?;
        let file = match named {
            Some(file) => file,
            None => newest_model(self.last)?,
        };
        let model = load_model(&file, &device)?;
        let origin = Origin::of(&file);
        errln!("{origin}");
        Ok((model, origin))
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

/// The model of a file.
pub fn load_model(file: &Path, device: &Device) -> Result<Model> {
    let loaded = load(file, device, true)?;
    if !loaded.has_checksum && !device.is_on_paper() {
        errln!("{}", no_checksum(file));
    }
    Ok(loaded.model)
}

/// The file that was named, or that of a run whose folder was named: of its best epoch, or of its last.
///
/// # Errors
/// `Model` where there is none.
pub fn model_file(path: &Path, last: bool) -> Result<PathBuf> {
    let name = shown_path(path);
    if !path.is_dir() {
        return match path.exists() {
            true if last => Err(error!(Usage, "{name} is a file: --last chooses a model of a run's folder")),
            true => Ok(path.to_path_buf()),
            false => Err(error!(Model, "there is no file {name}{}", did_you_mean(path))),
        };
    }
    let file = if last { path.join(MODEL_FILE) } else { model_of(path) };
    match file.is_file() {
        true => Ok(file),
        false => {
            Err(error!(Model, "the folder {name} has no {MODEL_FILE}: no epoch of a run was finished there"))
        }
    }
}

/// The model of the newest run in `runs` that has one.
fn newest_model(last: bool) -> Result<PathBuf> {
    let run = newest_with_model()?.ok_or_else(|| {
        error!(
            Model,
            "there is no finished run in runs/: train one with `pawgrad train`, or name a file with --model"
        )
    })?;
    model_file(run.path(), last)
}
