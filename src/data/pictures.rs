//! Decoded pictures, with labels.

use super::skip::Skipped;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Told how many of how many pictures are decoded, from any thread; answers whether to go on.
pub type Decoding<'a> = dyn Fn(usize, usize) -> bool + Sync + 'a;

/// What a pixel is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Color {
    /// The luma of BT.601.
    #[default]
    Gray,
    /// Red, green and blue.
    Rgb,
}

impl Color {
    /// Every one, by its name.
    pub const ALL: [(&'static str, Color); 2] = [("gray", Color::Gray), ("rgb", Color::Rgb)];

    /// Bytes of a pixel.
    pub fn channels(self) -> usize {
        match self {
            Color::Gray => 1,
            Color::Rgb => 3,
        }
    }
}

/// What pictures are made into: `size` x `size` pixels of a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Raster {
    pub size: usize,
    pub color: Color,
}

impl Raster {
    /// Bytes of a picture.
    pub fn bytes(self) -> usize {
        self.size * self.size * self.color.channels()
    }
}

/// Gray.
impl From<usize> for Raster {
    fn from(size: usize) -> Raster {
        Raster { size, color: Color::Gray }
    }
}

/// `64x64 pixels`, and `64x64 pixels in colour`
impl std::fmt::Display for Raster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let color = if self.color == Color::Rgb { " in colour" } else { "" };
        write!(f, "{0}x{0} pixels{color}", self.size)
    }
}

/// Decoded pictures of one size, and every other file of their folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Names of the classes; a label is an index into this list.
    pub classes: Vec<String>,
    /// What a picture is made of.
    pub raster: Raster,
    /// `[picture, height, width, channels]`, in the order of `labels` and `paths`.
    pub pixels: Vec<u8>,
    pub labels: Vec<u32>,
    /// Where each picture came from, relative to the folder.
    pub paths: Vec<PathBuf>,
    /// Every file of the folder that is not among the pictures, sorted by path.
    pub skipped: Vec<Skipped>,
}

impl Pictures {
    /// Mean and standard deviation of `pixel / 255` over all pictures and channels; a deviation of 0 counts as 1.
    pub fn statistics(&self) -> (f64, f64) {
        // Exact: 2^64 / 255^2 pixels are more than any disk has.
        let (mut sum, mut squares) = (0u64, 0u64);
        for &pixel in &self.pixels {
            sum += u64::from(pixel);
            squares += u64::from(pixel) * u64::from(pixel);
        }
        let count = self.pixels.len() as f64;
        let mean = sum as f64 / count;
        let variance = (squares as f64 / count - mean * mean).max(0.0);
        let deviation = variance.sqrt() / 255.0;
        (mean / 255.0, if deviation > 0.0 { deviation } else { 1.0 })
    }

    /// A hash of all that training or testing on them depends on, in hexadecimal digits.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for number in [self.raster.size, self.raster.color.channels(), self.classes.len(), self.len()] {
            hasher.update(&(number as u64).to_le_bytes());
        }
        for class in &self.classes {
            hasher.update(&(class.len() as u64).to_le_bytes()).update(class.as_bytes());
        }
        for label in &self.labels {
            hasher.update(&label.to_le_bytes());
        }
        hasher.update(&self.pixels).finalize().to_hex().to_string()
    }

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
        self.raster.bytes()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures(pixels: Vec<u8>) -> Pictures {
        let (classes, labels, paths) = (vec!["a".to_string(), "b".to_string()], vec![0, 1], Vec::new());
        Pictures { classes, raster: 2.into(), pixels, labels, paths, skipped: Vec::new() }
    }

    #[test]
    fn statistics_are_those_of_all_pixels() {
        let (mean, deviation) = pictures(vec![0, 0, 255, 255, 51, 51, 204, 204]).statistics();
        assert!((mean - 0.5).abs() < 1e-12, "{mean}");
        // Half of the pixels are 0.5 away from it, half 0.3.
        assert!((deviation - 0.17f64.sqrt()).abs() < 1e-12, "{deviation}");
        assert_eq!(pictures(vec![51; 8]).statistics(), (0.2, 1.0));
    }
}
