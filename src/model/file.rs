//! A model as the bytes of a safetensors file, and back.
//!
//! Reading, where files may be hostile, is the safetensors crate's.

use super::header::{Header, MAX_HEADER, refuse_duplicates};
use super::network::Preprocessing;
use super::slot::Slot;
use super::stored::{self, CHECKSUM_KEY, Contents};
use super::{Model, Network, version_1};
use crate::device::Device;
use crate::device::memory::room;
use crate::error::{Error, Remedy, Result, error, list, shown};
use safetensors::Dtype;
use serde_json::Value;
use std::collections::HashSet;

/// The metadata entry that describes the network, as sorted JSON.
const NETWORK_KEY: &str = "pawgrad";

/// Of the description: 1 was a list of layers (pawgrad 0.1.0, which named no version), 2 is a graph. All versions so far
/// are read.
const VERSION: u64 = 2;

impl Model {
    /// The bytes of a safetensors file: the tensors in PyTorch's names and layouts, and the network.
    ///
    /// # Errors
    /// `Diverged` where a weight is infinite or NaN, and `Usage` where names of layers are so long that the file could not be
    /// read again.
    pub async fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut network = serde_json::to_value(&self.network).expect("a network is plain data");
        network["version"] = VERSION.into();
        let network = network.to_string();
        let tensors: Vec<_> =
            self.tensors().iter().map(|named| (named.name.clone(), named.tensor.clone())).collect();
        let contents = Contents {
            key: NETWORK_KEY,
            description: &network,
            tensors: &tensors,
            text: None,
            max_header: MAX_HEADER,
            covers_header: false,
        };
        let unsealed = contents.read().await?;
        unsealed.refuse_lost(&tensors)?;
        Ok(unsealed.seal())
    }

    /// A model from the bytes of a file that [`to_bytes`](Model::to_bytes) wrote.
    ///
    /// # Errors
    /// `Model`, with the tensor and both shapes where it is about one.
    pub fn from_bytes(bytes: &[u8], device: &Device, fuse: bool) -> Result<Model> {
        SavedModel::read(bytes)?.model(device, fuse)
    }

    /// A network with the weights of a safetensors file, which must hold exactly its tensors; any
    /// description of a network in the file is ignored.
    ///
    /// # Errors
    /// As [`from_bytes`](Model::from_bytes).
    pub fn with_weights(network: Network, bytes: &[u8], device: &Device, fuse: bool) -> Result<Model> {
        SavedModel::read(bytes)?.weights(network, device, fuse)
    }
}

/// The bytes of a model file, taken apart and compared with their checksum once: models of them can be made on paper first,
/// then on a device.
pub struct SavedModel<'a> {
    header: Header<'a>,
    network: Result<Network>,
    intact: Result<()>,
}

