//! Pixels to floats in training: moved, recoloured, partly erased, each picture in its own way.

use crate::cases::{Case, Random, Row, Table, Tolerance, Values};
use crate::cpu::{Input, Output};
use crate::device::Device;
use crate::error::{Result, error};
use crate::kernel::{Grid, Kernel, Pass, Rung, kernel};
use crate::reference::augment::{IDENTITY, Params, ROW};
use crate::tensor::Tensor;

/// What [`input`](super::input::input) makes of pictures that `transforms`, `[batch, ROW]`, changed before, a row for each:
/// as `[batch, channels, height, width]`. The rows are explained at [`ROW`].
///
/// `pixels` are bytes as [`input`](super::input::input) takes them, of 1 or 3 channels. No gradient is recorded: pixels are
/// not trained.
pub fn augment(
    device: &Device,
    pixels: &Tensor,
    transforms: &Tensor,
    shape: [usize; 4],
    mean: f32,
    std_dev: f32,
) -> Result<Tensor> {
    if ![1, 3].contains(&shape[1]) {
        return Err(error!(Other, "augment takes pictures of 1 or 3 channels, not {}", shape[1]));
    }
    if transforms.shape() != [shape[0], ROW] {
        let (batch, given) = (shape[0], transforms.shape());
        return Err(error!(Other, "augment takes transforms as [{batch}, {ROW}], not {given:?}"));
    }
    let [batch, channels, height, width] = shape.map(|size| size as u32);
    let params = Params { batch, channels, height, width, mean, std_dev };
    FORWARD.compute(device, &params, &[pixels, transforms], &shape)
}

const SOURCE: &str = include_str!("../../shaders/augment.wgsl");

const fn elements(p: &Params) -> usize {
    (p.batch * p.channels * p.height * p.width) as usize
}

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[Rung {
        constants: &[("ROW", ROW as f64)],
        ..Rung::plain(SOURCE, &[Pass::new("forward", Grid::Threads(elements))])
    }],
    ..kernel!(augment::forward(pixels: u32, transforms) -> (y), items: |p| p.batch as usize)
};

pub fn cases(table: Table) -> Vec<Case> {
    fn params([batch, channels, height, width]: [u32; 4], mean: f32, std_dev: f32) -> Params {
        Params { batch, channels, height, width, mean, std_dev }
    }
    let sizes = match table {
        Table::Awkward => vec![
            (params([1, 1, 8, 8], 0.0, 1.0), "one small picture"),
            (params([13, 1, 9, 7], 0.5, 0.25), "odd sizes, pictures that end within a word"),
            (params([12, 3, 5, 11], 0.4, 0.25), "three channels"),
            (params([7, 1, 13, 1], 0.0, 1.0), "one pixel wide"),
            (params([7, 3, 1, 6], 0.0, 1.0), "one pixel high"),
            (params([5, 3, 1, 1], 0.4, 0.25), "one pixel"),
            (params([3, 3, 61, 64], 0.0, 1.0), "several threads of the CPU"),
        ],
        Table::Network { image_size, batch } => {
            vec![(params([batch, 1, image_size, image_size], 0.0, 1.0), "a batch of pictures")]
        }
    };
    let shape = |p: &Params, name: &str| match name {
        "pixels" => vec![(p.batch * p.channels * p.height * p.width).div_ceil(4)],
        "transforms" => vec![p.batch, ROW as u32],
        _ => vec![p.batch, p.channels, p.height, p.width],
    };
    Row::new(sizes, shape)
        .random(|dice| {
            let (mean, std_dev) = dice.one_of(&[(0.0, 1.0), (0.5, 0.25)]);
            let channels = dice.one_of(&[1, 3]);
            let [batch, height, width] = dice.sizes([9, 70, 70]);
            params([batch, channels, height, width], mean, std_dev)
        })
        .draw(|p, name, random| {
            (name == "transforms").then(|| Values::Float((0..p.batch).flat_map(|_| row(p, random)).collect()))
        })
        .inexact()
        .bounded(&FORWARD, |_| Tolerance::Sum { terms: 4 }, magnitude)
        .cases()
}

/// A row of any kind: turned, flipped, zoomed, moved by several sizes, with mixed colours, erased at an edge.
fn row(p: &Params, random: &mut Random) -> [f64; ROW] {
    let (height, width) = (f64::from(p.height), f64::from(p.width));
    let mut row = IDENTITY.map(f64::from);
    let [h, w] = match random.below(5) {
        0 => [[1.0, 0.0], [0.0, 1.0]],
        1 => [[1.0, 0.0], [0.0, -1.0]],
        2 => [[0.0, -1.0], [1.0, 0.0]],
        3 => [[0.8, -0.6], [0.6, 0.8]],
        _ => [(); 2].map(|()| [(); 2].map(|()| 2.0 * random.number())),
    };
    let mut shift = |size: f64| match random.below(3) {
        0 => 0.0,
        1 => random.number(),
        _ => 5.0 * size * random.number(),
    };
    row[..6].copy_from_slice(&[h[0], h[1], shift(height), w[0], w[1], shift(width)]);
    match random.below(3) {
        0 => {}
        // Red from green, green from blue, blue from red.
        1 if p.channels == 3 => row[6..15].copy_from_slice(&[0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]),
        _ => row[6..18].iter_mut().for_each(|value| *value = 0.75 * *value + 0.25 * random.number()),
    }
    let [top, left] = [p.height, p.width].map(|size| f64::from(random.below(size)));
    row[18..22].copy_from_slice(&match random.below(5) {
        0 => [0.0; 4],
        1 => [0.0, 0.0, 1.0, width],
        2 => [0.0, 0.0, top + 1.0, left + 1.0],
        3 => [top, left, height, width],
        _ => [top, left, top + 1.0, left + 1.0],
    });
    row.map(|value| f64::from(value as f32))
}

/// What the error is at most four times u of, where u = 2^-24 is the largest error of one operation.
///
/// A position is the sum of a few terms, of size P together, each of which goes through four operations at most: it is off
/// by 4 u P. From one pixel to the next y changes by 1 at most (in units of 255), and it is continuous, mirrored edges
/// included, so as much is the error of y from each axis. Interpolation adds 12 u of a value up to 1, counting what is left
/// of a position, colours 4 u of each product, and division 5 u twice, as WGSL allows 2.5 units in the last place: 22 u or
/// fewer, below 4 u times 6. The offset goes through 9 operations, mean through 6.
///
/// At 64x64 that is a hundredth of the 1 / 255 from one gray level to the next, and a twentieth where a picture is moved by
/// five sizes.
fn magnitude(p: &Params, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
    let transforms = inputs[1].floats();
    let (channels, height, width) = (p.channels as usize, p.height as usize, p.width as usize);
    let centre = |size: usize| 0.5 * (size - 1) as f64;
    for (i, allowed) in outputs[0].floats().iter_mut().enumerate() {
        let (n, c) = (i / (channels * height * width), i / (height * width) % channels);
        let row = &transforms[n * ROW..][..ROW];
        let (h, w) = ((i / width % height) as f64 - centre(height), (i % width) as f64 - centre(width));
        let position =
            |row: &[f64], size| (row[0] * h).abs() + (row[1] * w).abs() + row[2].abs() + centre(size);
        let positions = position(&row[..3], height) + position(&row[3..6], width);
        let colour: f64 = row[6 + 3 * c..][..channels].iter().map(|share| share.abs()).sum();
        let rest = 3.0 * row[15 + c].abs() + 2.0 * f64::from(p.mean).abs();
        *allowed = (colour * (positions + 6.0) + rest) / f64::from(p.std_dev);
    }
}
