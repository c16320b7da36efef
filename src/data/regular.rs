//! Regular files.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// A regular file, and its length.
///
/// # Errors
/// Where it cannot be opened, or is something else: a pipe would be waited for, and a device has no end.
pub fn open_regular(path: &Path) -> io::Result<(File, u64)> {
    // Before it is opened, which waits where it is a pipe.
    let about = fs::metadata(path)?;
    if !about.is_file() {
        let what = if about.is_dir() { "a folder" } else { "no regular file" };
        return Err(io::Error::other(format!("it is {what}")));
    }
    Ok((File::open(path)?, about.len()))
}
