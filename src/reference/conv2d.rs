//! 2-D convolution (cross-correlation, as every framework calls it) with zero padding and bias.

use super::{Real, params, source, target};
use std::ops::Range;

params! {
    /// Sizes of one call. x is `[batch, in_channels, in_h, in_w]`, w is [out_channels, in_channels,
    /// kernel_h, kernel_w], b is `[out_channels]`, y is `[batch, out_channels, out_h, out_w]`.
    pub struct Params {
        pub batch: u32,
        pub in_channels: u32,
        pub out_channels: u32,
        pub in_h: u32,
        pub in_w: u32,
        pub out_h: u32,
        pub out_w: u32,
        pub kernel_h: u32,
        pub kernel_w: u32,
        pub stride_h: u32,
        pub stride_w: u32,
        /// Rows of zeros above the picture; what is needed below follows from out_h.
        pub pad_top: i32,
        /// Columns of zeros left of the picture; what is needed at the right follows from out_w.
        pub pad_left: i32,
    }
}

/// `y[n, co, oh, ow] = b[co] + sum_{ci, kh, kw} x[n, ci, ih, iw] * w[co, ci, kh, kw]`
/// with `ih = oh * stride_h - pad_top + kh`, and iw alike. An item is one plane (n, co).
pub fn forward<T: Real>(p: &Params, planes: Range<usize>, x: &[T], w: &[T], b: &[T], y: &mut [T]) {
    let (in_h, in_w) = (p.in_h as usize, p.in_w as usize);
    let (out_h, out_w) = (p.out_h as usize, p.out_w as usize);
    let (in_channels, out_channels) = (p.in_channels as usize, p.out_channels as usize);
    let (kernel_h, kernel_w) = (p.kernel_h as usize, p.kernel_w as usize);
    for (plane, y) in planes.zip(y.chunks_exact_mut(out_h * out_w)) {
        let (n, co) = (plane / out_channels, plane % out_channels);
        for oh in 0..out_h {
            for ow in 0..out_w {
                let mut sum = T::ZERO;
                for ci in 0..in_channels {
                    for kh in 0..kernel_h {
                        let Some(ih) = source(oh, p.stride_h, p.pad_top, kh, p.in_h) else { continue };
                        for kw in 0..kernel_w {
                            let Some(iw) = source(ow, p.stride_w, p.pad_left, kw, p.in_w) else { continue };
                            sum += x[((n * in_channels + ci) * in_h + ih) * in_w + iw]
                                * w[((co * in_channels + ci) * kernel_h + kh) * kernel_w + kw];
                        }
                    }
                }
                y[oh * out_w + ow] = sum + b[co];
            }
        }
    }
}

/// `dx[n, ci, ih, iw] = sum_{co, kh, kw} dy[n, co, oh, ow] * w[co, ci, kh, kw]` over the (oh, kh)
/// with `oh * stride_h - pad_top + kh = ih`, and ow alike. An item is one plane (n, ci).
pub fn backward_x<T: Real>(p: &Params, planes: Range<usize>, w: &[T], dy: &[T], dx: &mut [T]) {
    let (in_h, in_w) = (p.in_h as usize, p.in_w as usize);
    let (out_h, out_w) = (p.out_h as usize, p.out_w as usize);
    let (in_channels, out_channels) = (p.in_channels as usize, p.out_channels as usize);
    let (kernel_h, kernel_w) = (p.kernel_h as usize, p.kernel_w as usize);
    for (plane, dx) in planes.zip(dx.chunks_exact_mut(in_h * in_w)) {
        let (n, ci) = (plane / in_channels, plane % in_channels);
        for ih in 0..in_h {
            for iw in 0..in_w {
                let mut sum = T::ZERO;
                for co in 0..out_channels {
                    for kh in 0..kernel_h {
                        let Some(oh) = target(ih, p.stride_h, p.pad_top, kh, p.out_h) else { continue };
                        for kw in 0..kernel_w {
                            let Some(ow) = target(iw, p.stride_w, p.pad_left, kw, p.out_w) else { continue };
                            sum += dy[((n * out_channels + co) * out_h + oh) * out_w + ow]
                                * w[((co * in_channels + ci) * kernel_h + kh) * kernel_w + kw];
                        }
                    }
                }
                dx[ih * in_w + iw] = sum;
            }
        }
    }
}

/// `dw[co, ci, kh, kw] = sum_{n, oh, ow} dy[n, co, oh, ow] * x[n, ci, ih, iw]` with ih, iw as in
/// [`forward`]. An item is one kernel (co, ci).
pub fn backward_w<T: Real>(p: &Params, kernels: Range<usize>, x: &[T], dy: &[T], dw: &mut [T]) {
    let (in_h, in_w) = (p.in_h as usize, p.in_w as usize);
    let (out_h, out_w) = (p.out_h as usize, p.out_w as usize);
    let (in_channels, out_channels) = (p.in_channels as usize, p.out_channels as usize);
    let (kernel_h, kernel_w) = (p.kernel_h as usize, p.kernel_w as usize);
    for (kernel, dw) in kernels.zip(dw.chunks_exact_mut(kernel_h * kernel_w)) {
        let (co, ci) = (kernel / in_channels, kernel % in_channels);
        for kh in 0..kernel_h {
            for kw in 0..kernel_w {
                let mut sum = T::ZERO;
                for n in 0..p.batch as usize {
                    for oh in 0..out_h {
                        let Some(ih) = source(oh, p.stride_h, p.pad_top, kh, p.in_h) else { continue };
                        for ow in 0..out_w {
                            let Some(iw) = source(ow, p.stride_w, p.pad_left, kw, p.in_w) else { continue };
                            sum += dy[((n * out_channels + co) * out_h + oh) * out_w + ow]
                                * x[((n * in_channels + ci) * in_h + ih) * in_w + iw];
                        }
                    }
                }
                dw[kh * kernel_w + kw] = sum;
            }
        }
    }
}

/// `db[co] = sum_{n, oh, ow} dy[n, co, oh, ow]`. An item is one channel co.
pub fn backward_b<T: Real>(p: &Params, channels: Range<usize>, dy: &[T], db: &mut [T]) {
    let plane_len = p.out_h as usize * p.out_w as usize;
    for (co, db) in channels.zip(db) {
        let mut sum = T::ZERO;
        for n in 0..p.batch as usize {
            for &dy in &dy[(n * p.out_channels as usize + co) * plane_len..][..plane_len] {
                sum += dy;
            }
        }
        *db = sum;
    }
}
