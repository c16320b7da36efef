//! Convolution, ReLU and non-overlapping max-pooling in one: composed of the references of the three.
//!
//! What a faster version saves is memory: the convolution's output, `pool * pool` times larger than
//! the pooled one, is never stored. The backward kernels work from y and from where each window's
//! maximum was: one byte per element of y, four to a word.

use super::{Real, conv2d, max_pool2d, params, relu};
use std::ops::Range;

params! {
    /// Sizes of one call. x is `[batch, in_channels, in_h, in_w]`, w is [out_channels, in_channels,
    /// kernel_h, kernel_w], b is `[out_channels]`, y is `[batch, out_channels, out_h, out_w]`, argmax is
    /// `[batch, out_channels, argmax_words]` words.
    pub struct Params {
        pub batch: u32,
        pub in_channels: u32,
        pub out_channels: u32,
        pub in_h: u32,
        pub in_w: u32,
        /// Rows of the convolution's output, before pooling.
        pub conv_h: u32,
        pub conv_w: u32,
        /// `conv_h / pool`, rounded down.
        pub out_h: u32,
        pub out_w: u32,
        pub kernel_h: u32,
        pub kernel_w: u32,
        pub stride_h: u32,
        pub stride_w: u32,
        pub pad_top: i32,
        pub pad_left: i32,
        /// Rows, columns and stride of the pooling window; at most 16, so that its index fits a byte.
        pub pool: u32,
        /// Words of argmax for one plane of y: `ceil(out_h * out_w / 4)`.
        pub argmax_words: u32,
    }
}

impl Params {
    /// The sizes of the convolution alone.
    pub fn conv2d(&self) -> conv2d::Params {
        conv2d::Params {
            batch: self.batch,
            in_channels: self.in_channels,
            out_channels: self.out_channels,
            in_h: self.in_h,
            in_w: self.in_w,
            out_h: self.conv_h,
            out_w: self.conv_w,
            kernel_h: self.kernel_h,
            kernel_w: self.kernel_w,
            stride_h: self.stride_h,
            stride_w: self.stride_w,
            pad_top: self.pad_top,
            pad_left: self.pad_left,
        }
    }

    /// The sizes of the pooling of one image.
    pub fn max_pool2d(&self) -> max_pool2d::Params {
        max_pool2d::Params {
            batch: 1,
            channels: self.out_channels,
            in_h: self.conv_h,
            in_w: self.conv_w,
            out_h: self.out_h,
            out_w: self.out_w,
            window_h: self.pool,
            window_w: self.pool,
            stride_h: self.pool,
            stride_w: self.pool,
        }
    }
}

/// `y = max_pool(relu(conv2d(x, w, b)))`, and per element of y the index `kh * pool + kw` of its
/// maximum: element `o` of a plane in byte `o % 4` of word `o / 4`. An item is one plane (n, co).
pub fn forward<T: Real>(
    p: &Params,
    planes: Range<usize>,
    x: &[T],
    w: &[T],
    b: &[T],
    y: &mut [T],
    argmax: &mut [u32],
) {
    let out_len = (p.out_h * p.out_w) as usize;
    let mut z = vec![T::ZERO; (p.conv_h * p.conv_w) as usize];
    let mut a = z.clone();
    let mut index = vec![0; out_len];
    let outputs = y.chunks_exact_mut(out_len).zip(argmax.chunks_exact_mut(p.argmax_words as usize));
    for (plane, (y, argmax)) in planes.zip(outputs) {
        conv2d::forward(&p.conv2d(), plane..plane + 1, x, w, b, &mut z);
        relu::forward(&relu::Params { len: z.len() as u32 }, 0..z.len(), &z, &mut a);
        max_pool2d::forward(&p.max_pool2d(), 0..1, &a, y, &mut index);
        for (word, four) in argmax.iter_mut().zip(index.chunks(4)) {
            *word = four.iter().enumerate().fold(0, |word, (i, &k)| word | k << (8 * i));
        }
    }
}

/// The gradient of x, as in [`conv2d::backward_x`] with the un-pooled dy. An item is one plane (n, ci).
pub fn backward_x<T: Real>(
    p: &Params,
    planes: Range<usize>,
    w: &[T],
    y: &[T],
    argmax: &[u32],
    dy: &[T],
    dx: &mut [T],
) {
    let one_image = conv2d::Params { batch: 1, ..p.conv2d() };
    let mut unpooled = None;
    for (plane, dx) in planes.zip(dx.chunks_exact_mut((p.in_h * p.in_w) as usize)) {
        let (n, ci) = (plane / p.in_channels as usize, plane % p.in_channels as usize);
        let dz = match unpooled.take() {
            Some((image, dz)) if image == n => dz,
            _ => unpool(p, n, y, argmax, dy),
        };
        conv2d::backward_x(&one_image, ci..ci + 1, w, &dz, dx);
        unpooled = Some((n, dz));
    }
}

/// The gradient of w, as in [`conv2d::backward_w`] with the un-pooled dy. An item is one kernel (co, ci).
pub fn backward_w<T: Real>(
    p: &Params,
    kernels: Range<usize>,
    x: &[T],
    y: &[T],
    argmax: &[u32],
    dy: &[T],
    dw: &mut [T],
) {
    let dz: Vec<T> = (0..p.batch as usize).flat_map(|n| unpool(p, n, y, argmax, dy)).collect();
    conv2d::backward_w(&p.conv2d(), kernels, x, &dz, dw);
}

/// `db[co]` = the sum of dy where y > 0: where in its window a maximum was does not matter.
/// An item is one channel co.
pub fn backward_b<T: Real>(p: &Params, channels: Range<usize>, y: &[T], dy: &[T], db: &mut [T]) {
    let out_len = (p.out_h * p.out_w) as usize;
    for (co, db) in channels.zip(db) {
        let mut sum = T::ZERO;
        for n in 0..p.batch as usize {
            for i in
                (n * p.out_channels as usize + co) * out_len..(n * p.out_channels as usize + co + 1) * out_len
            {
                if y[i] > T::ZERO {
                    sum += dy[i];
                }
            }
        }
        *db = sum;
    }
}

/// The gradient of image n's convolution output: dy, where y > 0, moved to its window's maximum.
fn unpool<T: Real>(p: &Params, n: usize, y: &[T], argmax: &[u32], dy: &[T]) -> Vec<T> {
    let out_len = (p.out_h * p.out_w) as usize;
    let image_len = p.out_channels as usize * out_len;
    let image = n * image_len..(n + 1) * image_len;
    let mut gated = vec![T::ZERO; image_len];
    relu::backward_x(&relu::Params { len: y.len() as u32 }, image, y, dy, &mut gated);

    let index: Vec<u32> = (0..image_len)
        .map(|i| {
            let (plane, o) = (n * p.out_channels as usize + i / out_len, i % out_len);
            argmax[plane * p.argmax_words as usize + o / 4] >> (8 * (o % 4)) & 255
        })
        .collect();
    let pool = p.max_pool2d();
    let mut dz = vec![T::ZERO; (p.out_channels * p.conv_h * p.conv_w) as usize];
    max_pool2d::backward_x(&pool, 0..p.out_channels as usize, &index, &gated, &mut dz);
    dz
}
