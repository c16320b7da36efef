//! A model file put to use, whoever asked for it.

use crate::device::Device;
use crate::error::{Error, Result, shown_path};
use crate::files::{named, read_file};
use crate::memory::{self, Need};
use crate::model::network::MIN_IMAGE_SIZE;
use crate::model::{Model, Network, SavedModel};
use std::path::Path;

/// A model of a file.
pub struct Loaded {
    pub model: Model,
    /// Whether damage to the file would have been noticed.
    pub has_checksum: bool,
}

/// Reads a model and puts it onto a device; a picture at a time can be computed there.
///
/// # Errors
/// `Model` for a file that cannot be used; `OutOfMemory`, before anything is taken, for one that asks for more than there is.
pub fn load(file: &Path, device: &Device, fuse: bool) -> Result<Loaded> {
    let bytes = read_file(file)?;
    let read = SavedModel::read(&bytes).map_err(|why| named(file, why))?;
    // On paper first: a small file can describe a network that no memory holds.
    let paper = read.model(&Device::on_paper(*device.limits()), fuse).map_err(|why| named(file, why))?;
    let has_checksum = read.has_checksum();
    if device.is_on_paper() {
        return Ok(Loaded { model: paper, has_checksum });
    }
    memory::check(&format!("the model {}", shown_path(file)), &needs(&paper)?)
        .map_err(|why| with_what_fits(why, &paper))?;
    let model = read.model(device, fuse).map_err(|why| named(file, why))?;
    Ok(Loaded { model, has_checksum })
}

/// What is said of a file without a checksum.
pub fn no_checksum(file: &Path) -> String {
    format!("note: {} has no checksum, so damage to it would not be noticed", shown_path(file))
}

/// What it takes to read a model and to compute one picture.
fn needs(model: &Model) -> Result<Vec<Need>> {
    Ok([memory::of_parameters(model), memory::of_use(model, 1)?].concat())
}

/// The size of its pictures is the model's own: what helps is another model, or more memory.
fn with_what_fits(why: Error, paper: &Model) -> Error {
    let of_size = |image_size| {
        let network = Network { image_size, ..paper.network.clone() };
        needs(&Model::new(network, paper.device(), 0, true)?)
    };
    // Not every network can be made smaller.
    let fits =
        memory::largest_that_fits(MIN_IMAGE_SIZE..paper.network.image_size, of_size).unwrap_or_default();
    let fits = match fits {
        Some(size) => format!("the same network for pictures of {size}x{size} pixels would fit"),
        None => "end other programs, or use a smaller model".to_string(),
    };
    let message = format!("{}; {fits}", why.message);
    why.saying(message)
}
