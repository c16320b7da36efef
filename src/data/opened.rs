//! One file, read no further than needed.

use super::decode::{FILES, Part, START, decode_bytes, format_of, reserved};
use super::pictures::Raster;
use super::regular::open_regular;
use super::skip::Skip;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads a file; see [`decode_bytes`].
///
/// # Errors
/// As [`decode_bytes`], and when the file cannot be read.
pub fn decode_file(path: &Path, raster: impl Into<Raster>) -> Result<Vec<u8>, Skip> {
    let picture = Opened::open(path)?;
    let mut bytes = reserved(picture.start.len() + picture.rest.limit() as usize)?;
    let (start, rest) = bytes.split_at_mut(picture.start.len());
    start.copy_from_slice(&picture.start);
    let mut file = picture.rest;
    file.read_exact(rest).map_err(unreadable)?;
    decode_bytes(&bytes, raster)
}

/// The file of a picture, of which no more was read than what says that it is one.
pub(super) struct Opened {
    pub start: Vec<u8>,
    pub rest: io::Take<File>,
    /// As if the whole file were in memory.
    _memory: Part,
}

impl Opened {
    pub fn open(path: &Path) -> Result<Opened, Skip> {
        let (start, rest) = begin(path)?;
        let memory = FILES.take(start.len() as u64 + rest.limit())?;
        Ok(Opened { start, rest, _memory: memory })
    }
}

/// Whether a file is a picture by its first bytes.
///
/// # Errors
/// Why it is none.
pub(super) fn look(path: &Path) -> Result<(), Skip> {
    begin(path).map(|_| ())
}

fn begin(path: &Path) -> Result<(Vec<u8>, io::Take<File>), Skip> {
    let (mut file, len) = open_regular(path).map_err(unreadable)?;
    let mut start = Vec::new();
    // No more than its length: files that the system makes up have none, and may wait for what is to come.
    file.by_ref().take(len.min(START as u64)).read_to_end(&mut start).map_err(unreadable)?;
    format_of(&start)?;
    let rest = file.take(len.saturating_sub(start.len() as u64));
    Ok((start, rest))
}

fn unreadable(why: io::Error) -> Skip {
    Skip::Unreadable(why.to_string())
}
