//! Pictures: from a folder of files to batches of bytes and labels.
//!
//! ```text
//! Folder::scan  ->  Pictures::load  ->  batches::epoch_order  ->  Pictures::gather
//! names only        decode_file         indices                   Batch
//!                   or Cache::load
//! ```
//!
//! Nothing here knows of a device: pixels are bytes, labels are class indices.

pub mod batches;
pub mod cache;
pub mod decode;
pub mod folder;
pub mod pictures;
mod resize;
pub mod synthetic;

pub use batches::{Batch, epoch_order};
pub use cache::Cache;
pub use decode::{Skip, decode_bytes, decode_file};
pub use folder::Folder;
pub use pictures::{Pictures, Skipped};

use crate::error::Result;
use std::path::Path;

/// All pictures of a folder at this size: from the user's cache, where there is one, or decoded now.
///
/// # Errors
/// As [`Pictures::load`].
pub fn load(folder: &Folder, size: usize, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Pictures> {
    match Cache::of_user() {
        Some(cache) => cache.load(folder, size, progress),
        None => Pictures::load(folder, size, progress),
    }
}

/// A path for a message of one line: a newline or an escape code in a file's name stays visible and harmless.
fn shown(path: &Path) -> String {
    let mut text = String::new();
    for c in path.display().to_string().chars() {
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}
