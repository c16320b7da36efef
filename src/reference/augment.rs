//! `input` for pictures that are moved, recoloured and partly erased, each in its own way.

use super::{Real, params};
use std::ops::Range;

params! {
    /// Sizes of one call. pixels are `[batch, height, width, channels]` bytes, transforms `[batch, ROW]`, y is
    /// `[batch, channels, height, width]`. There are 1 or 3 channels.
    pub struct Params {
        pub batch: u32,
        pub channels: u32,
        pub height: u32,
        pub width: u32,
        pub mean: f32,
        /// Standard deviation that values are divided by.
        pub std_dev: f32,
    }
}

/// Values of a row of transforms, one for each picture:
///
/// ```text
///  0  1  2   the line of the picture that is seen at (h, w) is r0 (h - ch) + r1 (w - cw) + r2 + ch,
///  3  4  5   the column r3 (h - ch) + r4 (w - cw) + r5 + cw, where ch = (height - 1) / 2 and cw = (width - 1) / 2
///  6 .. 14   colour: three rows, what each channel takes of red, green and blue; of a gray picture only the first value
/// 15 .. 17   what is added to each channel, in units of the largest pixel
/// 18 .. 21   the elements that are erased: top, left, and, no longer in it, bottom, right; none where bottom = top
/// 22 .. 23   nothing: a row is whole vectors of four
/// ```
pub const ROW: usize = 24;

/// The row of a picture that stays as it is: with it `forward` is `input`'s, to the last bit.
pub const IDENTITY: [f32; ROW] = [
    1.0, 0.0, 0.0, 0.0, 1.0, 0.0, //
    1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, //
    0.0, 0.0, 0.0, //
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
];

/// No position is farther out, so that a whole number holds it.
const FARTHEST: f32 = 1_048_576.0;

/// `y[n, c, h, w] = (clamp(offset[c] + sum_ci colour[c, ci] * picture[n, ci] at (line, column) / 255, 0, 1) - mean) / std_dev`
/// with what the row of picture n says; 0 where it is erased. An item is one picture of y, as the channels of a
/// pixel share its place, which takes most of the time.
///
/// Between pixels the picture is interpolated, bilinearly; outside it is mirrored at its edges,
/// `d c b a | a b c d | d c b a` (Keras and SciPy call that "reflect"), as often as it takes.
pub fn forward<T: Real>(p: &Params, pictures: Range<usize>, pixels: &[u32], transforms: &[T], y: &mut [T]) {
    let (channels, height, width) = (p.channels as usize, p.height as usize, p.width as usize);
    let (area, centre_h, centre_w) = (height * width, centre(height), centre(width));
    for (n, y) in pictures.zip(y.chunks_mut(channels * area)) {
        let row = &transforms[n * ROW..(n + 1) * ROW];
        let (top, left, bottom, right) = (row[18], row[19], row[20], row[21]);
        for position in 0..area {
            let (h, w) = (whole::<T>(position / width), whole::<T>(position % width));
            if h >= top && w >= left && h < bottom && w < right {
                (0..channels).for_each(|c| y[c * area + position] = T::ZERO);
                continue;
            }
            let source = |axis: &[T], centre: T| {
                split(axis[0] * (h - centre_h) + axis[2] + centre + axis[1] * (w - centre_w))
            };
            let ((above, behind_h), (before, behind_w)) =
                (source(&row[..3], centre_h), source(&row[3..6], centre_w));
            let lines = [above, above + 1].map(|line| n * area + mirrored(line, height) * width);
            let columns = [before, before + 1].map(|column| mirrored(column, width));
            let mut seen = [T::ZERO; 3];
            for (ci, seen) in seen.iter_mut().enumerate().take(channels) {
                let of_line = |line| {
                    let [first, second] =
                        columns.map(|column| level(pixels, (line + column) * channels + ci));
                    between(first, second, behind_w)
                };
                let [first, second] = lines.map(of_line);
                *seen = between(first, second, behind_h) / T::of(255.0);
            }
            for c in 0..channels {
                let mut value = row[15 + c];
                for (ci, &seen) in seen.iter().enumerate().take(channels) {
                    value += row[6 + 3 * c + ci] * seen;
                }
                y[c * area + position] = (clamp(value, T::ZERO, T::ONE) - T::of(p.mean)) / T::of(p.std_dev);
            }
        }
    }
}

/// The middle of an axis, between its first pixel at 0 and its last at `size - 1`.
fn centre<T: Real>(size: usize) -> T {
    T::of(0.5) * whole(size - 1)
}

fn whole<T: Real>(number: usize) -> T {
    T::of(number as f32)
}

/// The pixel before a position, and how far behind it the position is, from 0 to 1.
fn split<T: Real>(position: T) -> (i32, T) {
    let position = clamp(position, T::of(-FARTHEST), T::of(FARTHEST));
    let towards_zero = position.as_i32();
    let before = towards_zero - i32::from(T::of(towards_zero as f32) > position);
    (before, position - T::of(before as f32))
}

/// The pixel of an axis that is seen at `i`, mirrored at the edges: with size 3, -1 is 0, 3 is 2 and 6 is 0.
fn mirrored(i: i32, size: usize) -> usize {
    match usize::try_from(i) {
        // Most are inside, and a division takes time.
        Ok(inside) if inside < size => inside,
        _ => {
            let period = 2 * size as i32;
            let there = i.rem_euclid(period);
            there.min(period - 1 - there) as usize
        }
    }
}

/// A byte of the pixels, 0 to 255.
fn level<T: Real>(pixels: &[u32], byte: usize) -> T {
    T::of((pixels[byte / 4] >> (8 * (byte % 4)) & 255) as f32)
}

fn between<T: Real>(first: T, second: T, behind: T) -> T {
    first + behind * (second - first)
}

/// NaN stays NaN.
fn clamp<T: Real>(v: T, least: T, most: T) -> T {
    if v < least {
        least
    } else if v > most {
        most
    } else {
        v
    }
}
