//! Pillow's bilinear resize, to the bit: triangle filter as wide as the scale when shrinking, horizontal pass
//! first, 22-bit weights, each pass rounded to a byte.
//!
//! To the bit, because a picture that differs by one gray level trains to visibly other losses, and Pillow is
//! what datasets are prepared with. No crate does it: those at hand round weights to 16 bits or resize in f32.

/// Bits after the point of a weight; a sum of 255 * weights stays below 2^31.
const WEIGHT_BITS: u32 = 22;

/// What one output pixel is made of: the first source pixel, and a weight for it and those that follow.
struct Window {
    first: usize,
    weights: Vec<i32>,
}

/// The windows of `to` output pixels over `from` source pixels.
fn windows(from: usize, to: usize) -> Vec<Window> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let window = |index: usize| {
        let centre = (index as f64 + 0.5) * scale;
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(from);
        let triangle = |pixel: usize| (1.0 - ((pixel as f64 - centre + 0.5) * (1.0 / reach)).abs()).max(0.0);
        let values: Vec<f64> = (first..end).map(triangle).collect();
        let sum: f64 = values.iter().sum();
        let fixed = |value: &f64| (0.5 + value / sum * f64::from(1u32 << WEIGHT_BITS)) as i32;
        Window { first, weights: values.iter().map(fixed).collect() }
    };
    (0..to).map(window).collect()
}

/// Resizes rows of `width` pixels, of `M` bytes each, to `size` x `size` pixels.
pub fn resize<const M: usize>(pixels: &[u8], width: usize, size: usize) -> Vec<u8> {
    let pixels = pixels.as_chunks::<M>().0;
    let height = pixels.len() / width;
    const HALF: i32 = 1 << (WEIGHT_BITS - 1);
    let byte = |sum: i32| (sum >> WEIGHT_BITS).clamp(0, 255) as u8;

    let mut narrow = Vec::with_capacity(height * size * M);
    let columns = windows(width, size);
    for row in pixels.chunks_exact(width) {
        for window in &columns {
            let pixels = &row[window.first..][..window.weights.len()];
            let mut sums = [HALF; M];
            for (pixel, weight) in pixels.iter().zip(&window.weights) {
                for (sum, color) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(*color) * weight;
                }
            }
            narrow.extend(sums.map(byte));
        }
    }

    let bytes = size * M;
    let mut small = Vec::with_capacity(size * bytes);
    let mut sums = vec![0; bytes];
    for window in windows(height, size) {
        sums.fill(HALF);
        for (row, weight) in narrow[window.first * bytes..].chunks_exact(bytes).zip(&window.weights) {
            for (sum, pixel) in sums.iter_mut().zip(row) {
                *sum += i32::from(*pixel) * weight;
            }
        }
        small.extend(sums.iter().map(|sum| byte(*sum)));
    }
    small
}
