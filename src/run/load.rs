//! A model file put to use, whoever asked for it.

use crate::device::Device;
use crate::error::{Result, shown_path};
use crate::files::{named, read_file};
use crate::memory;
use crate::model::{Model, SavedModel};
use std::path::Path;

/// A model of a file.
pub struct Loaded {
    pub model: Model,
    /// Whether damage to the file would have been noticed.
    pub has_checksum: bool,
}

/// Reads a model and puts it onto a device, for `batch` pictures at a time.
///
/// # Errors
/// `Model` for a file that cannot be used; `OutOfMemory`, before anything is taken, for one that asks for more than there is.
pub fn load(file: &Path, device: &Device, fuse: bool, batch: usize) -> Result<Loaded> {
    let bytes = read_file(file)?;
    let read = SavedModel::read(&bytes).map_err(|why| named(file, why))?;
    // On paper first: a small file can describe a network that no memory holds.
    let paper = read.model(&Device::on_paper(*device.limits()), fuse).map_err(|why| named(file, why))?;
    let has_checksum = read.has_checksum();
    if device.is_on_paper() {
        return Ok(Loaded { model: paper, has_checksum });
    }
    let needs = [memory::of_parameters(&paper), memory::of_use(&paper, batch)?].concat();
    memory::check(&format!("the model {}", shown_path(file)), &needs)?;
    let model = read.model(device, fuse).map_err(|why| named(file, why))?;
    Ok(Loaded { model, has_checksum })
}