impl<'a> SavedModel<'a> {
    /// Takes a file apart.
    ///
    /// # Errors
    /// `Model` for what is no safetensors file that can be used.
    pub fn read(bytes: &'a [u8]) -> Result<SavedModel<'a>> {
        let header = Header::read(bytes)?;
        Ok(SavedModel { network: read_network(&header), intact: stored::check(&header, NETWORK_KEY), header })
    }

    /// Whether it names its checksum, so that damage is noticed. Files of 0.1.0 do not.
    pub fn has_checksum(&self) -> bool {
        self.header.entry(CHECKSUM_KEY).is_some()
    }

    /// What its pixels were moved and scaled by, where the file says it.
    pub fn preprocessing(&self) -> Option<&Preprocessing> {
        self.network.as_ref().ok().map(|network| &network.preprocessing)
    }

    /// As [`Model::from_bytes`].
    ///
    /// # Errors
    /// As that.
    pub fn model(&self, device: &Device, fuse: bool) -> Result<Model> {
        self.weights(self.network.clone()?, device, fuse)
    }

    /// As [`Model::with_weights`].
    ///
    /// # Errors
    /// As that.
    pub fn weights(&self, network: Network, device: &Device, fuse: bool) -> Result<Model> {
        self.intact.clone()?;
        let mut known = Vec::new();
        let image_size = network.image_size;
        let model = Model::with_values(network, device, fuse, |name, slot| {
            known.push(name.to_string());
            let bytes = find_tensor(&self.header, name, slot, image_size)?;
            if device.is_on_paper() { Ok(None) } else { read_tensor(name, bytes).map(Some) }
        })?;
        let names = self.header.names();
        if names.len() > known.len() {
            let found: HashSet<_> = known.iter().collect();
            let extra: Vec<_> = names.iter().filter(|name| !found.contains(name)).cloned().collect();
            let (extra, known) = (list(&extra), list(&known));
            return Err(error!(Model, "the network has no tensor {extra}; its tensors are {known}"));
        }
        Ok(model)
    }
}

/// The bytes of one tensor of the file, which must be f32 in this shape.
fn find_tensor<'a>(header: &Header<'a>, name: &str, slot: &Slot, image_size: usize) -> Result<&'a [u8]> {
    let wanted = slot.shape.as_slice();
    let (info, bytes) = header.tensor(name).ok_or_else(|| {
        let name = shown(name);
        error!(Model, "the tensor {name} is missing; the network needs it in the shape {wanted:?}")
    })?;
    if info.dtype != Dtype::F32 {
        return Err(error!(Model, "the tensor {} is {:?}, but must be F32", shown(name), info.dtype));
    }
    if info.shape != wanted {
        return Err(error!(
            Model,
            "the tensor {} has the shape {}, but the network needs {wanted:?} at an image size of {image_size}",
            shown(name),
            shown(format_args!("{:?}", info.shape))
        ));
    }
    Ok(bytes)
}

/// The values of a tensor, which must be finite.
fn read_tensor(name: &str, bytes: &[u8]) -> Result<Vec<f32>> {
    let value = |word: &[u8]| f32::from_le_bytes(word.try_into().expect("four bytes"));
    let mut values: Vec<f32> = room(bytes.len() / 4)?;
    values.extend(bytes.chunks_exact(4).map(value));
    match values.iter().position(|value| !value.is_finite()) {
        Some(i) => Err(error!(Model, "the tensor {} holds {} at position {i}", shown(name), values[i])),
        None => Ok(values),
    }
}

/// The network that a model file describes.
fn read_network(header: &Header) -> Result<Network> {
    let network = header.entry(NETWORK_KEY).ok_or_else(|| {
        let why = "the file holds weights but no description of the network: it was not written by pawgrad";
        error!(Model, "{why}").with(Remedy::StartFromWeights)
    })?;
    let unusable = |why: &dyn std::fmt::Display| {
        error!(Model, "the file's description of the network cannot be used: {}", shown(why))
    };
    refuse_duplicates(network).map_err(|why| unusable(&why))?;
    let mut network: Value = serde_json::from_str(network).map_err(|why| unusable(&why))?;
    let version = network.as_object_mut().and_then(|fields| fields.remove("version"));
    let network: Network = match version.as_ref().map(Value::as_u64) {
        None | Some(Some(1)) => version_1::network(network).map_err(|why| unusable(&why))?,
        Some(Some(VERSION)) => serde_json::from_value(network).map_err(|why| unusable(&why))?,
        Some(Some(later @ VERSION..)) => {
            return Err(error!(
                Model,
                "the file is of version {later}, and this program reads versions 1 to {VERSION}: it takes a newer pawgrad"
            ));
        }
        Some(_) => return Err(unusable(&format!("its version is {}", version.unwrap_or_default()))),
    };
    network.placed().map_err(|why| of_file(&why))?;
    Ok(network)
}

/// What is wrong with a network that a file describes; nobody chose its sizes here.
fn of_file(why: &Error) -> Error {
    error!(Model, "the file describes no usable network: {}", why.message)
}
