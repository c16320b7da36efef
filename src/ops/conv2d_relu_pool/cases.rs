//! Sizes of convolutions with pooling, for tests and timing.

use super::super::conv2d::cases::{self as conv2d, ConvSize, conv_params, conv_sizes};
use super::{BACKWARD_B, BACKWARD_W, BACKWARD_X, FORWARD, MAX_POOL, pooled};
use crate::cases::{Case, Dice, Random, Row, Table, Tolerance, Values};
use crate::reference::conv2d_relu_pool::Params;

pub fn cases(table: Table) -> Vec<Case> {
    let shape = |p: &Params, name: &str| match name {
        "x" | "dx" => vec![p.batch, p.in_channels, p.in_h, p.in_w],
        "w" | "dw" => vec![p.out_channels, p.in_channels, p.kernel_h, p.kernel_w],
        "b" | "db" => vec![p.out_channels],
        "argmax" => vec![p.batch, p.out_channels, p.argmax_words],
        _ => vec![p.batch, p.out_channels, p.out_h, p.out_w],
    };
    Row::new(sizes(table), shape)
        .random(random)
        .draw(draw)
        .kernel(&FORWARD, |p| Tolerance::sum(p.in_channels * p.kernel_h * p.kernel_w))
        .kernel(&BACKWARD_X, |p| Tolerance::sum(p.out_channels * p.kernel_h * p.kernel_w))
        .kernel(&BACKWARD_W, |p| Tolerance::sum(p.batch * p.conv_h * p.conv_w))
        .kernel(&BACKWARD_B, |p| Tolerance::sum(p.batch * p.out_h * p.out_w))
        .cases()
}

/// Sizes that the fuzz found to be wrong once, as it prints them.
const FOUND: &[(Params, &str)] = &[(
    Params {
        batch: 1,
        in_channels: 4,
        out_channels: 1,
        in_h: 16,
        in_w: 64,
        conv_h: 16,
        conv_w: 64,
        out_h: 1,
        out_w: 4,
        kernel_h: 3,
        kernel_w: 3,
        stride_h: 1,
        stride_w: 1,
        pad_top: 1,
        pad_left: 1,
        pool: 16,
        argmax_words: 1,
    },
    "a thread with more loop iterations than llvmpipe allows",
)];

/// Any convolution, half of them with the network's pooling.
fn random(dice: &mut Dice) -> Params {
    let conv = conv2d::random(dice);
    let largest = conv.out_h.min(conv.out_w).min(MAX_POOL as u32);
    let pool = if dice.up_to(1) == 0 { largest.min(2) } else { dice.size(largest) };
    pooled(&conv, pool)
}

/// What forward left: ReLU'd maxima, and places within windows.
fn draw(p: &Params, name: &str, random: &mut Random) -> Option<Values> {
    let planes = p.batch * p.out_channels;
    match name {
        "y" => {
            let len = planes * p.out_h * p.out_w;
            Some(Values::Float((0..len).map(|_| random.number().max(0.0)).collect()))
        }
        "argmax" => {
            let mut word = || (0..4).fold(0, |word, _| word << 8 | random.below(p.pool * p.pool));
            Some(Values::Uint((0..planes * p.argmax_words).map(|_| word()).collect()))
        }
        _ => None,
    }
}

/// Every convolution with the network's pooling where it fits, else without; and larger windows.
fn sizes(table: Table) -> Vec<(Params, &'static str)> {
    let with_pool = |size: &ConvSize, pool: u32| {
        let (conv, why) = conv_params(size);
        (pooled(&conv, pool), why)
    };
    let fits = |size: &ConvSize| conv_params(size).0.out_h >= 2 && conv_params(size).0.out_w >= 2;
    let convs = conv_sizes(table);
    let mut sizes: Vec<_> =
        convs.iter().map(|size| with_pool(size, if fits(size) { 2 } else { 1 })).collect();
    if table == Table::Awkward {
        sizes.push(with_pool(
            &([2, 3, 5], [10, 8], [3, 3], [1, 1], [2, 2], "windows of 3: a rest in both axes"),
            3,
        ));
        let whole_words: [ConvSize; 7] = [
            ([3, 33, 35], [9, 24], [3, 3], [1, 1], [2, 2], "words of argmax within a row, a rest below"),
            (
                [2, 11, 70],
                [6, 17],
                [3, 3],
                [1, 1],
                [2, 2],
                "words of argmax within a row, a rest to the right",
            ),
            ([11, 9, 31], [4, 8], [3, 3], [1, 1], [2, 2], "words of argmax that are rows"),
            ([2, 1, 3], [66, 136], [3, 3], [1, 1], [2, 2], "windows that are added up in several parts"),
            (
                [2, 8, 3],
                [34, 136],
                [3, 3],
                [1, 1],
                [2, 2],
                "the same of as few channels as a fast rung is for",
            ),
            (
                [1, 47, 15],
                [10, 40],
                [3, 3],
                [1, 1],
                [2, 2],
                "channels that fill no tile, and columns beside one",
            ),
            ([1, 7, 9], [8, 16], [3, 3], [1, 1], [2, 2], "one channel less than that"),
        ];
        sizes.extend(whole_words.iter().map(|size| with_pool(size, 2)));
        sizes.push(with_pool(
            &([1, 2, 3], [33, 16], [3, 3], [1, 1], [2, 2], "windows of 16: the largest"),
            16,
        ));
        sizes.extend(FOUND);
    }
    sizes
}
