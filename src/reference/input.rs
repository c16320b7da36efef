//! The network's first step: 8-bit pixels to floats, channel by channel.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. pixels are `[batch, height, width, channels]` bytes, y is `[batch, channels, height, width]`.
    pub struct Params {
        pub batch: u32,
        pub channels: u32,
        pub height: u32,
        pub width: u32,
        pub mean: f32,
        /// Standard deviation that values are divided by.
        pub std_dev: f32,
    }
}

/// `y[n, c, h, w] = (pixels[n, h, w, c] / 255 - mean) / std_dev`; an item is one element of y.
///
/// Four bytes are packed into a word, the first in its lowest bits: shaders have no bytes.
pub fn forward<T: Real>(p: &Params, elements: Range<usize>, pixels: &[u32], y: &mut [T]) {
    let (channels, area) = (p.channels as usize, (p.height * p.width) as usize);
    for (element, y) in elements.zip(y) {
        let (n, c, position) = (element / (channels * area), element / area % channels, element % area);
        let byte = (n * area + position) * channels + c;
        let value = pixels[byte / 4] >> (8 * (byte % 4)) & 255;
        *y = (T::of(value as f32) / T::of(255.0) - T::of(p.mean)) / T::of(p.std_dev);
    }
}
