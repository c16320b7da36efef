//! The table of cases: one row per op.
//!
//! Sizes are awkward on purpose (batch 1, odd, prime, one more and one less than a tile, one and many
//! channels); `why` says what each is there for and is printed when it fails.

use super::compare::Tolerance;
use super::erased::{Call, call};
use crate::kernel::Kernel;
use crate::ops;
use crate::optim::Adam;
use crate::reference::{self, Params};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// One kernel, one set of sizes, and how to draw its inputs.
pub struct Case {
    pub call: Box<dyn Call>,
    /// What this size is there for.
    pub why: &'static str,
    /// The shape of every buffer of the op, by its name.
    pub shape: Box<dyn Fn(&str) -> Vec<usize> + Send + Sync>,
    /// Values for buffers that plain random numbers do not suit, and for outputs that start from
    /// old values.
    pub draw: Box<dyn Fn(&str, Style, &mut ChaCha8Rng) -> Option<Values> + Send + Sync>,
    /// For random inputs.
    pub tolerance: Tolerance,
    /// Whether the result is exact when all inputs are small integers.
    pub exact_on_integers: bool,
}

/// What kind of numbers to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Whole numbers from -4 to 4: index errors show as exact mismatches.
    Integers,
    /// Uniform in [-1, 1), at least 0.01 away from 0, where ReLU has its kink.
    Random,
}

