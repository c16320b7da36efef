//! Max-pooling over windows of any size and stride, without padding: a last partial window is left
//! out, so `out = floor((in - window) / stride) + 1`.
//!
//! Tie rule: the *first* maximum of a window wins (row by row), and only it gets the gradient.
//! A NaN wins over every number, so that a diverged run shows.

use super::{Real, params, target};
use std::ops::Range;

params! {
    /// Sizes of one call. x is `[batch, channels, in_h, in_w]`, y and argmax `[batch, channels, out_h, out_w]`.
    pub struct Params {
        pub batch: u32,
        pub channels: u32,
        pub in_h: u32,
        pub in_w: u32,
        pub out_h: u32,
        pub out_w: u32,
        pub window_h: u32,
        pub window_w: u32,
        pub stride_h: u32,
        pub stride_w: u32,
    }
}

/// `y[n, c, oh, ow] = max over the window of x`, and `argmax` = `kh * window_w + kw` of that maximum.
///
/// An item is one plane (n, c).
pub fn forward<T: Real>(p: &Params, planes: Range<usize>, x: &[T], y: &mut [T], argmax: &mut [u32]) {
    let (in_h, in_w, out_w) = (p.in_h as usize, p.in_w as usize, p.out_w as usize);
    let plane_len = p.out_h as usize * out_w;
    for (plane, (y, argmax)) in
        planes.zip(y.chunks_exact_mut(plane_len).zip(argmax.chunks_exact_mut(plane_len)))
    {
        let x = &x[plane * in_h * in_w..][..in_h * in_w];
        for oh in 0..p.out_h as usize {
            for ow in 0..out_w {
                let (row, column) = (oh * p.stride_h as usize, ow * p.stride_w as usize);
                let mut best = x[row * in_w + column];
                let mut best_k = 0;
                for kh in 0..p.window_h as usize {
                    for kw in 0..p.window_w as usize {
                        let v = x[(row + kh) * in_w + column + kw];
                        if beats(v, best) {
                            best = v;
                            best_k = kh * p.window_w as usize + kw;
                        }
                    }
                }
                y[oh * out_w + ow] = best;
                argmax[oh * out_w + ow] = best_k as u32;
            }
        }
    }
}

/// `dx[n, c, ih, iw]` = the sum of `dy` over the windows whose maximum is at (ih, iw).
///
/// An item is one plane (n, c).
pub fn backward_x<T: Real>(p: &Params, planes: Range<usize>, argmax: &[u32], dy: &[T], dx: &mut [T]) {
    let (in_h, in_w, out_w) = (p.in_h as usize, p.in_w as usize, p.out_w as usize);
    let out_len = p.out_h as usize * out_w;
    for (plane, dx) in planes.zip(dx.chunks_exact_mut(in_h * in_w)) {
        for ih in 0..in_h {
            for iw in 0..in_w {
                let mut sum = T::ZERO;
                for kh in 0..p.window_h as usize {
                    let Some(oh) = target(ih, p.stride_h, 0, kh, p.out_h) else { continue };
                    for kw in 0..p.window_w as usize {
                        let Some(ow) = target(iw, p.stride_w, 0, kw, p.out_w) else { continue };
                        let o = plane * out_len + oh * out_w + ow;
                        if argmax[o] as usize == kh * p.window_w as usize + kw {
                            sum += dy[o];
                        }
                    }
                }
                dx[ih * in_w + iw] = sum;
            }
        }
    }
}

/// Whether `v` replaces `best` as a window's maximum: larger, or the first NaN.
pub(super) fn beats<T: Real>(v: T, best: T) -> bool {
    v > best || (v.is_nan() && !best.is_nan())
}
