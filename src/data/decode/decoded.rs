//! What every decoder makes.

use super::budget::Part;
use super::orientation::Orientation;
use image::{DynamicImage, ImageBuffer};

/// A picture at its own size, as it is stored.
pub struct Decoded {
    pub picture: DynamicImage,
    pub orientation: Orientation,
    pub memory: Part,
}

impl Decoded {
    /// Of as many times `M` bytes as there are pixels.
    pub fn new<const M: usize>(
        [width, height]: [usize; 2],
        bytes: Vec<u8>,
        orientation: Orientation,
        memory: Part,
    ) -> Decoded {
        let (width, height) = (width as u32, height as u32);
        let picture = match M {
            1 => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageLuma8),
            _ => ImageBuffer::from_raw(width, height, bytes).map(DynamicImage::ImageRgb8),
        };
        Decoded { picture: picture.expect("so many bytes per pixel"), orientation, memory }
    }
}
