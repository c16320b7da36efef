//! Files: written whole or not at all, and read within limits.

use crate::data::open_regular;
use crate::error::{Error, Remedy, Result, error, shown_path};
use crate::memory;
use atomic_write_file::AtomicWriteFile;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

const MIB: f64 = 1024.0 * 1024.0;

/// Pauses before the tries that follow a write that failed: room may be made, a disk of a network may come back.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(3)];

/// Writes a file whole or not at all.
///
/// # Errors
/// `Write` with the system's reason.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    put(path, bytes).map_err(|why| cannot_write(path, &why))
}

/// As [`replace`], with the system's own error.
pub fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicWriteFile::open(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Writes what a night of work may depend on: what fails is tried again for some seconds, and `told` hears of it.
///
/// # Errors
/// `Write` with the reason of the last try.
pub fn persist(
    path: &Path,
    told: &mut dyn FnMut(&str),
    mut write: impl FnMut() -> io::Result<()>,
) -> Result<()> {
    for pause in PAUSES {
        let Err(why) = write() else { return Ok(()) };
        let seconds = pause.as_secs_f64();
        told(&format!("{}; it is tried again in {seconds:.1} s", cannot_write(path, &why).message));
        std::thread::sleep(pause);
    }
    write().map_err(|why| cannot_write(path, &why))
}

pub fn cannot_write(path: &Path, why: &io::Error) -> Error {
    let free = match (why.kind(), free_space(path)) {
        (io::ErrorKind::StorageFull, Some(free)) => format!(" ({:.0} MiB are free)", free as f64 / MIB),
        _ => String::new(),
    };
    error!(Write, "{} cannot be written: {why}{free}", shown_path(path))
}

/// Whether there is room for so many bytes in a folder, which need not be there yet.
///
/// # Errors
/// `Write`, with the numbers, where there is not.
pub fn check_room(folder: &Path, what: &str, bytes: u64) -> Result<()> {
    match free_space(folder) {
        Some(free) if free < bytes => {
            let [bytes, free] = [bytes, free].map(|bytes| bytes as f64 / MIB);
            let folder = shown_path(folder);
            let why = error!(
                Write,
                "{what} takes about {bytes:.0} MiB in {folder}, and {free:.0} MiB are free on its disk"
            );
            Err(why.with(Remedy::OtherFolder))
        }
        _ => Ok(()),
    }
}

/// Bytes that may still be written to the disk of a file or folder, which need not be there yet; `None` where the system does
/// not say.
fn free_space(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    // Some file systems count nothing.
    fs4::total_space(there).ok().filter(|&bytes| bytes > 0)?;
    fs4::available_space(there).ok()
}

/// A model or weights file as bytes.
///
/// # Errors
/// `Model` for what cannot be read, or is no regular file; `OutOfMemory` for more than there is memory for.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let name = shown_path(path);
    let cannot = |why: &dyn std::fmt::Display| error!(Model, "{name} cannot be read: {why}");
    let (file, len) = open_regular(path).map_err(|why| cannot(&why))?;
    memory::check(&format!("reading {name}"), &[("the file", len)])?;
    let mut bytes = Vec::new();
    let size = usize::try_from(len).unwrap_or(usize::MAX);
    bytes
        .try_reserve_exact(size)
        .map_err(|_| error!(OutOfMemory, "no memory for the {size} bytes of {name}"))?;
    // No more than was there: what has no end, such as files of /proc, says that it is empty.
    file.take(len).read_to_end(&mut bytes).map_err(|why| cannot(&why))?;
    Ok(bytes)
}

/// A text of at most so many bytes.
///
/// # Errors
/// Where it cannot be read, is no regular file, too long, or no text.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let (file, len) = open_regular(path)?;
    if len > most {
        return Err(io::Error::other(format!("it has {len} bytes; at most {most} are read")));
    }
    let mut text = String::new();
    file.take(len).read_to_string(&mut text)?;
    Ok(text)
}

/// The error with the file's name in front.
pub fn named(file: &Path, why: Error) -> Error {
    let message = format!("{}: {}", shown_path(file), why.message);
    why.saying(message)
}
