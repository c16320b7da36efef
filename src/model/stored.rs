//! Named tensors and descriptions as the bytes of a safetensors file, with a checksum of both.
//!
//! Equal values give equal bytes. The safetensors crate keeps metadata in a `HashMap`, whose order changes from run to run, so
//! the header is written here.

use super::header::Header;
use crate::device::memory::room;
use crate::error::{Error, Result, error};
use crate::tensor::{Kind, Tensor};
use safetensors::Dtype;
use std::collections::BTreeMap;
use std::ops::Range;

/// The metadata entry that holds the [`checksum`], in hexadecimal digits. Files of 0.1.0 have none.
pub(super) const CHECKSUM_KEY: &str = "blake3";

/// Digits of a checksum.
const DIGITS: usize = 2 * blake3::OUT_LEN;

/// A tensor and its name in a file.
pub(crate) type Named = (String, Tensor);

/// What a file is made of.
pub(crate) struct Contents<'a> {
    /// A metadata entry, by which a file of this kind is known.
    pub key: &'static str,
    pub description: &'a str,
    /// In the order of the file.
    pub tensors: &'a [Named],
    /// A text of any length, in the place of a last tensor: a header is read within limits.
    pub text: Option<(&'static str, &'a str)>,
    /// Most bytes of the header.
    pub max_header: usize,
    /// Whether the checksum is of the whole header, and not of the description alone, as in models.
    pub covers_header: bool,
}

/// The bytes of a file whose checksum is still to be computed, which takes a while and needs no device.
pub struct Unsealed {
    bytes: Vec<u8>,
    /// Where the tensors' bytes begin.
    data: usize,
    /// What the checksum is of, beside these.
    covered: Vec<u8>,
}

impl Contents<'_> {
    /// Reads the tensors.
    ///
    /// # Errors
    /// `Usage` where names are so long that the file could not be read again, and what the device reports.
    pub async fn read(&self) -> Result<Unsealed> {
        let mut bytes = self.head();
        if bytes.len() > self.max_header {
            return Err(error!(
                Usage,
                "the names of the layers are too long: a header of {} bytes could not be read again",
                bytes.len()
            ));
        }
        let data = bytes.len();
        let text = self.text.map_or("", |(_, text)| text).as_bytes();
        let len: usize = self.tensors.iter().map(|(_, tensor)| tensor.len() * 4).sum();
        let head = std::mem::replace(&mut bytes, room(data + len + text.len())?);
        bytes.extend_from_slice(&head);
        for (_, tensor) in self.tensors {
            let mut words = tensor.read_u32().await?;
            words.iter_mut().for_each(|word| *word = word.to_le());
            bytes.extend_from_slice(bytemuck::cast_slice(&words));
        }
        bytes.extend_from_slice(text);
        let covered = if self.covers_header { head } else { self.description.as_bytes().to_vec() };
        Ok(Unsealed { bytes, data, covered })
    }

    /// What stands before the tensors' bytes: the header, and its length. The checksum is zeros, as many as it has digits.
    fn head(&self) -> Vec<u8> {
        let zeros = "0".repeat(DIGITS);
        let metadata =
            BTreeMap::from([("format", "pt"), (self.key, self.description), (CHECKSUM_KEY, &zeros)]);
        let mut header = serde_json::Map::new();
        header.insert("__metadata__".to_string(), serde_json::json!(metadata));
        let mut offset = 0;
        let mut add = |name: &str, kind, shape: &[usize], bytes: usize| {
            let entry =
                serde_json::json!({"dtype": kind, "shape": shape, "data_offsets": [offset, offset + bytes]});
            header.insert(name.to_string(), entry);
            offset += bytes;
        };
        for (name, tensor) in self.tensors {
            let kind = if tensor.kind() == Kind::F32 { "F32" } else { "U32" };
            add(name, kind, tensor.shape(), tensor.len() * 4);
        }
        if let Some((name, text)) = self.text {
            add(name, "U8", &[text.len()], text.len());
        }
        let mut header = serde_json::Value::Object(header).to_string();
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
    }
}

impl Unsealed {
    /// Refuses infinite and NaN values in the first of the tensors, which they were made of.
    ///
    /// # Errors
    /// `Diverged` with the tensor's name.
    pub(crate) fn refuse_lost(&self, tensors: &[Named]) -> Result<()> {
        let mut rest = &self.bytes[self.data..];
        for (name, tensor) in tensors {
            let (bytes, behind) = rest.split_at(tensor.len() * 4);
            rest = behind;
            let value = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
            let lost = bytes.chunks_exact(4).map(value).find(|value| !value.is_finite());
            if let Some(value) = lost.filter(|_| tensor.kind() == Kind::F32) {
                return Err(error!(Diverged, "the model is no longer usable: {name} holds {value}"));
            }
        }
        Ok(())
    }

