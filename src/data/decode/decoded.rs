//! What every decoder makes.

use super::budget::Part;
use super::orientation::Orientation;
use image::GrayImage;

/// A picture at its own size, as it is stored.
pub struct Decoded {
    pub gray: GrayImage,
    pub orientation: Orientation,
    pub memory: Part,
}

impl Decoded {
    /// Of as many gray bytes as there are pixels.
    pub fn new(
        [width, height]: [usize; 2],
        gray: Vec<u8>,
        orientation: Orientation,
        memory: Part,
    ) -> Decoded {
        let gray = GrayImage::from_raw(width as u32, height as u32, gray).expect("one byte per pixel");
        Decoded { gray, orientation, memory }
    }
}
