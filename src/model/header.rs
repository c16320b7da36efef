//! The header of a safetensors file: read once, and within limits. Files may be hostile.

use crate::error::{Error, Result, error, shown};
use safetensors::SafeTensors;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// Most bytes of a header. That of the default network has 3 KB, and one of as many layers as a network may have 800 KB; a
/// parsed value takes 32 bytes, however short it is written.
pub(crate) const MAX_HEADER: usize = 1 << 20;

/// Where the length of the header ends.
const LEN: usize = 8;

/// What a file says of its tensors, and their bytes.
pub(super) struct Header<'a> {
    metadata: Metadata,
    /// All that follows the header.
    pub data: &'a [u8],
}

impl<'a> Header<'a> {
    /// # Errors
    /// `Model` for what is no whole safetensors file, is too long, or says something twice.
    pub fn read(bytes: &'a [u8]) -> Result<Header<'a>> {
        Header::read_within(bytes, MAX_HEADER)
    }

    /// As [`read`](Header::read), where the header may have so many bytes.
    pub fn read_within(bytes: &'a [u8], most: usize) -> Result<Header<'a>> {
        let len = bytes.first_chunk::<LEN>().map(|len| u64::from_le_bytes(*len));
        if let Some(len @ 1..) = len
            && len > most as u64
            && bytes.len() as u64 - LEN as u64 >= len
        {
            return Err(error!(Model, "its header has {len} bytes; at most {most} are read"));
        }
        let (len, metadata) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
        let text = std::str::from_utf8(&bytes[LEN..LEN + len]).expect("it was read");
        refuse_duplicates(text).map_err(|why| error!(Model, "its header cannot be used: {}", shown(why)))?;
        Ok(Header { metadata, data: &bytes[LEN + len..] })
    }

    /// An entry of the file's metadata.
    pub fn entry(&self, key: &str) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// What it says of a tensor, and the tensor's bytes.
    pub fn tensor(&self, name: &str) -> Option<(&TensorInfo, &'a [u8])> {
        let info = self.metadata.info(name)?;
        Some((info, &self.data[info.data_offsets.0..info.data_offsets.1]))
    }

    /// Names of all tensors, in the order of their bytes.
    pub fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }
}

fn not_safetensors(why: safetensors::SafeTensorError) -> Error {
    error!(Model, "not a whole safetensors file: {}", shown(why))
}

/// # Errors
/// For an object of a JSON text that has two values for one key: which of them counts is not said anywhere, so that two
/// readers would see two different files.
pub(super) fn refuse_duplicates(json: &str) -> serde_json::Result<()> {
    serde_json::from_str::<Unique>(json).map(|_| ())
}

/// Any value whose objects name no key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Unique, D::Error> {
        deserializer.deserialize_any(UniqueVisitor)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_unit<E>(self) -> std::result::Result<Unique, E> {
        Ok(Unique)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> std::result::Result<Unique, A::Error> {
        while values.next_element::<Unique>()?.is_some() {}
        Ok(Unique)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Unique, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format_args!("\"{key}\" stands in it twice")));
            }
            keys.insert(key);
            entries.next_value::<Unique>()?;
        }
        Ok(Unique)
    }
}
