//! The column matrix of a convolution, made and taken apart one block at a time.
//!
//! Row `(ci, kh, kw)` of the matrix holds, for every output position `(oh, ow)`, the pixel of x that the
//! window's element `(kh, kw)` meets there, or 0 in the padding. A convolution is then a product:
//! `y = w cols`, `dcols = w^T dy`, `dw = dy cols^T`. The whole matrix is `kernel_h * kernel_w` times the
//! picture and would live in main memory; a block of it, some input channels by a strip of output rows,
//! lives in the cache of the core that made it, and is multiplied at once.
//!
//! Rows of the matrix are runs of pixels, so that making it is copying slices.

use crate::reference::conv2d::Params;
use std::ops::Range;

/// Output positions of a strip: enough for the product to run at full speed.
const STRIP: usize = 256;
/// Values of a block: 512 KiB, about the L2 cache of a core.
const BLOCK: usize = 128 * 1024;

/// How the matrix of one image is cut: by its sizes only, so that sums have the same order everywhere.
pub struct Blocks<'a> {
    pub p: &'a Params,
    /// Output rows that are computed.
    rows: usize,
    /// Rows of a strip.
    height: usize,
}

impl<'a> Blocks<'a> {
    /// Output rows `0..rows`, in strips of whole multiples of `unit` rows (but for what is left at the end).
    pub fn new(p: &'a Params, rows: usize, unit: usize) -> Self {
        let units = rows.div_ceil(unit);
        let most = (STRIP / (unit * p.out_w as usize)).max(1);
        // As equal as can be: a small strip at the end would be slow.
        let height = units.div_ceil(units.div_ceil(most)) * unit;
        Blocks { p, rows, height: height.min(rows) }
    }

    /// The output rows of every strip.
    pub fn strips(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.rows).step_by(self.height).map(|start| start..self.rows.min(start + self.height))
    }

    /// Output positions of the largest strip.
    pub fn strip_len(&self) -> usize {
        self.height * self.p.out_w as usize
    }

    /// Cuts `0..channels` into blocks that fit the cache.
    pub fn channels(&self, channels: usize) -> impl Iterator<Item = Range<usize>> {
        let size = self.channels_per_block(channels);
        (0..channels).step_by(size).map(move |start| start..channels.min(start + size))
    }

    /// Values of the largest block of so many channels.
    pub fn block_len(&self, channels: usize) -> usize {
        self.channels_per_block(channels) * taps(self.p) * self.strip_len()
    }

    fn channels_per_block(&self, channels: usize) -> usize {
        let most = (BLOCK / (taps(self.p) * self.strip_len())).max(1);
        channels.div_ceil(channels.div_ceil(most))
    }
}

/// Elements of the window.
pub fn taps(p: &Params) -> usize {
    (p.kernel_h * p.kernel_w) as usize
}

/// Fills `cols` with the block of some channels, whose planes are `x`, by the output rows `rows`.
///
/// The padding becomes zeros that are multiplied, where the reference leaves the terms out. That differs
/// only if they meet a NaN or an infinity: NaN appears in a few more places next to the border.
pub fn gather(p: &Params, x: &[f32], rows: &Range<usize>, cols: &mut [f32]) {
    let planes = x.chunks_exact((p.in_h * p.in_w) as usize);
    let strip_len = rows.len() * p.out_w as usize;
    for (plane, cols) in planes.zip(cols.chunks_exact_mut(taps(p) * strip_len)) {
        for (tap, cols) in cols.chunks_exact_mut(strip_len).enumerate() {
            let tap = Tap::new(p, tap);
            if tap.is_shift() {
                let (strip, start) = tap.shifted(rows);
                cols[..strip.start].fill(0.0);
                cols[strip.end..].fill(0.0);
                cols[strip.clone()].copy_from_slice(&plane[start..][..strip.len()]);
                tap.clear_padding(cols);
                continue;
            }
            cols.fill(0.0);
            for (strip, start) in tap.runs(rows) {
                if p.stride_w == 1 {
                    cols[strip.clone()].copy_from_slice(&plane[start..][..strip.len()]);
                } else {
                    let pixels = plane[start..].iter().step_by(p.stride_w as usize);
                    cols[strip].iter_mut().zip(pixels).for_each(|(col, pixel)| *col = *pixel);
                }
            }
        }
    }
}

