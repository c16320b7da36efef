//! All maps of a layer as one picture.

use super::answer::{Answer, png};
use crate::device::memory::room;
use crate::error::Result;
use crate::memory;
use axum::response::Response;

/// What black and white are, in each map for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// From the smallest value, 0, to the largest, 255.
    Own,
    /// 0 is 128, and the largest magnitude is 1 or 255.
    AroundZero,
}

impl Range {
    /// What makes a byte of a map's value.
    fn byte_of(self, map: &[f32]) -> Box<dyn Fn(f32) -> u8> {
        let fold = |pick: fn(f32, f32) -> f32, start| map.iter().copied().fold(start, pick);
        let (least, most) = (fold(f32::min, f32::INFINITY), fold(f32::max, f32::NEG_INFINITY));
        let largest = most.max(-least);
        match self {
            Range::Own => {
                let scale = if most > least { 255.0 / (most - least) } else { 0.0 };
                Box::new(move |value| ((value - least) * scale).round() as u8)
            }
            // First the division: 127 by the smallest of numbers is infinite.
            Range::AroundZero if largest > 0.0 => {
                Box::new(move |value| (128.0 + (value / largest * 127.0).round()) as u8)
            }
            Range::AroundZero => Box::new(|_| 128),
        }
    }
}

/// The PNG of maps `[channels, height, width]`, in rows of maps, as many as there are rows.
///
/// # Errors
/// Where there is no room for them.
pub fn draw(name: &str, values: &[f32], shape: [usize; 3], range: Range) -> Answer<Response> {
    let [channels, height, width] = shape;
    let pixels = values.len() as u64;
    // A PNG of maps is hardly smaller than they are, and is made in a list that doubles, and once more as it is copied.
    let needs = [("maps", pixels), ("their picture", 4 * pixels)];
    memory::check(&format!("the picture of {name}"), &needs)?;
    let (atlas, columns) = atlas(values, shape, range)?;
    png(&atlas, columns * width, channels.div_ceil(columns) * height)
}

/// Maps side by side, as bytes, and how many of them make a row.
///
/// # Errors
/// `OutOfMemory` where there is no room for them.
fn atlas(values: &[f32], [channels, height, width]: [usize; 3], range: Range) -> Result<(Vec<u8>, usize)> {
    let columns = (1..).find(|columns| columns * columns >= channels).expect("there is a root");
    let len = columns * width * channels.div_ceil(columns) * height;
    let mut pixels = room(len)?;
    pixels.resize(len, 0);
    for (channel, map) in values.chunks(height * width).enumerate() {
        let byte = range.byte_of(map);
        let (top, left) = (channel / columns * height, channel % columns * width);
        for (row, line) in map.chunks(width).enumerate() {
            let first = (top + row) * columns * width + left;
            for (pixel, &value) in pixels[first..first + width].iter_mut().zip(line) {
                *pixel = byte(value);
            }
        }
    }
    Ok((pixels, columns))
}

#[cfg(test)]
mod tests {
    use super::{Range, atlas};

    #[test]
    fn maps_lie_row_by_row_each_with_its_own_range() {
        // Three maps of 1 x 2: two columns, the fourth place stays black.
        let values = [0.0, 1.0, 5.0, 5.0, -2.0, -4.0];
        let (pixels, columns) = atlas(&values, [3, 1, 2], Range::Own).unwrap();
        assert_eq!(columns, 2);
        assert_eq!(pixels, [0, 255, 0, 0, 255, 0, 0, 0]);
    }

    #[test]
    fn around_zero_the_sign_is_kept_however_small_the_values() {
        let values = [0.0, 1.0, 0.0, 0.0, -2e-42, 1e-42, f32::NAN, -4.0];
        let (pixels, _) = atlas(&values, [4, 1, 2], Range::AroundZero).unwrap();
        assert_eq!(pixels, [128, 255, 128, 128, 1, 192, 0, 1]);
    }
}
