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
/// with what the row of picture n says; 0 where it is erased. An item is one element of y.
///
/// Between pixels the picture is interpolated, bilinearly; outside it is mirrored at its edges,
/// `d c b a | a b c d | d c b a` (Keras and SciPy call that "reflect"), as often as it takes.
pub fn forward<T: Real>(p: &Params, elements: Range<usize>, pixels: &[u32], transforms: &[T], y: &mut [T]) {
    let (channels, height, width) = (p.channels as usize, p.height as usize, p.width as usize);
    let (mean, std_dev) = (T::of(p.mean), T::of(p.std_dev));
    let mut done = 0;
    // Line by line, as what a line shares is most of the work.
    while done < y.len() {
        let (line, first) = ((elements.start + done) / width, (elements.start + done) % width);
        let (n, c, h) = (line / (channels * height), line / height % channels, line % height);
        let columns = first..width.min(first + y.len() - done);
        let row = &transforms[n * ROW..(n + 1) * ROW];
        let (at, below_centre) = (whole::<T>(h), whole::<T>(h) - centre(height));
        let source = |axis: usize, size| row[axis] * below_centre + row[axis + 2] + centre(size);
        let (source_h, source_w) = (source(0, height), source(3, width));
        let (colour, offset) = (&row[6 + 3 * c..6 + 3 * c + channels], row[15 + c]);
        let (top, left, bottom, right) = (row[18], row[19], row[20], row[21]);
        let is_erased = |w: T| at >= top && w >= left && at < bottom && w < right;
        let picture = n * height * width;

        for (w, y) in columns.clone().zip(&mut y[done..]) {
            let w = whole(w);
            if is_erased(w) {
                *y = T::ZERO;
                continue;
            }
            let right_of_centre = w - centre(width);
            let (above, behind_h) = split(source_h + row[1] * right_of_centre);
            let (before, behind_w) = split(source_w + row[4] * right_of_centre);
            let lines = [above, above + 1].map(|line| picture + mirrored(line, height) * width);
            let columns = [before, before + 1].map(|column| mirrored(column, width));
            let mut value = offset;
            for (ci, &share) in colour.iter().enumerate() {
                let of_line = |line| {
                    let [first, second] =
                        columns.map(|column| level(pixels, (line + column) * channels + ci));
                    between(first, second, behind_w)
                };
                let [first, second] = lines.map(of_line);
                value += share * (between(first, second, behind_h) / T::of(255.0));
            }
            *y = (clamp(value, T::ZERO, T::ONE) - mean) / std_dev;
        }
        done += columns.len();
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
