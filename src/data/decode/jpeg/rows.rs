//! Rows of samples as wide as the picture. Channels that have fewer samples are filled in as libjpeg does it (jdsample.c), to
//! the bit: by a triangle filter where they have half as many, else by repetition.

use super::dct::InverseDct;
use super::libjpeg::{Channel, Coefficients};
use crate::data::decode::budget::reserved;
use crate::data::skip::Skip;

/// Samples of a block's side.
const SIDE: usize = 8;
/// Rows of blocks that are kept: a row of samples needs the one above and the one below it.
const KEPT: usize = 2;

/// The rows of one channel, one after the other.
pub struct Rows {
    index: usize,
    dct: InverseDct,
    /// Samples that there are, across and down; and of a row of blocks.
    samples: [usize; 2],
    stride: usize,
    /// How many times wider and higher the picture is.
    expand: [usize; 2],
    /// The rows of blocks that were made last, and how many were.
    kept: Vec<u8>,
    made: usize,
    /// Weighted sums of two rows, and the row as wide as the picture.
    sums: Vec<u16>,
    wide: Vec<u8>,
}

impl Rows {
    /// Of a channel of a picture of this size, whose finest channel has `finest` samples for each unit.
    ///
    /// # Errors
    /// `Unsupported` where that is no multiple of the channel's samples, `OutOfMemory`.
    pub fn new(index: usize, channel: &Channel, size: [usize; 2], finest: [usize; 2]) -> Result<Rows, Skip> {
        if [0, 1].iter().any(|&axis| !finest[axis].is_multiple_of(channel.sampling[axis])) {
            let why =
                "a JPEG whose channels have sizes that do not divide each other; save it as a usual JPEG";
            return Err(Skip::Unsupported(why.to_string()));
        }
        let expand = [0, 1].map(|axis| finest[axis] / channel.sampling[axis]);
        let stride = channel.blocks[0] * SIDE;
        Ok(Rows {
            index,
            dct: InverseDct::new(&channel.steps),
            samples: [0, 1].map(|axis| (size[axis] * channel.sampling[axis]).div_ceil(finest[axis])),
            stride,
            expand,
            kept: reserved(KEPT * SIDE * stride)?,
            made: 0,
            sums: vec![0; stride],
            wide: reserved(stride * expand[0])?,
        })
    }

    /// The row that was made last, and maybe samples behind it.
    pub fn row(&self) -> &[u8] {
        &self.wide
    }

    /// Makes row `y`, one after the other.
    ///
    /// # Errors
    /// `Damaged` where a block is in no picture.
    #[inline(always)]
    pub fn make(&mut self, y: usize, coefficients: &mut Coefficients) -> Result<(), Skip> {
        let [across, down] = self.expand;
        let near = y / down;
        let below = (near + 1).min(self.samples[1] - 1);
        while self.made <= below / SIDE {
            self.make_blocks(coefficients)?;
        }
        let stored =
            |row: usize| &self.kept[(row / SIDE % KEPT * SIDE + row % SIDE) * self.stride..][..self.stride];
        let is_lower = !y.is_multiple_of(down);
        let far = if is_lower { below } else { near.saturating_sub(1) };
        let (near, far) = (stored(near), stored(far));
        let sum_rows = |sums: &mut [u16]| {
            for (sum, (near, far)) in sums.iter_mut().zip(near.iter().zip(far)) {
                *sum = 3 * u16::from(*near) + u16::from(*far);
            }
        };
        match [across, down] {
            [1, 1] => self.wide.copy_from_slice(near),
            [1, 2] => {
                sum_rows(&mut self.sums);
                let half = 1 + u16::from(is_lower);
                for (wide, sum) in self.wide.iter_mut().zip(&self.sums) {
                    *wide = ((sum + half) >> 2) as u8;
                }
            }
            // As narrow a row is repeated.
            [2, 1] if self.samples[0] > 2 => {
                for (sum, near) in self.sums.iter_mut().zip(near) {
                    *sum = u16::from(*near);
                }
                widen::<2>(&self.sums[..self.samples[0]], [1, 2], &mut self.wide);
            }
            [2, 2] if self.samples[0] > 2 => {
                sum_rows(&mut self.sums);
                widen::<4>(&self.sums[..self.samples[0]], [8, 7], &mut self.wide);
            }
            _ => {
                for (wide, sample) in self.wide.chunks_exact_mut(across).zip(near) {
                    wide.fill(*sample);
                }
            }
        }
        Ok(())
    }

    /// The samples of the next row of blocks.
    #[inline(always)]
    fn make_blocks(&mut self, coefficients: &mut Coefficients) -> Result<(), Skip> {
        let place = self.made % KEPT * SIDE * self.stride;
        let rows = &mut self.kept[place..][..SIDE * self.stride];
        for (index, block) in coefficients.row(self.index, self.made).iter().enumerate() {
            let samples = self
                .dct
                .samples(block)
                .ok_or_else(|| Skip::Damaged("it has values that no picture has".to_string()))?;
            for (row, samples) in rows.chunks_exact_mut(self.stride).zip(samples) {
                row[index * SIDE..][..SIDE].copy_from_slice(&samples);
            }
        }
        self.made += 1;
        Ok(())
    }
}

/// Twice as many samples: each is three quarters of the near one and a quarter of the far one, of sums that are rounded by one
/// of `halves` and shifted by `BITS`.
#[inline(always)]
fn widen<const BITS: u32>(sums: &[u16], halves: [u16; 2], wide: &mut [u8]) {
    let last = sums.len() - 1;
    let pairs = &mut wide.as_chunks_mut::<2>().0[..sums.len()];
    let side = |near: u16, far: u16, half: u16| ((3 * near + far + half) >> BITS) as u8;
    // There is nothing beyond the ends.
    pairs[0] = [side(sums[0], sums[0], halves[0]), side(sums[0], sums[1], halves[1])];
    for (pair, window) in pairs[1..last].iter_mut().zip(sums.windows(3)) {
        *pair = [side(window[1], window[0], halves[0]), side(window[1], window[2], halves[1])];
    }
    pairs[last] = [side(sums[last], sums[last - 1], halves[0]), side(sums[last], sums[last], halves[1])];
}
