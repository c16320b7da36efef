//! The fourth rung, which multiplies halves on tensor cores, for the network's own convolutions in mixed precision.

use super::rungs::{only_for_own_windows, weight_parts};
use crate::kernel::{Grid, Pass, Rounding, Rung, sums_of_parts};
use crate::reference::conv2d_relu_pool::Params;

const SOURCE: &str = include_str!("../../../shaders/conv2d_relu_pool.4_tensor.wgsl");

/// Rows of positions of a tile.
const HEIGHT: u32 = 8;
/// Channels of the sum that are staged at a time.
const DEPTH: u32 = 16;
/// With fewer in_channels, as in the first convolution, most of what is staged and multiplied would be zeros.
const FEWEST_CHANNELS: u32 = 8;
/// Bytes of workgroup memory that matrices of 16 x 16 take in the largest pass. All adapters have what 8 x 8 take.
const MEMORY: u32 = 19 * 1024;
/// Subgroups of a workgroup of backward_w that multiply.
const WEIGHT_SUBGROUPS: u32 = 8;

/// The rungs whose matrices have so many rows and columns.
pub struct Matrices<const SIDE: u32>;

impl<const SIDE: u32> Matrices<SIDE> {
    /// Channels of a tile, which has as many columns of positions as a matrix has.
    const ROWS: u32 = 4 * SIDE;

    /// in_channels of a tile of backward_w.
    const COLUMNS: u32 = 2 * SIDE;

    pub const FORWARD: Rung<Params> = Rung {
        passes: &[
            Pass::packing(
                "pack_for_forward",
                Grid::Threads(|p| Self::packed(p.out_channels, p.in_channels) as usize),
            ),
            Pass::new(
                "forward",
                Grid::Groups(|p| {
                    let tiles = p.out_h.div_ceil(HEIGHT / 2) * p.out_w.div_ceil(SIDE / 2);
                    [tiles, p.out_channels.div_ceil(Self::ROWS), p.batch]
                }),
            ),
        ],
        scratch: |p| Self::packed(p.out_channels, p.in_channels).div_ceil(2) as usize,
        ..Self::RUNG
    };

    pub const BACKWARD_X: Rung<Params> = Rung {
        passes: &[
            Pass::packing(
                "pack_for_backward_x",
                Grid::Threads(|p| Self::packed(p.in_channels, p.out_channels) as usize),
            ),
            Pass::new(
                "backward_x",
                Grid::Groups(|p| {
                    let tiles = p.in_h.div_ceil(HEIGHT) * p.in_w.div_ceil(SIDE);
                    [tiles, p.in_channels.div_ceil(Self::ROWS), p.batch]
                }),
            ),
        ],
        scratch: |p| Self::packed(p.in_channels, p.out_channels).div_ceil(2) as usize,
        ..Self::RUNG
    };

    pub const BACKWARD_W: Rung<Params> = Rung {
        passes: &[
            Pass::new(
                "backward_w_partial",
                Grid::Groups(|p| {
                    let out_channels = p.out_channels.div_ceil(Self::ROWS);
                    [p.in_channels.div_ceil(Self::COLUMNS), out_channels, Self::parts(p)]
                }),
            ),
            Pass::new("backward_w", Grid::Groups(|p| sums_of_parts(Self::padded_weights(p)))),
        ],
        scratch: |p| Self::parts(p) as usize * Self::padded_weights(p),
        ..Self::RUNG
    };

    /// The default in mixed precision, which a person asks for.
    const RUNG: Rung<Params> = Rung {
        file: "4_tensor",
        replaced: if SIDE == 16 {
            &[]
        } else {
            &[("SIDE = 16u", "SIDE = 8u"), ("coop_mat16x16", "coop_mat8x8")]
        },
        constants: &[
            ("SIDE", SIDE as f64),
            ("ROWS", Self::ROWS as f64),
            ("COLUMNS", Self::COLUMNS as f64),
            ("WEIGHT_SUBGROUPS", WEIGHT_SUBGROUPS as f64),
            ("HEIGHT", HEIGHT as f64),
            ("DEPTH", DEPTH as f64),
        ],
        error: Rounding::Halves,
        trusted: true,
        lacks: |limits| match limits.tensor_cores {
            None => Some("it is for mixed precision on tensor cores"),
            Some(found) if found.side != SIDE => Some("tensor cores multiply matrices of another size there"),
            Some(_) if SIDE == 16 && limits.max_workgroup_memory < MEMORY => {
                Some("it needs 19 KiB of workgroup memory")
            }
            Some(found) => (WEIGHT_SUBGROUPS * found.subgroup > limits.max_workgroup_threads)
                .then_some("it needs groups of eight subgroups"),
        },
        only_for: |p| {
            let few = p.in_channels < FEWEST_CHANNELS;
            only_for_own_windows(p).or_else(|| few.then_some("it is for 8 in_channels or more"))
        },
        iterations: Self::iterations,
        ..Rung::new(if SIDE == 16 { "4_tensor" } else { "4_tensor_8x8" }, SOURCE, &[])
    };

    /// Halves of w in the order of use: `rows` channels of a tile by the channels of the sum, both rounded up to whole tiles.
    fn packed(rows: u32, terms: u32) -> u32 {
        9 * rows.next_multiple_of(Self::ROWS) * terms.next_multiple_of(DEPTH)
    }

    /// Elements of w with channels rounded up to whole tiles.
    fn padded_weights(p: &Params) -> usize {
        let out_channels = p.out_channels.next_multiple_of(Self::ROWS);
        9 * (out_channels * p.in_channels.next_multiple_of(Self::COLUMNS)) as usize
    }

    fn parts(p: &Params) -> u32 {
        weight_parts(p, Self::ROWS, Self::COLUMNS)
    }

    /// Of all three: channels in turn, or pairs of rows of windows and their columns, and what is staged for each. On a
    /// software adapter the matrices are 8 x 8, and its subgroups have 8 threads.
    fn iterations(p: &Params) -> usize {
        let (threads, side) = (4 * 8, SIDE);
        let patch = (HEIGHT + 2) * (side + 2) * DEPTH;
        let staged = patch.div_ceil(threads) + 9 * (1 + DEPTH / side);
        let channels = p.in_channels.max(p.out_channels).div_ceil(DEPTH) * (1 + staged);
        let threads = WEIGHT_SUBGROUPS * 8;
        let staged =
            (side * Self::ROWS).div_ceil(threads) + (6 * (side + 2) * Self::COLUMNS).div_ceil(threads);
        let columns = (2 * p.out_w).div_ceil(side) * (1 + staged);
        let pairs = (p.batch * p.out_h.div_ceil(2)).div_ceil(Self::parts(p)) * (1 + columns);
        channels.max(pairs).max(Self::parts(p)) as usize
    }
}
