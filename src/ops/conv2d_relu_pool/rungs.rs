//! The first two rungs, which are those of the convolution, pooled; and what the others, for the network's own windows,
//! have in common.

use super::super::conv2d::rungs::{
    self as conv2d, Convolution, ROWS, plain, rows_in_parts, slides, tiled, window,
};
use crate::kernel::{Grid, Pass, Rung};
use crate::reference;
use crate::reference::conv2d_relu_pool::Params;

pub const SOURCE: &str = include_str!("../../../shaders/conv2d_relu_pool.wgsl");
const TILED_SOURCE: &str = include_str!("../../../shaders/conv2d_relu_pool.2_tiled.wgsl");

pub const FORWARD_PLAIN: Rung<Params> = Rung {
    iterations: |p| 4 * (p.pool * p.pool) as usize * (1 + window(&p.conv2d(), p.in_channels)),
    ..plain(
        SOURCE,
        &[Pass::new("forward", Grid::Threads(|p| (p.batch * p.out_channels * p.argmax_words) as usize))],
    )
};
pub const FORWARD_TILED: Rung<Params> = Rung {
    iterations: |p| (p.pool * p.pool.div_ceil(2)) as usize * slides(&p.conv2d(), p.in_channels),
    ..tiled(
        TILED_SOURCE,
        &[Pass::new(
            "forward",
            Grid::Groups(|p| [(p.batch * p.argmax_words).div_ceil(256), p.out_channels.div_ceil(ROWS), 1]),
        )],
    )
};

pub const BACKWARD_X_PLAIN: Rung<Params> = conv2d::backward_x_plain(SOURCE);
pub const BACKWARD_X_TILED: Rung<Params> = conv2d::backward_x_tiled(TILED_SOURCE);
pub const BACKWARD_W_PLAIN: Rung<Params> = conv2d::backward_w_plain(SOURCE);
pub const BACKWARD_W_TILED: Rung<Params> = conv2d::backward_w_tiled(TILED_SOURCE);
pub const BACKWARD_B_PLAIN: Rung<Params> = conv2d::backward_b_plain(SOURCE);

impl Convolution for Params {
    fn conv2d(&self) -> reference::conv2d::Params {
        Params::conv2d(self)
    }

    fn dy_len(&self) -> u32 {
        self.out_h * self.out_w
    }
}

/// Windows of the pooling, about, that one group of backward_w adds up.
pub const WINDOWS: u32 = 2048;

/// Whether these are the network's own windows, and words of argmax lie in one row.
pub fn fits(p: &Params) -> bool {
    let same = p.conv_h == p.in_h && p.conv_w == p.in_w && p.pad_top == 1 && p.pad_left == 1;
    let window = [p.kernel_h, p.kernel_w, p.stride_h, p.stride_w, p.pool] == [3, 3, 1, 1, 2];
    same && window && p.out_w.is_multiple_of(4)
}

/// Elements of w.
pub fn weights(p: &Params) -> usize {
    conv2d::weights(&p.conv2d())
}

/// Sums that backward_w's first pass leaves for each weight.
pub fn window_splits(p: &Params) -> u32 {
    rows_in_parts(p.batch * p.out_h, p.out_w, WINDOWS)
}

/// Words of all these sums.
pub fn partial_weights(p: &Params) -> usize {
    window_splits(p) as usize * weights(p)
}
