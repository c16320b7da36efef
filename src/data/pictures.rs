//! All pictures of a folder, decoded.

use super::{Folder, Skip, decode_file, shown};
use crate::error::{Result, error};
use rayon::prelude::*;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Decoded pictures of one size, and what could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Names of the classes; a label is an index into this list.
    pub classes: Vec<String>,
    /// Width and height of a picture in pixels.
    pub size: usize,
    /// Bytes of a pixel: 1, gray.
    pub channels: usize,
    /// `[picture, height, width, channels]`, in the order of `labels` and `paths`.
    pub pixels: Vec<u8>,
    pub labels: Vec<u32>,
    /// Where each picture came from, relative to the folder.
    pub paths: Vec<PathBuf>,
    /// Files that are not among the pictures, in the folder's order.
    pub skipped: Vec<Skipped>,
}

/// A file that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Relative to the folder.
    pub path: PathBuf,
    pub reason: Skip,
}

/// One line: control characters in the file's name are escaped.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shown(&self.path), self.reason)
    }
}

impl Pictures {
    /// Decodes every file of the folder to `size` x `size` pixels, on all threads of rayon's pool.
    ///
    /// The result does not depend on the threads. `progress(done, total)` is called once per file, from any
    /// thread; two calls may arrive out of order. A bad file never ends a run: see [`Pictures::skipped`].
    ///
    /// # Errors
    /// `Data` if a class has no picture left, `OutOfMemory` if all of them do not fit into memory.
    pub fn load(folder: &Folder, size: usize, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Pictures> {
        let picture_bytes = size * size;
        let total = folder.files.len();
        let done = AtomicUsize::new(0);

        // Each picture is decoded into its place, so that all of them are never held twice.
        let mut pixels = Vec::new();
        pixels.try_reserve_exact(total.saturating_mul(picture_bytes)).map_err(|_| {
            error!(
                OutOfMemory,
                "no memory for {total} pictures of {size}x{size} pixels: use a smaller --image-size"
            )
        })?;
        pixels.resize(total * picture_bytes, 0);
        let reasons: Vec<Option<Skip>> = folder
            .files
            .par_iter()
            .zip(pixels.par_chunks_mut(picture_bytes))
            // Decoding takes long enough to hand out files one by one: big ones often lie side by side.
            .with_max_len(1)
            .map(|(file, place)| {
                let reason = match decode_file(&folder.root.join(&file.path), size) {
                    Ok(picture) => {
                        place.copy_from_slice(&picture);
                        None
                    }
                    Err(reason) => Some(reason),
                };
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
                reason
            })
            .collect();

        // Closes the gaps that skipped files left.
        let mut end = 0;
        for (index, reason) in reasons.iter().enumerate() {
            if reason.is_none() {
                let from = index * picture_bytes;
                pixels.copy_within(from..from + picture_bytes, end);
                end += picture_bytes;
            }
        }
        pixels.truncate(end);
        let pictures = Pictures::new(folder, size, pixels, reasons);
        pictures.check_classes(folder)?;
        Ok(pictures)
    }

    /// The `pixels` of all files that have no reason to be skipped.
    pub(super) fn new(folder: &Folder, size: usize, pixels: Vec<u8>, reasons: Vec<Option<Skip>>) -> Pictures {
        let mut pictures = Pictures {
            classes: folder.classes.clone(),
            size,
            channels: 1,
            pixels,
            labels: Vec::with_capacity(folder.files.len()),
            paths: Vec::with_capacity(folder.files.len()),
            skipped: Vec::new(),
        };
        for (file, reason) in folder.files.iter().zip(reasons) {
            match reason {
                Some(reason) => pictures.skipped.push(Skipped { path: file.path.clone(), reason }),
                None => {
                    pictures.labels.push(file.label);
                    pictures.paths.push(file.path.clone());
                }
            }
        }
        pictures
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes of one picture.
    pub fn picture_bytes(&self) -> usize {
        self.size * self.size * self.channels
    }

    /// The bytes of a picture: `[height, width, channels]`.
    ///
    /// # Panics
    /// If `index` is not below `len()`.
    pub fn picture(&self, index: usize) -> &[u8] {
        let bytes = self.picture_bytes();
        &self.pixels[index * bytes..(index + 1) * bytes]
    }

    fn check_classes(&self, folder: &Folder) -> Result<()> {
        for (label, class) in (0..).zip(&self.classes) {
            if self.labels.contains(&label) {
                continue;
            }
            let dir = shown(&folder.root.join(class));
            let of_class = self.skipped.iter().filter(|skipped| skipped.path.starts_with(class));
            let examples: String = of_class.clone().take(3).map(|skipped| format!("\n  {skipped}")).collect();
            let count = of_class.count();
            return Err(error!(
                Data,
                "none of the {count} files in {dir} could be decoded; put readable pictures there:{examples}"
            ));
        }
        Ok(())
    }
}
