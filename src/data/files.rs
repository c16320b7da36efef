//! Files into pictures.

use super::decode::MAX_MEMORY;
use super::folder::Folder;
use super::opened::decode_file;
use super::pictures::{Decoding, Pictures, Raster};
use super::skip::{Skip, Skipped};
use super::walk::{sort_key, stopped};
use crate::error::{Remedy, Result, error, shown_path};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

impl Pictures {
    /// Decodes every file of the folder to the pixels of `raster`, on all threads of rayon's pool.
    ///
    /// The result does not depend on the threads. `progress(done, total)` is called once per file, from any
    /// thread; two calls may arrive out of order. Where it says no, no other file is begun. A bad file never ends a run: see [`Pictures::skipped`].
    ///
    /// # Errors
    /// `Data` if a class has no picture left, `OutOfMemory` if all of them do not fit into memory, `Interrupted` where
    /// `progress` said no.
    pub fn load(folder: &Folder, raster: impl Into<Raster>, progress: &Decoding) -> Result<Pictures> {
        let raster = raster.into();
        let picture_bytes = raster.bytes();
        let total = folder.files.len();
        let done = AtomicUsize::new(0);

        // Each picture is decoded into its place, so that all of them are never held twice.
        let mut pixels = Vec::new();
        pixels.try_reserve_exact(total.saturating_mul(picture_bytes)).map_err(|_| {
            let why = error!(OutOfMemory, "no memory for {total} pictures of {raster}");
            why.with(Remedy::SmallerImageSize)
        })?;
        pixels.resize(total * picture_bytes, 0);
        let reasons: Option<Vec<Option<Skip>>> = folder
            .files
            .par_iter()
            .zip(pixels.par_chunks_mut(picture_bytes))
            // Decoding takes long enough to hand out files one by one: big ones often lie side by side.
            .with_max_len(1)
            .map(|(file, place)| {
                let reason = match decode_file(&folder.root.join(&file.path), raster) {
                    Ok(picture) => {
                        place.copy_from_slice(&picture);
                        None
                    }
                    Err(reason) => Some(reason),
                };
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, total).then_some(reason)
            })
            .collect();
        let reasons = reasons.ok_or_else(stopped)?;
        // Which pictures are used may not depend on what other programs leave.
        if let Some(index) = reasons.iter().position(|reason| *reason == Some(Skip::OutOfMemory)) {
            let (path, memory) = (shown_path(&folder.root.join(&folder.files[index].path)), MAX_MEMORY >> 20);
            let why =
                error!(OutOfMemory, "no memory to decode {path}; decoders take up to {memory} MiB together");
            return Err(why);
        }

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
        let pictures = Pictures::new(folder, raster, pixels, reasons);
        pictures.check_classes(folder)?;
        Ok(pictures)
    }

    /// The `pixels` of all files of the folder that have no reason to be skipped.
    pub(super) fn new(
        folder: &Folder,
        raster: Raster,
        pixels: Vec<u8>,
        reasons: Vec<Option<Skip>>,
    ) -> Pictures {
        let mut pictures = Pictures {
            classes: folder.classes.clone(),
            raster,
            pixels,
            labels: Vec::with_capacity(folder.files.len()),
            paths: Vec::with_capacity(folder.files.len()),
            skipped: folder.passed.clone(),
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
        pictures.skipped.sort_by_cached_key(|skipped| sort_key(&skipped.path));
        pictures
    }

    fn check_classes(&self, folder: &Folder) -> Result<()> {
        for (label, class) in (0..).zip(&self.classes) {
            if self.labels.contains(&label) {
                continue;
            }
            let dir = shown_path(&folder.root.join(class));
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
