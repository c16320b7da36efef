//! Decoded pictures, with labels.

use super::skip::Skipped;
use std::path::PathBuf;

/// Told how many of how many pictures are decoded, from any thread; answers whether to go on.
pub type Decoding<'a> = dyn Fn(usize, usize) -> bool + Sync + 'a;

/// Decoded pictures of one size, and every other file of their folder.
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
    /// Every file of the folder that is not among the pictures, sorted by path.
    pub skipped: Vec<Skipped>,
}

impl Pictures {
    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// How many pictures each class has.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &label in &self.labels {
            counts[label as usize] += 1;
        }
        counts
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
}
