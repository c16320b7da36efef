//! Files, whole or not at all.

use crate::error::{Error, Result, error};
use atomic_write_file::AtomicWriteFile;
use std::io::Write;
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
pub fn read_file(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|why| error!(Model, "{} cannot be read: {why}", file.display()))
}

/// The error with the file's name in front.
pub fn named(file: &Path, why: Error) -> Error {
    let message = format!("{}: {}", file.display(), why.message);
    why.saying(message)
}
