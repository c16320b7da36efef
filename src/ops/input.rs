//! Pixels to floats: what every network starts with.

use crate::cases::{Case, Row, Table, Tolerance};
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

/// The pixels of pictures (bytes `[batch, height, width, channels]`) on a device, as [`input`] takes them.
pub fn upload(device: &Device, pixels: &[u8]) -> Result<Tensor> {
    let words = pack(pixels);
    Tensor::from_u32(device, &[words.len()], &words)
}

/// Bytes as words, four to each, the first in the lowest bits.
pub fn pack(bytes: &[u8]) -> Vec<u32> {
    let (whole, rest) = bytes.as_chunks();
    let word = |rest: &[u8]| rest.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
    let whole = whole.iter().map(|four| u32::from_le_bytes(*four));
    whole.chain((!rest.is_empty()).then(|| word(rest))).collect()
}

const SOURCE: &str = include_str!("../../shaders/input.wgsl");
const FOUR_SOURCE: &str = include_str!("../../shaders/input.2_four.wgsl");

pub static FORWARD: Kernel<Params> = kernel!(
    input::forward(pixels: u32) -> (y),
    items: |p| (p.batch * p.channels * p.height * p.width) as usize, four);

pub fn cases(table: Table) -> Vec<Case> {
    fn params([batch, channels, height, width]: [u32; 4], mean: f32, std_dev: f32) -> Params {
        Params { batch, channels, height, width, mean, std_dev }
    }
    let sizes = match table {
        Table::Awkward => vec![
            (params([1, 1, 8, 8], 0.0, 1.0), "one small picture"),
            (params([3, 1, 9, 7], 0.0, 1.0), "pictures that end within a word"),
            (params([2, 3, 5, 11], 0.4, 0.25), "three channels, with mean and standard deviation"),
        ],
        Table::Network { image_size, batch } => {
            vec![(params([batch, 1, image_size, image_size], 0.0, 1.0), "a batch of pictures")]
        }
    };
    let shape = |p: &Params, name: &str| match name {
        "pixels" => vec![(p.batch * p.channels * p.height * p.width).div_ceil(4)],
        _ => vec![p.batch, p.channels, p.height, p.width],
    };
    Row::new(sizes, shape)
        .random(|dice| {
            // A mean that is added: where it cancels nearly all of a pixel, what is left is as inexact as the pixel was.
            let (mean, std_dev) = dice.one_of(&[(0.0, 1.0), (-0.4, 0.25)]);
            params(dice.sizes([9, 5, 70, 70]), mean, std_dev)
        })
        .inexact()
        .kernel(&FORWARD, |_| Tolerance::Elementwise)
        .cases()
}