    /// With its checksum.
    pub fn seal(self) -> Vec<u8> {
        let Unsealed { mut bytes, data, covered } = self;
        let checksum = checksum(&covered, &bytes[data..]);
        let digits = digits(&bytes[..data]).expect("the head has room for its checksum");
        bytes[digits].copy_from_slice(checksum.as_bytes());
        bytes
    }
}

/// Where a head has the digits of its checksum.
fn digits(head: &[u8]) -> Option<Range<usize>> {
    // In no name or description can this stand: quotes within a text are escaped.
    let before = format!("\"{CHECKSUM_KEY}\":\"");
    let at = head.windows(before.len()).position(|window| window == before.as_bytes())? + before.len();
    (at + DIGITS <= head.len()).then_some(at..at + DIGITS)
}

/// The BLAKE3 hash of a description, or a header, and of the tensors' bytes, in the order of the file.
fn checksum(covered: &[u8], data: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(covered.len() as u64).to_le_bytes()).update(covered).update(data);
    hasher.finalize().to_hex().to_string()
}

fn damaged() -> Error {
    error!(Model, "its bytes are not those that were saved: its checksum differs. Use a copy")
}

/// Whether a file that names its checksum has it: a weight that was flipped on a disk is a number like any other.
pub(super) fn check(header: &Header, key: &str) -> Result<()> {
    match (header.entry(CHECKSUM_KEY), header.entry(key)) {
        (Some(named), Some(description)) if checksum(description.as_bytes(), header.data) != *named => {
            Err(damaged())
        }
        _ => Ok(()),
    }
}

/// A file whose checksum covers its header, taken apart. It is whole.
pub(crate) struct Stored<'a>(Header<'a>);

impl<'a> Stored<'a> {
    /// # Errors
    /// `Model` for a file that is not of the kind of `key`, and for one that is damaged.
    pub fn read(bytes: &'a [u8], key: &str, max_header: usize) -> Result<Stored<'a>> {
        let header = Header::read_within(bytes, max_header)?;
        if header.entry(key).is_none() || header.entry(CHECKSUM_KEY).is_none() {
            return Err(error!(Model, "it is no file of this kind: it lacks {key} or its checksum"));
        }
        let mut head = bytes[..bytes.len() - header.data.len()].to_vec();
        let digits = digits(&head).ok_or_else(damaged)?;
        let named = head[digits.clone()].to_vec();
        head[digits].fill(b'0');
        match checksum(&head, header.data).as_bytes() == named {
            true => Ok(Stored(header)),
            false => Err(damaged()),
        }
    }

    pub fn description(&self, key: &str) -> &str {
        self.0.entry(key).expect("it was there when the file was read")
    }

    /// The text of this name.
    pub fn text(&self, name: &str) -> Result<&'a str> {
        let text = self.0.tensor(name).filter(|(info, _)| info.dtype == Dtype::U8);
        let text = text.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
        text.ok_or_else(|| error!(Model, "it has no text {name}"))
    }

    /// Overwrites these tensors with what the file holds; it holds no others, but for `texts` texts. Where one is missing,
    /// nothing is written.
    ///
    /// # Errors
    /// `Model` for a file of other tensors; what the device reports.
    pub fn restore(&self, tensors: &[Named], texts: usize) -> Result<()> {
        let mut all = Vec::new();
        for (name, tensor) in tensors {
            let wanted = if tensor.kind() == Kind::F32 { Dtype::F32 } else { Dtype::U32 };
            let found = self.0.tensor(name);
            let found = found.filter(|(info, _)| info.dtype == wanted && info.shape == tensor.shape());
            let (_, bytes) = found.ok_or_else(|| {
                let shape = tensor.shape();
                error!(Model, "it has no tensor {name} of the shape {shape:?}: it is of another network")
            })?;
            all.push((tensor, bytes));
        }
        if self.0.names().len() != tensors.len() + texts {
            return Err(error!(Model, "it holds other tensors beside those of this network"));
        }
        for (tensor, bytes) in all {
            let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
            let mut words = room(bytes.len() / 4)?;
            words.extend(bytes.chunks_exact(4).map(word));
            tensor.write_words(&words)?;
        }
        Ok(())
    }
}
