//! Sizes of convolutions, for tests and timing.

use super::{BACKWARD_B, BACKWARD_W, BACKWARD_X, FORWARD};
use crate::cases::{Case, Dice, Row, Table, Tolerance};
use crate::reference::conv2d::Params;

pub fn cases(table: Table) -> Vec<Case> {
    let shape = |p: &Params, name: &str| match name {
        "x" | "dx" => vec![p.batch, p.in_channels, p.in_h, p.in_w],
        "w" | "dw" => vec![p.out_channels, p.in_channels, p.kernel_h, p.kernel_w],
        "b" | "db" => vec![p.out_channels],
        _ => vec![p.batch, p.out_channels, p.out_h, p.out_w],
    };
    Row::new(conv_sizes(table).iter().map(conv_params).collect(), shape)
        .random(random)
        .kernel(&FORWARD, |p| Tolerance::sum(p.in_channels * p.kernel_h * p.kernel_w))
        .kernel(&BACKWARD_X, |p| Tolerance::sum(p.out_channels * p.kernel_h * p.kernel_w))
        .kernel(&BACKWARD_W, |p| Tolerance::sum(p.batch * p.out_h * p.out_w))
        .kernel(&BACKWARD_B, |p| Tolerance::sum(p.batch * p.out_h * p.out_w))
        .cases()
}

/// Any convolution; every other one has the network's windows, which some rungs are made for.
pub fn random(dice: &mut Dice) -> Params {
    let [batch, in_channels, out_channels, in_h, in_w] = dice.sizes([9, 260, 260, 300, 300]);
    let is_network = dice.up_to(1) == 0;
    let [kernel_h, kernel_w, stride_h, stride_w] =
        if is_network { [3, 3, 1, 1] } else { dice.sizes([7, 7, 4, 4]) };
    let mut zeros = |kernel: u32| if is_network { 1 } else { dice.up_to(kernel - 1) };
    let [top, bottom] = [zeros(kernel_h), zeros(kernel_h)];
    let [left, right] = [zeros(kernel_w), zeros(kernel_w)];
    let (kernel_h, kernel_w) = (kernel_h.min(in_h + top + bottom), kernel_w.min(in_w + left + right));
    Params {
        batch,
        in_channels,
        out_channels,
        in_h,
        in_w,
        out_h: (in_h + top + bottom - kernel_h) / stride_h + 1,
        out_w: (in_w + left + right - kernel_w) / stride_w + 1,
        kernel_h,
        kernel_w,
        stride_h,
        stride_w,
        pad_top: top as i32,
        pad_left: left as i32,
    }
}

/// Convolution sizes: [batch, in, out channels], `[in_h, in_w]`, kernel, stride, and zeros in all per axis,
/// of which the smaller half goes to the top and left.
pub type ConvSize = ([u32; 3], [u32; 2], [u32; 2], [u32; 2], [u32; 2], &'static str);

const AWKWARD_CONVS: [ConvSize; 20] = [
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
    ([1, 510, 518], [2, 8], [1, 1], [1, 1], [0, 0], "two rows of groups that add up parts of weights"),
    ([1, 1, 1], [1026, 1028], [1, 1], [1, 1], [0, 0], "two rows of groups for positions"),
];

/// The convolutions of a table.
pub fn conv_sizes(table: Table) -> Vec<ConvSize> {
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

/// The parameters of a convolution, and what it is there for.
pub fn conv_params(size: &ConvSize) -> (Params, &'static str) {
    let &([batch, in_channels, out_channels], [in_h, in_w], [kernel_h, kernel_w], stride, zeros, why) = size;
    let [stride_h, stride_w] = stride;
    let params = Params {
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
