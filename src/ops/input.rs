//! Pixels to floats: what every network starts with.

use crate::device::Device;
use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::input::Params;
use crate::tensor::Tensor;

/// `(pixel / 255 - mean) / std_dev`, as `[batch, channels, height, width]`.
///
/// `pixels` are bytes in `[batch, height, width, channels]`, four to a word, the first lowest;
/// [`pack`] makes them. No gradient is recorded: pixels are not trained.
pub fn input(device: &Device, pixels: &Tensor, shape: [usize; 4], mean: f32, std_dev: f32) -> Result<Tensor> {
    let [batch, channels, height, width] = shape.map(|size| size as u32);
    let params = Params { batch, channels, height, width, mean, std_dev };
    FORWARD.compute(device, &params, &[pixels], &shape)
}

/// Bytes as words, four to each, the first in the lowest bits.
pub fn pack(bytes: &[u8]) -> Vec<u32> {
    let word = |four: &[u8]| four.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
    bytes.chunks(4).map(word).collect()
}

const SOURCE: &str = include_str!("../../shaders/input.wgsl");

pub static FORWARD: Kernel<Params> = kernel!(input::forward(pixels: u32) -> (y), items: |p| (p.batch * p.channels * p.height * p.width) as usize);