/// The values of a buffer.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Float(Vec<f64>),
    Uint(Vec<u32>),
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Values::Float(values) => values.len(),
            Values::Uint(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Case {
    /// The values of a buffer that is read. Floats are exact in f32, so that every device computes from
    /// the same numbers.
    pub fn values(&self, name: &str, style: Style, rng: &mut ChaCha8Rng) -> Values {
        let len = (self.shape)(name).iter().product();
        (self.draw)(name, style, rng)
            .unwrap_or_else(|| Values::Float((0..len).map(|_| number(style, rng)).collect()))
    }
}

fn number(style: Style, rng: &mut ChaCha8Rng) -> f64 {
    match style {
        Style::Integers => f64::from(rng.random_range(-4i32..=4)),
        Style::Random => {
            let magnitude = f64::from(rng.random_range(0.01f32..1.0));
            if rng.random() { magnitude } else { -magnitude }
        }
    }
}

/// The whole table.
pub fn all() -> Vec<Case> {
    let rows = [
        relu(),
        sigmoid(),
        add(),
        dropout(),
        input(),
        dense(),
        conv2d(),
        max_pool2d(),
        conv2d_relu_pool(),
        binary_cross_entropy(),
        adam(),
    ];
    rows.into_iter().flatten().collect()
}

/// The cases of one kernel: every size of its op.
struct Row<P: 'static> {
    sizes: Vec<(P, &'static str)>,
    shape: fn(&P, &str) -> Vec<usize>,
    draw: fn(&P, &str, Style, &mut ChaCha8Rng) -> Option<Values>,
    exact_on_integers: bool,
}

impl<P: Params> Row<P> {
    fn of(sizes: Vec<(P, &'static str)>, shape: fn(&P, &str) -> Vec<usize>) -> Self {
        Row { sizes, shape, draw: |_, _, _, _| None, exact_on_integers: true }
    }

    fn kernel(&self, kernel: &'static Kernel<P>, tolerance: fn(&P) -> Tolerance) -> Vec<Case> {
        let case = |&(params, why): &(P, &'static str)| {
            let (shape, draw) = (self.shape, self.draw);
            Case {
                call: call(kernel, params),
                why,
                shape: Box::new(move |name| shape(&params, name)),
                draw: Box::new(move |name, style, rng| draw(&params, name, style, rng)),
                tolerance: tolerance(&params),
                exact_on_integers: self.exact_on_integers,
            }
        };
        self.sizes.iter().map(case).collect()
    }
}

const EXACT: Tolerance = Tolerance::Exact;
const ELEMENTWISE: Tolerance = Tolerance::Elementwise;

/// A sum of so many products and a bias.
fn sum(terms: u32) -> Tolerance {
    Tolerance::Sum { terms: terms as usize + 1 }
}

/// Lengths for ops on single elements.
const LENGTHS: [(u32, &str); 4] = [
    (1, "one element"),
    (255, "one less than a group of threads"),
    (257, "one more than a group of threads"),
    (1757, "several groups and a rest"),
];

fn relu() -> Vec<Case> {
    use ops::relu::{BACKWARD_X, FORWARD};
    let sizes = LENGTHS.map(|(len, why)| (reference::relu::Params { len }, why)).to_vec();
    let row = Row::of(sizes, |p, _| vec![p.len as usize]);
    [row.kernel(&FORWARD, |_| EXACT), row.kernel(&BACKWARD_X, |_| EXACT)].into_iter().flatten().collect()
}

fn sigmoid() -> Vec<Case> {
    use ops::sigmoid::{BACKWARD_X, FORWARD};
    let sizes = LENGTHS.map(|(len, why)| (reference::sigmoid::Params { len }, why)).to_vec();
    let mut row = Row::of(sizes, |p, _| vec![p.len as usize]);
    row.exact_on_integers = false;
    [row.kernel(&FORWARD, |_| ELEMENTWISE), row.kernel(&BACKWARD_X, |_| ELEMENTWISE)]
        .into_iter()
        .flatten()
        .collect()
}

fn add() -> Vec<Case> {
    use ops::add::{ACCUMULATE, FORWARD};
    let sizes = LENGTHS.map(|(len, why)| (reference::add::Params { len }, why)).to_vec();
    let row = Row::of(sizes, |p, _| vec![p.len as usize]);
    let mut accumulate = Row::of(row.sizes.clone(), row.shape);
    accumulate.draw = |p, name, style, rng| {
        (name == "y").then(|| Values::Float((0..p.len).map(|_| number(style, rng)).collect()))
    };
    [row.kernel(&FORWARD, |_| ELEMENTWISE), accumulate.kernel(&ACCUMULATE, |_| ELEMENTWISE)]
        .into_iter()
        .flatten()
        .collect()
}

fn dropout() -> Vec<Case> {
    use ops::dropout::{BACKWARD_X, FORWARD};
    let params = |len, first, rate: f32| {
        let scale = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
        reference::dropout::Params { len, first, seed: 0x9e37_79b9, step: 7, layer: 1, rate, scale }
    };
    let sizes = vec![
        (params(1757, 0, 0.5), "half is dropped"),
        (params(1000, 128 * 37, 0.5), "a micro-batch that does not start the batch"),
        (params(513, 5, 0.0), "nothing is dropped"),
        (params(513, 5, 0.6), "a rate that is no exact fraction"),
        (params(257, 0, 1.0), "everything is dropped"),
    ];
    let mut row = Row::of(sizes, |p, _| vec![p.len as usize]);
    row.exact_on_integers = false; // 1 / (1 - rate) need not be whole
    [row.kernel(&FORWARD, |_| ELEMENTWISE), row.kernel(&BACKWARD_X, |_| ELEMENTWISE)]
        .into_iter()
        .flatten()
        .collect()
}

fn input() -> Vec<Case> {
    let params = |[batch, channels, height, width]: [u32; 4], mean, std_dev| reference::input::Params {
        batch,
        channels,
        height,
        width,
        mean,
        std_dev,
    };
    let sizes = vec![
        (params([1, 1, 8, 8], 0.0, 1.0), "one small picture"),
        (params([3, 1, 9, 7], 0.0, 1.0), "pictures that end within a word"),
        (params([2, 3, 5, 11], 0.4, 0.25), "three channels, with mean and standard deviation"),
    ];
    let mut row = Row::of(sizes, |p, name| match name {
        "pixels" => vec![(p.batch * p.channels * p.height * p.width).div_ceil(4) as usize],
        _ => [p.batch, p.channels, p.height, p.width].map(|size| size as usize).to_vec(),
    });
    row.exact_on_integers = false;
    row.draw = |p, name, _, rng| {
        let words = (p.batch * p.channels * p.height * p.width).div_ceil(4);
        (name == "pixels").then(|| Values::Uint((0..words).map(|_| rng.random()).collect()))
    };
    row.kernel(&ops::input::FORWARD, |_| ELEMENTWISE)
}

fn dense() -> Vec<Case> {
    use ops::dense::{BACKWARD_B, BACKWARD_W, BACKWARD_X, FORWARD};
    let params =
        |batch, in_features, out_features| reference::dense::Params { batch, in_features, out_features };
    let sizes = vec![
        (params(1, 1, 1), "the smallest"),
        (params(3, 5, 2), "small and odd"),
        (params(1, 257, 31), "one image, one more input than a group has threads"),
        (params(33, 64, 1), "the network's last layer, one more image than usual"),
        (params(7, 129, 65), "one more than powers of two"),
        (params(32, 1031, 17), "a prime number of inputs"),
        (params(2, 16384, 128), "dense1 of 64x64 pictures: the longest sum"),
    ];
    let row = Row::of(sizes, |p, name| {
        let sizes: &[u32] = match name {
            "x" | "dx" => &[p.batch, p.in_features],
            "w" | "dw" => &[p.out_features, p.in_features],
            "b" | "db" => &[p.out_features],
            _ => &[p.batch, p.out_features],
        };
        sizes.iter().map(|&size| size as usize).collect()
    });
    let cases = [
        row.kernel(&FORWARD, |p| sum(p.in_features)),
        row.kernel(&BACKWARD_X, |p| sum(p.out_features)),
        row.kernel(&BACKWARD_W, |p| sum(p.batch)),
        row.kernel(&BACKWARD_B, |p| sum(p.batch)),
    ];
    cases.into_iter().flatten().collect()
}

/// Convolution sizes: [batch, in, out channels], [in_h, in_w], kernel, stride, and zeros in all per axis,
/// of which the smaller half goes to the top and left.
type ConvSize = ([u32; 3], [u32; 2], [u32; 2], [u32; 2], [u32; 2], &'static str);

const CONV_SIZES: [ConvSize; 14] = [
    ([1, 1, 1], [3, 3], [3, 3], [1, 1], [2, 2], "the smallest 'same'"),
    ([1, 1, 1], [1, 1], [3, 3], [1, 1], [2, 2], "a picture smaller than the window"),
    ([2, 3, 5], [7, 5], [3, 3], [1, 1], [2, 2], "odd sizes, height is not width"),
    ([2, 3, 4], [6, 7], [2, 4], [1, 1], [1, 3], "an even window: asymmetric zeros"),
    ([1, 2, 3], [9, 8], [3, 3], [2, 2], [2, 1], "stride 2, asymmetric zeros"),
    ([2, 2, 3], [11, 6], [5, 1], [3, 1], [2, 0], "a high window, strides that differ"),
    ([3, 5, 7], [6, 6], [3, 3], [1, 1], [0, 0], "no padding"),
    ([1, 4, 6], [5, 9], [1, 1], [1, 1], [0, 0], "window 1x1"),
    ([2, 2, 3], [8, 9], [2, 2], [3, 3], [0, 0], "a stride larger than the window leaves pixels out"),
    ([1, 17, 33], [9, 17], [3, 3], [1, 1], [2, 2], "channels and columns one more than a tile"),
    ([2, 15, 31], [15, 15], [3, 3], [1, 1], [2, 2], "channels and columns one less than a tile"),
    ([5, 1, 64], [16, 16], [3, 3], [1, 1], [2, 2], "conv1: one input channel"),
    ([2, 64, 64], [8, 8], [3, 3], [1, 1], [2, 2], "whole tiles"),
    ([3, 65, 67], [13, 19], [3, 3], [1, 1], [2, 2], "many channels, nothing divides"),
];

fn conv2d_params(size: &ConvSize) -> (reference::conv2d::Params, &'static str) {
    let &([batch, in_channels, out_channels], [in_h, in_w], [kernel_h, kernel_w], stride, zeros, why) = size;
    let [stride_h, stride_w] = stride;
    let params = reference::conv2d::Params {
        batch,
        in_channels,
        out_channels,
        in_h,
        in_w,
        out_h: (in_h + zeros[0] - kernel_h) / stride_h + 1,
        out_w: (in_w + zeros[1] - kernel_w) / stride_w + 1,
        kernel_h,
        kernel_w,
        stride_h,
        stride_w,
        pad_top: zeros[0] as i32 / 2,
        pad_left: zeros[1] as i32 / 2,
    };
    (params, why)
}

fn conv2d() -> Vec<Case> {
    use ops::conv2d::{BACKWARD_B, BACKWARD_W, BACKWARD_X, FORWARD};
    let row = Row::of(CONV_SIZES.iter().map(conv2d_params).collect(), |p, name| {
        let sizes: &[u32] = match name {
            "x" | "dx" => &[p.batch, p.in_channels, p.in_h, p.in_w],
            "w" | "dw" => &[p.out_channels, p.in_channels, p.kernel_h, p.kernel_w],
            "b" | "db" => &[p.out_channels],
            _ => &[p.batch, p.out_channels, p.out_h, p.out_w],
        };
        sizes.iter().map(|&size| size as usize).collect()
    });
    let cases = [
        row.kernel(&FORWARD, |p| sum(p.in_channels * p.kernel_h * p.kernel_w)),
        row.kernel(&BACKWARD_X, |p| sum(p.out_channels * p.kernel_h * p.kernel_w)),
        row.kernel(&BACKWARD_W, |p| sum(p.batch * p.out_h * p.out_w)),
        row.kernel(&BACKWARD_B, |p| sum(p.batch * p.out_h * p.out_w)),
    ];
    cases.into_iter().flatten().collect()
}

fn max_pool2d() -> Vec<Case> {
    use ops::max_pool2d::{BACKWARD_X, FORWARD};
    let params = |[batch, channels]: [u32; 2], [in_h, in_w]: [u32; 2], window: [u32; 2], stride: [u32; 2]| {
        reference::max_pool2d::Params {
            batch,
            channels,
            in_h,
            in_w,
            out_h: (in_h - window[0]) / stride[0] + 1,
            out_w: (in_w - window[1]) / stride[1] + 1,
            window_h: window[0],
            window_w: window[1],
            stride_h: stride[0],
            stride_w: stride[1],
        }
    };
    let sizes = vec![
        (params([1, 1], [2, 2], [2, 2], [2, 2]), "one window"),
        (params([2, 3], [8, 8], [2, 2], [2, 2]), "the network's windows"),
        (params([3, 5], [7, 9], [2, 2], [2, 2]), "a last row and column that no window covers"),
        (params([2, 3], [7, 8], [3, 2], [1, 1]), "windows that overlap, height is not width"),
        (params([1, 2], [11, 10], [2, 3], [3, 4]), "gaps between windows"),
        (params([1, 33], [13, 5], [5, 4], [2, 1]), "large windows, overlapping and many channels"),
        (params([2, 2], [4, 6], [1, 1], [1, 1]), "window 1x1"),
    ];
    let mut row = Row::of(sizes, |p, name| match name {
        "x" | "dx" => [p.batch, p.channels, p.in_h, p.in_w].map(|size| size as usize).to_vec(),
        _ => [p.batch, p.channels, p.out_h, p.out_w].map(|size| size as usize).to_vec(),
    });
    // Only backward_x reads an argmax.
    row.draw = |p, name, _, rng| {
        let len = p.batch * p.channels * p.out_h * p.out_w;
        let window = p.window_h * p.window_w;
        (name == "argmax").then(|| Values::Uint((0..len).map(|_| rng.random_range(0..window)).collect()))
    };
    [row.kernel(&FORWARD, |_| EXACT), row.kernel(&BACKWARD_X, |p| sum(p.window_h * p.window_w))]
        .into_iter()
        .flatten()
        .collect()
}

fn conv2d_relu_pool() -> Vec<Case> {
    use ops::conv2d_relu_pool::{BACKWARD_B, BACKWARD_W, BACKWARD_X, FORWARD};
    let with_pool = |size: &ConvSize, pool: u32| {
        let (conv, why) = conv2d_params(size);
        let (out_h, out_w) = (conv.out_h / pool, conv.out_w / pool);
        let params = reference::conv2d_relu_pool::Params {
            batch: conv.batch,
            in_channels: conv.in_channels,
            out_channels: conv.out_channels,
            in_h: conv.in_h,
            in_w: conv.in_w,
            conv_h: conv.out_h,
            conv_w: conv.out_w,
            out_h,
            out_w,
            kernel_h: conv.kernel_h,
            kernel_w: conv.kernel_w,
            stride_h: conv.stride_h,
            stride_w: conv.stride_w,
            pad_top: conv.pad_top,
            pad_left: conv.pad_left,
            pool,
            argmax_words: (out_h * out_w).div_ceil(4),
        };
        (params, why)
    };
    // Every convolution with the network's pooling where it fits, else without; and larger windows.
    let fits = |size: &ConvSize| conv2d_params(size).0.out_h >= 2 && conv2d_params(size).0.out_w >= 2;
    let mut sizes: Vec<_> =
        CONV_SIZES.iter().map(|size| with_pool(size, if fits(size) { 2 } else { 1 })).collect();
    sizes.push(with_pool(
        &([2, 3, 5], [10, 8], [3, 3], [1, 1], [2, 2], "windows of 3: a rest in both axes"),
        3,
    ));
    sizes.push(with_pool(&([1, 2, 3], [33, 16], [3, 3], [1, 1], [2, 2], "windows of 16: the largest"), 16));
    let mut row = Row::of(sizes, |p, name| {
        let sizes: &[u32] = match name {
            "x" | "dx" => &[p.batch, p.in_channels, p.in_h, p.in_w],
            "w" | "dw" => &[p.out_channels, p.in_channels, p.kernel_h, p.kernel_w],
            "b" | "db" => &[p.out_channels],
            "argmax" => &[p.batch, p.out_channels, p.argmax_words],
            _ => &[p.batch, p.out_channels, p.out_h, p.out_w],
        };
        sizes.iter().map(|&size| size as usize).collect()
    });
    // Only the backward kernels read y and argmax.
    row.draw = |p, name, style, rng| {
        let len = p.batch * p.out_channels * p.out_h * p.out_w;
        match name {
            "y" => Some(Values::Float((0..len).map(|_| number(style, rng).max(0.0)).collect())),
            "argmax" => {
                let byte = |rng: &mut ChaCha8Rng| rng.random_range(0..p.pool * p.pool);
                let word = |rng: &mut ChaCha8Rng| (0..4).fold(0, |word, _| word << 8 | byte(rng));
                Some(Values::Uint(
                    (0..p.batch * p.out_channels * p.argmax_words).map(|_| word(rng)).collect(),
                ))
            }
            _ => None,
        }
    };
    let cases = [
        row.kernel(&FORWARD, |p| sum(p.in_channels * p.kernel_h * p.kernel_w)),
        row.kernel(&BACKWARD_X, |p| sum(p.out_channels * p.kernel_h * p.kernel_w)),
        row.kernel(&BACKWARD_W, |p| sum(p.batch * p.conv_h * p.conv_w)),
        row.kernel(&BACKWARD_B, |p| sum(p.batch * p.out_h * p.out_w)),
    ];
    cases.into_iter().flatten().collect()
}

fn binary_cross_entropy() -> Vec<Case> {
    use ops::binary_cross_entropy::{BACKWARD_X, FORWARD};
    let params = |batch, whole_batch| reference::binary_cross_entropy::Params { batch, whole_batch };
    let sizes = vec![
        (params(1, 1), "one image"),
        (params(32, 32), "a whole batch"),
        (params(5, 37), "a micro-batch"),
        (params(300, 300), "more images than a group has threads"),
    ];
    let mut row = Row::of(sizes, |p, name| match name {
        "loss" | "hits" | "dloss" => vec![1],
        _ => vec![p.batch as usize],
    });
    row.exact_on_integers = false;
    row.draw = |p, name, style, rng| match name {
        "labels" => Some(Values::Uint((0..p.batch).map(|_| rng.random_range(0..2)).collect())),
        // From hopeless to certain: exp(-100) is a tiny subnormal, exp(100) would overflow.
        "x" => Some(Values::Float(
            (0..p.batch).map(|i| number(style, rng) * [1.0, 10.0, 100.0][i as usize % 3]).collect(),
        )),
        _ => None,
    };
    [row.kernel(&FORWARD, |_| ELEMENTWISE), row.kernel(&BACKWARD_X, |_| ELEMENTWISE)]
        .into_iter()
        .flatten()
        .collect()
}

fn adam() -> Vec<Case> {
    let adam = Adam::new(&[], 0.001).expect("without parameters there is nothing to allocate");
    let at = |t, len| reference::adam::Params { len, ..adam.constants(t) };
    let sizes = vec![
        (at(1, 257), "the first step"),
        (at(2, 1757), "the second step"),
        (at(1000, 1757), "a late step"),
    ];
    let mut row = Row::of(sizes, |p, name| if name == "non_finite" { vec![1] } else { vec![p.len as usize] });
    row.exact_on_integers = false;
    row.draw = |p, name, style, rng| match name {
        // From 0, so that what is compared is the update itself and not its rounding into the parameter.
        "parameter" => Some(Values::Float(vec![0.0; p.len as usize])),
        "m" => Some(Values::Float((0..p.len).map(|_| number(style, rng)).collect())),
        "v" => Some(Values::Float((0..p.len).map(|_| number(style, rng).abs()).collect())),
        "non_finite" => Some(Values::Uint(vec![0])),
        _ => None,
    };
    row.kernel(&ops::adam::STEP, |_| ELEMENTWISE)
}
