//! From coefficients to samples, to the bit as libjpeg's `jpeg_idct_islow` (jidctint.c, after Loeffler, Ligtenberg and
//! Moschytz, ICASSP 1989) where a picture is sound. The compiler makes eight columns of it one vector.

use super::libjpeg::Block;

/// A row of samples, or of what becomes them, for each of eight.
type Square = [[i32; 8]; 8];

/// Bits after the point of the factors, and of what lies between the two passes.
const FACTOR_BITS: u32 = 13;
const BETWEEN_BITS: u32 = 2;

/// Turns coefficients to samples.
pub struct InverseDct {
    steps: Square,
    /// The largest sum of squares of coefficients that a picture has.
    most: f32,
}

impl InverseDct {
    /// With what coefficients are to be multiplied by.
    pub fn new(steps: &[u16; 64]) -> InverseDct {
        let steps: Square =
            std::array::from_fn(|row| std::array::from_fn(|column| i32::from(steps[8 * row + column])));
        // The transform keeps lengths (Parseval). That of 64 samples from -128 to 127 is 1024 at most; encoders that overshoot
        // on purpose add a quarter; and rounding is off by up to half a step for each coefficient.
        let rounding =
            steps.as_flattened().iter().map(|&step| (step as f32 / 2.0).powi(2)).sum::<f32>().sqrt();
        InverseDct { steps, most: (1.25 * 1024.0 + rounding).powi(2) }
    }

    /// The samples of a block, or `None` where no picture has such a block.
    #[inline(always)]
    pub fn samples(&self, block: &Block) -> Option<[[u8; 8]; 8]> {
        if block[1..].iter().all(|&coefficient| coefficient == 0) {
            let flat = i32::from(block[0]) * self.steps[0][0];
            let is_sound = (flat as f32).powi(2) <= self.most;
            return is_sound.then(|| [[(((flat + 4) >> 3) + 128).clamp(0, 255) as u8; 8]; 8]);
        }
        let mut square = [[0; 8]; 8];
        let mut squares = [0.0; 8];
        for (row, (block, steps)) in square.iter_mut().zip(block.as_chunks::<8>().0.iter().zip(&self.steps)) {
            for column in 0..8 {
                row[column] = i32::from(block[column]) * steps[column];
                squares[column] += (row[column] as f32).powi(2);
            }
        }
        // Beyond that, decoders differ in what they cut off, and sums would not fit.
        if squares.iter().sum::<f32>() > self.most {
            return None;
        }
        let columns = transposed(pass::<{ FACTOR_BITS - BETWEEN_BITS }>(&square));
        let rows = transposed(pass::<{ FACTOR_BITS + BETWEEN_BITS + 3 }>(&columns));
        let mut samples = [[0; 8]; 8];
        for (samples, row) in samples.as_flattened_mut().iter_mut().zip(rows.as_flattened()) {
            *samples = (row + 128).clamp(0, 255) as u8;
        }
        Some(samples)
    }
}

#[inline(always)]
fn transposed(square: Square) -> Square {
    std::array::from_fn(|row| std::array::from_fn(|column| square[column][row]))
}

/// The transform in one direction, of eight columns side by side, each rounded to `BITS` fewer.
#[inline(always)]
fn pass<const BITS: u32>(x: &Square) -> Square {
    const fn factor(x: f64) -> i32 {
        (x * (1 << FACTOR_BITS) as f64 + if x < 0.0 { -0.5 } else { 0.5 }) as i32
    }
    let mut y = [[0; 8]; 8];
    for i in 0..8 {
        // The even half.
        let turned = (x[2][i] + x[6][i]) * const { factor(0.541_196_100) };
        let two = turned - x[6][i] * const { factor(1.847_759_065) };
        let three = turned + x[2][i] * const { factor(0.765_366_865) };
        let sum = (x[0][i] + x[4][i]) << FACTOR_BITS;
        let difference = (x[0][i] - x[4][i]) << FACTOR_BITS;
        let even = [sum + three, difference + two, difference - two, sum - three];
        // The odd half.
        let [a, b, c, d] = [x[7][i], x[5][i], x[3][i], x[1][i]];
        let all = (a + c + b + d) * const { factor(1.175_875_602) };
        let ad = (a + d) * const { factor(-0.899_976_223) };
        let bc = (b + c) * const { factor(-2.562_915_447) };
        let ac = all + (a + c) * const { factor(-1.961_570_560) };
        let bd = all + (b + d) * const { factor(-0.390_180_644) };
        let odd = [
            d * const { factor(1.501_321_110) } + ad + bd,
            c * const { factor(3.072_711_026) } + bc + ac,
            b * const { factor(2.053_119_869) } + bc + bd,
            a * const { factor(0.298_631_336) } + ad + ac,
        ];
        for k in 0..4 {
            y[k][i] = (even[k] + odd[k] + (1 << (BITS - 1))) >> BITS;
            y[7 - k][i] = (even[k] - odd[k] + (1 << (BITS - 1))) >> BITS;
        }
    }
    y
}
