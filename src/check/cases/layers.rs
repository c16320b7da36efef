//! Rows of the ops with windows and matrices.

use super::{Case, EXACT, Row, Table, Values, number, sum};
use crate::ops;
use crate::reference;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

pub fn dense(table: Table) -> Vec<Case> {
    use ops::dense::{BACKWARD_B, BACKWARD_W, BACKWARD_X, FORWARD};
    let params =
        |batch, in_features, out_features| reference::dense::Params { batch, in_features, out_features };
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 1, 1), "the smallest"),
            (params(3, 5, 2), "small and odd"),
            (params(1, 257, 31), "one image, one more input than a group has threads"),
            (params(33, 64, 1), "the network's last layer, one more image than usual"),
            (params(7, 129, 65), "one more than powers of two"),
            (params(32, 1031, 17), "a prime number of inputs"),
            (params(2, 16384, 128), "dense1 of 64x64 pictures"),
            (params(1, 262_144, 3), "inputs of dense1 of 256x256 pictures: the longest sum"),
        ],
        Table::Network { image_size, batch } => vec![
            (params(batch, 256 * (image_size / 8).pow(2), 128), "dense1"),
            (params(batch, 128, 64), "dense2"),
            (params(batch, 64, 1), "dense3"),
        ],
    };
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

/// Convolution sizes: [batch, in, out channels], `[in_h, in_w]`, kernel, stride, and zeros in all per axis,
/// of which the smaller half goes to the top and left.
type ConvSize = ([u32; 3], [u32; 2], [u32; 2], [u32; 2], [u32; 2], &'static str);

const AWKWARD_CONVS: [ConvSize; 18] = [
    ([1, 1, 1], [3, 3], [3, 3], [1, 1], [2, 2], "the smallest 'same'"),
    ([1, 1, 1], [1, 1], [3, 3], [1, 1], [2, 2], "a picture smaller than the window"),
    ([2, 3, 5], [7, 5], [3, 3], [1, 1], [2, 2], "odd sizes, height is not width"),
    ([2, 3, 4], [6, 7], [2, 4], [1, 1], [1, 3], "an even window: asymmetric zeros"),
    ([1, 2, 3], [9, 24], [3, 3], [2, 2], [2, 1], "stride 2, asymmetric zeros"),
    ([2, 2, 3], [11, 6], [5, 1], [3, 1], [2, 0], "a high window, strides that differ"),
    ([3, 5, 7], [6, 6], [3, 3], [1, 1], [0, 0], "no padding"),
    ([1, 4, 6], [5, 9], [1, 1], [1, 1], [0, 0], "window 1x1"),
    ([2, 2, 3], [8, 9], [2, 2], [3, 3], [0, 0], "a stride larger than the window leaves pixels out"),
    ([1, 17, 33], [9, 17], [3, 3], [1, 1], [2, 2], "channels and columns one more than a tile"),
    ([2, 15, 31], [15, 15], [3, 3], [1, 1], [2, 2], "channels and columns one less than a tile"),
    ([5, 1, 64], [16, 16], [3, 3], [1, 1], [2, 2], "conv1: one input channel"),
    ([2, 64, 64], [8, 8], [3, 3], [1, 1], [2, 2], "whole tiles"),
    (
        [1, 1, 2],
        [130, 131],
        [3, 3],
        [1, 1],
        [2, 2],
        "more positions than one thread adds up, also when pooled",
    ),
    ([1, 1, 2], [5, 131], [3, 3], [1, 1], [2, 2], "wider than a group stages at a time"),
    ([2, 2, 3], [6, 15], [3, 7], [1, 1], [2, 6], "a wide window"),
    ([8, 65, 3], [16, 16], [3, 3], [1, 1], [2, 2], "more channels in a task than in a block"),
    ([3, 65, 67], [13, 19], [3, 3], [1, 1], [2, 2], "many channels, nothing divides"),
];

/// The convolutions of a table.
fn conv_sizes(table: Table) -> Vec<ConvSize> {
    let same = |batch, [in_channels, out_channels]: [u32; 2], size, why| {
        ([batch, in_channels, out_channels], [size; 2], [3, 3], [1, 1], [2, 2], why)
    };
    match table {
        Table::Awkward => AWKWARD_CONVS.to_vec(),
        Table::Network { image_size, batch } => vec![
            same(batch, [1, 64], image_size, "conv1"),
            same(batch, [64, 128], image_size / 2, "conv2"),
            same(batch, [128, 256], image_size / 4, "conv3"),
        ],
    }
}

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

pub fn conv2d(table: Table) -> Vec<Case> {
    use ops::conv2d::{BACKWARD_B, BACKWARD_W, BACKWARD_X, FORWARD};
    let row = Row::of(conv_sizes(table).iter().map(conv2d_params).collect(), |p, name| {
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

pub fn max_pool2d(table: Table) -> Vec<Case> {
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
    let sizes = match table {
        Table::Awkward => vec![
            (params([1, 1], [2, 2], [2, 2], [2, 2]), "one window"),
            (params([2, 3], [8, 8], [2, 2], [2, 2]), "the network's windows"),
            (params([3, 5], [7, 9], [2, 2], [2, 2]), "a last row and column that no window covers"),
            (params([2, 3], [7, 8], [3, 2], [1, 1]), "windows that overlap, height is not width"),
            (params([1, 2], [11, 10], [2, 3], [3, 4]), "gaps between windows"),
            (params([1, 33], [13, 5], [5, 4], [2, 1]), "large windows, overlapping and many channels"),
            (params([2, 2], [4, 6], [1, 1], [1, 1]), "window 1x1"),
        ],
        Table::Network { image_size, batch } => {
            vec![(params([batch, 64], [image_size; 2], [2, 2], [2, 2]), "pool1")]
        }
    };
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

pub fn conv2d_relu_pool(table: Table) -> Vec<Case> {
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
    let convs = conv_sizes(table);
    let mut sizes: Vec<_> =
        convs.iter().map(|size| with_pool(size, if fits(size) { 2 } else { 1 })).collect();
    if table == Table::Awkward {
        sizes.push(with_pool(
            &([2, 3, 5], [10, 8], [3, 3], [1, 1], [2, 2], "windows of 3: a rest in both axes"),
            3,
        ));
        let whole_words: [ConvSize; 4] = [
            ([3, 33, 35], [9, 24], [3, 3], [1, 1], [2, 2], "words of argmax within a row, a rest below"),
            (
                [2, 5, 70],
                [6, 17],
                [3, 3],
                [1, 1],
                [2, 2],
                "words of argmax within a row, a rest to the right",
            ),
            ([11, 9, 31], [4, 8], [3, 3], [1, 1], [2, 2], "words of argmax that are rows"),
            ([2, 1, 3], [66, 136], [3, 3], [1, 1], [2, 2], "windows that are added up in several parts"),
        ];
        sizes.extend(whole_words.iter().map(|size| with_pool(size, 2)));
        sizes.push(with_pool(
            &([1, 2, 3], [33, 16], [3, 3], [1, 1], [2, 2], "windows of 16: the largest"),
            16,
        ));
    }
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
