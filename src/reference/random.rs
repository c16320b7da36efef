//! The integer hash behind all randomness that must also run in a shader.
//!
//! pcg4d of Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020. It has no
//! state: a value depends only on what it is asked for, so a mask can be made again in the backward
//! pass, is the same on every device, and does not notice how a batch was split.

/// Four well-mixed words from four words.
pub fn pcg4d(v: [u32; 4]) -> [u32; 4] {
    let [mut x, mut y, mut z, mut w] = v.map(|v| v.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    x = x.wrapping_add(y.wrapping_mul(w));
    y = y.wrapping_add(z.wrapping_mul(x));
    z = z.wrapping_add(x.wrapping_mul(y));
    w = w.wrapping_add(y.wrapping_mul(z));
    [x, y, z, w] = [x, y, z, w].map(|v| v ^ (v >> 16));
    x = x.wrapping_add(y.wrapping_mul(w));
    y = y.wrapping_add(z.wrapping_mul(x));
    z = z.wrapping_add(x.wrapping_mul(y));
    w = w.wrapping_add(y.wrapping_mul(z));
    [x, y, z, w]
}

/// A uniform number in `[0, 1)`, a multiple of 2^-24, for `position` of `layer` in `step`.
pub fn uniform(seed: u32, step: u32, layer: u32, position: u32) -> f32 {
    (pcg4d([position, layer, step, seed])[0] >> 8) as f32 * (1.0 / 16_777_216.0)
}
