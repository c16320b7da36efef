//! The first two rungs, which are those of the convolution, pooled; and what the others, for the network's own windows,
//! have in common.

use super::super::conv2d::rungs::{self as conv2d, Convolution, SIDE, plain, second, staged, window};
use crate::kernel::{Grid, Pass, Rung, folded, parts};
use crate::reference;
use crate::reference::conv2d_relu_pool::Params;

pub const SOURCE: &str = include_str!("../../../shaders/conv2d_relu_pool.wgsl");
const GEMM_SOURCE: &str = include_str!("../../../shaders/conv2d_relu_pool.2_gemm.wgsl");

pub const FORWARD_PLAIN: Rung<Params> = Rung {
    iterations: |p| 4 * (p.pool * p.pool) as usize * (1 + window(&p.conv2d(), p.in_channels)),
    ..plain(
        SOURCE,
        &[Pass::new("forward", Grid::Threads(|p| (p.batch * p.out_channels * p.argmax_words) as usize))],
    )
};
/// A tile holds whole words of argmax.
pub const FORWARD_GEMM: Rung<Params> = Rung {
    iterations: |p| {
        let pooled = words_of_tile(p).div_ceil(4) * 4 * (1 + p.pool * p.pool);
        staged(p.in_channels * p.kernel_h * p.kernel_w) + 4 * pooled as usize
    },
    only_for: |p| (p.pool > LARGEST_POOL).then_some("it is for pooling windows of at most 4 x 4"),
    ..second(
        GEMM_SOURCE,
        &[Pass::new(
            "forward",
            Grid::Groups(|p| {
                let words = p.batch * p.argmax_words;
                let [x, z] = folded(words.div_ceil(words_of_tile(p)) as usize);
                [x, p.out_channels.div_ceil(SIDE), z]
            }),
        )],
    )
};

pub const BACKWARD_X_PLAIN: Rung<Params> = conv2d::backward_x_plain(SOURCE);
pub const BACKWARD_X_GEMM: Rung<Params> = conv2d::backward_x_gemm(GEMM_SOURCE);
pub const BACKWARD_W_PLAIN: Rung<Params> = conv2d::backward_w_plain(SOURCE);
pub const BACKWARD_W_GEMM: Rung<Params> = conv2d::backward_w_gemm(GEMM_SOURCE);
pub const BACKWARD_B_PLAIN: Rung<Params> = conv2d::backward_b_plain(SOURCE);
pub const BACKWARD_B_GEMM: Rung<Params> = conv2d::backward_b_gemm(GEMM_SOURCE);

/// The largest pooling window of which four fit a tile of the second rung.
pub const LARGEST_POOL: u32 = 4;

fn words_of_tile(p: &Params) -> u32 {
    SIDE / (4 * p.pool * p.pool)
}

impl Convolution for Params {
    fn conv2d(&self) -> reference::conv2d::Params {
        Params::conv2d(self)
    }

    fn dy_len(&self) -> u32 {
        self.out_h * self.out_w
    }
}

/// The network's own windows, with words of argmax that lie in one row.
pub fn only_for_own_windows(p: &Params) -> Option<&'static str> {
    let same = p.conv_h == p.in_h && p.conv_w == p.in_w && p.pad_top == 1 && p.pad_left == 1;
    let window = [p.kernel_h, p.kernel_w, p.stride_h, p.stride_w, p.pool] == [3, 3, 1, 1, 2];
    let fits = same && window && p.out_w.is_multiple_of(4);
    (!fits).then_some(
        "it is for windows of 3x3 with stride and padding 1, pooling 2x2, and a multiple of 4 columns of y",
    )
}

/// Elements of w.
pub fn weights(p: &Params) -> usize {
    conv2d::weights(&p.conv2d())
}

/// In how many parts a rung for these windows adds up weights, where a group owns so many out_channels and in_channels.
pub fn weight_parts(p: &Params, out_channels: u32, in_channels: u32) -> u32 {
    let groups = p.out_channels.div_ceil(out_channels) * p.in_channels.div_ceil(in_channels);
    parts(groups, out_channels * in_channels * 9, p.batch * p.conv_h * p.conv_w)
}

/// Rows of windows in one of the parts.
pub fn rows_of_part(p: &Params, parts: u32) -> u32 {
    (p.batch * p.out_h).div_ceil(parts)
}
