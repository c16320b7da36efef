//! Named tensors and a description as the bytes of a safetensors file, with a checksum of both.
//!
//! Equal values give equal bytes. The safetensors crate keeps metadata in a `HashMap`, whose order changes from run to run, so
//! the header is written here.

use super::header::{Header, MAX_HEADER};
use crate::device::memory::room;
use crate::error::{Result, error};
use crate::tensor::{Kind, Tensor};
use std::collections::BTreeMap;

/// The metadata entry that holds [`checksum`], in hexadecimal digits. Files of 0.1.0 have none.
pub(super) const CHECKSUM_KEY: &str = "blake3";

/// The bytes of a file of these tensors, in this order; `description` is the metadata entry `key`.
///
/// # Errors
/// `Diverged` where an f32 is infinite or NaN, `Usage` where names are so long that the file could not be read again, and what
/// the device reports.
pub(crate) async fn encode(tensors: &[(String, Tensor)], key: &str, description: &str) -> Result<Vec<u8>> {
    // A checksum has as many digits as any other, so that the length of the header is known before.
    let head = head(tensors, key, description, &"0".repeat(2 * blake3::OUT_LEN));
    if head.len() > MAX_HEADER {
        let len = head.len();
        return Err(error!(
            Usage,
            "the names of the layers are too long: a header of {len} bytes could not be read again"
        ));
    }
    let len: usize = tensors.iter().map(|(_, tensor)| tensor.len() * 4).sum();
    let mut bytes = room(head.len() + len)?;
    bytes.extend_from_slice(&head);
    for (name, tensor) in tensors {
        let words = tensor.read_u32().await?;
        let is_lost = |word: &u32| tensor.kind() == Kind::F32 && !f32::from_bits(*word).is_finite();
        if let Some(word) = words.iter().find(|word| is_lost(word)) {
            let value = f32::from_bits(*word);
            return Err(error!(Diverged, "the model is no longer usable: {name} holds {value}"));
        }
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    let checksum = checksum(description, &bytes[head.len()..]);
    bytes[..head.len()].copy_from_slice(&self::head(tensors, key, description, &checksum));
    Ok(bytes)
}

/// What stands before the tensors' bytes: the header, and its length.
fn head(tensors: &[(String, Tensor)], key: &str, description: &str, checksum: &str) -> Vec<u8> {
    let metadata = BTreeMap::from([("format", "pt"), (key, description), (CHECKSUM_KEY, checksum)]);
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_string(), serde_json::json!(metadata));
    let mut offset = 0;
    for (name, tensor) in tensors {
        let end = offset + tensor.len() * 4;
        let kind = if tensor.kind() == Kind::F32 { "F32" } else { "U32" };
        let entry =
            serde_json::json!({"dtype": kind, "shape": tensor.shape(), "data_offsets": [offset, end]});
        header.insert(name.clone(), entry);
        offset = end;
    }
    let mut header = serde_json::Value::Object(header).to_string();
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
}

/// The BLAKE3 hash of a description and of the tensors' bytes, in the order of the file.
fn checksum(description: &str, data: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(description.len() as u64).to_le_bytes()).update(description.as_bytes()).update(data);
    hasher.finalize().to_hex().to_string()
}

/// Whether a file that names its checksum has it: a weight that was flipped on a disk is a number like any other.
pub(super) fn check(header: &Header, key: &str) -> Result<()> {
    match (header.entry(CHECKSUM_KEY), header.entry(key)) {
        (Some(named), Some(description)) if checksum(description, header.data) != *named => {
            Err(error!(Model, "its bytes are not those that were saved: its checksum differs. Use a copy"))
        }
        _ => Ok(()),
    }
}

/// Takes a file of [`encode`] apart: its description is returned, and `tensors` are overwritten with what it holds. Nothing is
/// written unless all of it can be used.
///
/// # Errors
/// `Model` for a file of another kind, one that is damaged, and one of other tensors.
pub(crate) fn restore(bytes: &[u8], key: &str, tensors: &[(String, Tensor)]) -> Result<String> {
    let header = Header::read(bytes)?;
    let description = header
        .entry(key)
        .filter(|_| header.entry(CHECKSUM_KEY).is_some())
        .ok_or_else(|| error!(Model, "it is no file of this kind: it has no entry {key}"))?;
    check(&header, key)?;
    let mut all = Vec::new();
    for (name, tensor) in tensors {
        let wanted =
            if tensor.kind() == Kind::F32 { safetensors::Dtype::F32 } else { safetensors::Dtype::U32 };
        let found =
            header.tensor(name).filter(|(info, _)| info.dtype == wanted && info.shape == tensor.shape());
        let (_, bytes) = found.ok_or_else(|| {
            error!(
                Model,
                "it has no tensor {name} of the shape {:?}: it is of another network",
                tensor.shape()
            )
        })?;
        let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let mut words = room(bytes.len() / 4)?;
        words.extend(bytes.chunks_exact(4).map(word));
        all.push((tensor, words));
    }
    if header.names().len() != tensors.len() {
        return Err(error!(Model, "it holds other tensors beside those of this network"));
    }
    for (tensor, words) in all {
        tensor.write_words(&words)?;
    }
    Ok(description.to_string())
}
