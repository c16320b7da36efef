//! Files, whole or not at all.

use crate::error::{Error, Result, error};
use crate::memory;
use atomic_write_file::AtomicWriteFile;
use std::io::{Read, Write};
use std::path::Path;

/// Writes a file whole or not at all.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(bytes)?;
        file.commit()
    };
    write().map_err(|why| cannot_write(path, &why))
}

pub fn cannot_write(path: &Path, why: &std::io::Error) -> Error {
    error!(Write, "{} cannot be written: {why}", path.display())
}

/// A model or weights file as bytes.
///
/// # Errors
/// `Model` for what cannot be read, or is no regular file: a pipe would be waited for, and a device has no end.
/// `OutOfMemory` for more than there is memory for.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let name = path.display();
    let cannot = |why: &dyn std::fmt::Display| error!(Model, "{name} cannot be read: {why}");
    let about = std::fs::metadata(path).map_err(|why| cannot(&why))?;
    if !about.is_file() {
        let what = if about.is_dir() { "a folder" } else { "no regular file" };
        return Err(cannot(&format!("it is {what}")));
    }
    memory::check(&format!("reading {name}"), &[("the file", about.len())])?;
    let mut bytes = Vec::new();
    let size = usize::try_from(about.len()).unwrap_or(usize::MAX);
    bytes
        .try_reserve_exact(size)
        .map_err(|_| error!(OutOfMemory, "no memory for the {size} bytes of {name}"))?;
    let file = std::fs::File::open(path).map_err(|why| cannot(&why))?;
    // No more than was there: what has no end, such as files of /proc, says that it is empty.
    file.take(about.len()).read_to_end(&mut bytes).map_err(|why| cannot(&why))?;
    Ok(bytes)
}

/// The error with the file's name in front.
pub fn named(file: &Path, why: Error) -> Error {
    let message = format!("{}: {}", file.display(), why.message);
    why.saying(message)
}