/// The transpose of [`gather`]: adds every value of `cols` to the pixel that it belongs to, in the planes
/// `dx` of the block's channels. Values that belong to the padding are dropped (`cols` is left altered).
pub fn scatter_add(p: &Params, cols: &mut [f32], rows: &Range<usize>, dx: &mut [f32]) {
    let planes = dx.chunks_exact_mut((p.in_h * p.in_w) as usize);
    let strip_len = rows.len() * p.out_w as usize;
    for (plane, cols) in planes.zip(cols.chunks_exact_mut(taps(p) * strip_len)) {
        for (tap, cols) in cols.chunks_exact_mut(strip_len).enumerate() {
            let tap = Tap::new(p, tap);
            if tap.is_shift() {
                tap.clear_padding(cols);
                let (strip, start) = tap.shifted(rows);
                plane[start..].iter_mut().zip(&cols[strip]).for_each(|(pixel, col)| *pixel += *col);
                continue;
            }
            for (strip, start) in tap.runs(rows) {
                let pixels = plane[start..].iter_mut().step_by(p.stride_w as usize);
                pixels.zip(&cols[strip]).for_each(|(pixel, col)| *pixel += *col);
            }
        }
    }
}

/// One element of the window: which pixels of a plane the output positions of a strip meet there.
struct Tap<'a> {
    p: &'a Params,
    /// Input row of output row 0; it may lie above the picture.
    top: isize,
    /// Input column of output column 0; it may lie left of the picture.
    left: isize,
    /// The output columns whose pixel is inside the picture.
    inside: Range<usize>,
}

impl<'a> Tap<'a> {
    fn new(p: &'a Params, tap: usize) -> Self {
        let (kh, kw) = (tap / p.kernel_w as usize, tap % p.kernel_w as usize);
        let (top, left) = (kh as isize - p.pad_top as isize, kw as isize - p.pad_left as isize);
        let first_at_or_after = |iw: isize| {
            let ow = (iw - left).max(0).unsigned_abs().div_ceil(p.stride_w as usize);
            ow.min(p.out_w as usize)
        };
        Tap { p, top, left, inside: first_at_or_after(0)..first_at_or_after(p.in_w as isize) }
    }

    /// The part of every row that is inside the picture: where it is in the strip, and the index of its first
    /// pixel in the plane. Its pixels lie `stride_w` apart.
    fn runs(&self, rows: &Range<usize>) -> impl Iterator<Item = (Range<usize>, usize)> {
        let (in_h, in_w, out_w) = (self.p.in_h as isize, self.p.in_w as isize, self.p.out_w as usize);
        let rows = if self.inside.is_empty() { 0..0 } else { rows.clone() };
        rows.enumerate().filter_map(move |(row, oh)| {
            let ih = oh as isize * self.p.stride_h as isize + self.top;
            let iw = self.inside.start as isize * self.p.stride_w as isize + self.left;
            let strip = row * out_w + self.inside.start..row * out_w + self.inside.end;
            (0..in_h).contains(&ih).then_some((strip, (ih * in_w + iw) as usize))
        })
    }

    /// Whether the output is as wide as the input, at stride 1, as with 'same' padding. Then a tap is the
    /// plane shifted by a constant: one long run instead of one per row. Only in the columns that meet the
    /// padding is it wrong, because there the shift wraps to a neighbouring row.
    fn is_shift(&self) -> bool {
        self.p.stride_h == 1 && self.p.stride_w == 1 && self.p.out_w == self.p.in_w
    }

    /// For a shift: the part of the strip whose pixels are within the plane, and the index of the first.
    fn shifted(&self, rows: &Range<usize>) -> (Range<usize>, usize) {
        let (in_w, plane_len) = (self.p.in_w as isize, (self.p.in_h * self.p.in_w) as isize);
        let shift = (rows.start as isize + self.top) * in_w + self.left;
        let len = rows.len() as isize * in_w;
        let start = (-shift).clamp(0, len);
        let end = (plane_len - shift).clamp(start, len);
        (start as usize..end as usize, (shift + start).clamp(0, plane_len) as usize)
    }

    /// Sets the columns that meet the padding to 0.
    fn clear_padding(&self, cols: &mut [f32]) {
        let out_w = self.p.out_w as usize;
        if self.inside != (0..out_w) {
            for row in cols.chunks_exact_mut(out_w) {
                row[..self.inside.start].fill(0.0);
                row[self.inside.end..].fill(0.0);
            }
        }
    }
}
