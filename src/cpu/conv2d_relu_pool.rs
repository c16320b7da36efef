//! Fast convolution, ReLU and max-pooling in one, on the CPU.
//!
//! As `conv2d`, with strips of whole pooling windows: a strip of the convolution's output is pooled while
//! it is in the cache, and made again from y, argmax and dy in backward. The whole of it is never stored.

use super::conv2d::{backward_w_strips, backward_x_strips, channels_per_task, forward_strips, split_weights};
use super::im2col::Blocks;
use crate::reference::conv2d_relu_pool::Params;
use rayon::prelude::*;
use std::ops::Range;

/// `y = max_pool(relu(conv2d(x, w, b)))`, and where in its window each maximum was.
pub fn forward(p: &Params, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32], argmax: &mut [u32]) {
    let (conv, out_channels) = (p.conv2d(), p.out_channels as usize);
    let (out_len, words, pool) = ((p.out_h * p.out_w) as usize, p.argmax_words as usize, p.pool as usize);
    let per_task = channels_per_task(p.batch, p.out_channels);
    // Rows that are left over below the last window are not computed.
    let blocks = Blocks::new(&conv, p.out_h as usize * pool, pool);
    let images = y.par_chunks_mut(out_channels * out_len).zip(argmax.par_chunks_mut(out_channels * words));
    images.enumerate().for_each(|(n, (y, argmax))| {
        let outputs = y.par_chunks_mut(per_task * out_len).zip(argmax.par_chunks_mut(per_task * words));
        outputs.zip(split_weights(&conv, w, b, per_task)).for_each(|((y, argmax), (w, b))| {
            let mut index = vec![0; index_len(p)];
            argmax.fill(0);
            forward_strips(&blocks, n, x, w, b, |rows, z| {
                let planes = y.chunks_exact_mut(out_len).zip(argmax.chunks_exact_mut(words));
                for ((y, argmax), z) in planes.zip(z.chunks_exact(rows.len() * p.conv_w as usize)) {
                    relu_pool(p, z, rows.start / pool, y, argmax, &mut index);
                }
            });
        });
    });
}

/// The gradient of x.
pub fn backward_x(p: &Params, w: &[f32], y: &[f32], argmax: &[u32], dy: &[f32], dx: &mut [f32]) {
    let conv = p.conv2d();
    let blocks = Blocks::new(&conv, p.conv_h as usize, p.pool as usize);
    backward_x_strips(&blocks, w, dx, |n, rows, dz| unpool(p, y, argmax, dy, n, rows, dz));
}

/// The gradient of w.
pub fn backward_w(p: &Params, x: &[f32], y: &[f32], argmax: &[u32], dy: &[f32], dw: &mut [f32]) {
    let conv = p.conv2d();
    let blocks = Blocks::new(&conv, p.conv_h as usize, p.pool as usize);
    backward_w_strips(&blocks, x, dw, |n, rows, dz| unpool(p, y, argmax, dy, n, rows, dz));
}

/// Room for the indices of a row of outputs. They are packed four to a word, and a row may begin within a
/// word: with what comes before and after it in its first and last word, it takes up to six more.
fn index_len(p: &Params) -> usize {
    p.out_w as usize + 6
}

/// Pools the windows in `z`, a strip of one plane before ReLU, to the rows from `first_row` of the plane's
/// `y` and `argmax`; the words of argmax start from 0. `index` is scratch.
fn relu_pool(p: &Params, z: &[f32], first_row: usize, y: &mut [f32], argmax: &mut [u32], index: &mut [u32]) {
    let (pool, conv_w, out_w) = (p.pool as usize, p.conv_w as usize, p.out_w as usize);
    let rows = y[first_row * out_w..].chunks_exact_mut(out_w).zip(z.chunks_exact(pool * conv_w));
    for (oh, (y, z)) in (first_row..).zip(rows) {
        let (word, before) = (oh * out_w / 4, oh * out_w % 4);
        index.fill(0);
        let outputs = y.iter_mut().zip(&mut index[before..]);
        if pool == 2 {
            // Spelled out, so that the compiler takes four windows at a time.
            let (top, bottom) = z.split_at(conv_w);
            let windows = top.as_chunks().0.iter().zip(bottom.as_chunks().0);
            for ((y, k), (&[z0, z1], &[z2, z3])) in outputs.zip(windows) {
                (*y, *k) = first_maximum([z0, z1, z2, z3]);
            }
        } else {
            for (ow, (y, k)) in outputs.enumerate() {
                let window = z.chunks_exact(conv_w).flat_map(|row| &row[ow * pool..][..pool]);
                (*y, *k) = first_maximum(window.copied());
            }
        }
        for (word, &[k0, k1, k2, k3]) in argmax[word..].iter_mut().zip(index.as_chunks().0) {
            *word |= k0 | k1 << 8 | k2 << 16 | k3 << 24;
        }
    }
}

/// The first maximum of a window after ReLU, and its index. A NaN wins over every number, the first of all.
///
/// Both are chosen without branches, which no processor would foresee.
#[inline(always)]
fn first_maximum(window: impl IntoIterator<Item = f32>) -> (f32, u32) {
    let (mut best, mut best_k) = (-1.0, 0);
    for (k, z) in (0..).zip(window) {
        let v = if z <= 0.0 { 0.0 } else { z };
        let beats = (v > best) | (v.is_nan() & !best.is_nan());
        best = if beats { v } else { best };
        best_k = if beats { k } else { best_k };
    }
    (best, best_k)
}

/// A strip of the gradient of image n's convolution output, [out_channels, rows, conv_w]: dy, where y > 0, at
/// its window's maximum, and 0 elsewhere. `rows` start with a window.
///
/// Every element of dz asks whether it was the maximum: one pass, without clearing first.
fn unpool(p: &Params, y: &[f32], argmax: &[u32], dy: &[f32], n: usize, rows: Range<usize>, dz: &mut [f32]) {
    let (pool, conv_w, out_w) = (p.pool as usize, p.conv_w as usize, p.out_w as usize);
    let (out_len, words) = ((p.out_h * p.out_w) as usize, p.argmax_words as usize);
    let mut index = vec![0; index_len(p)];
    for (co, dz) in dz.chunks_exact_mut(rows.len() * conv_w).enumerate() {
        let plane = n * p.out_channels as usize + co;
        let argmax = &argmax[plane * words..][..words];
        let mut windows = dz.chunks_exact_mut(pool * conv_w);
        for (oh, dz) in (rows.start / pool..).zip(&mut windows) {
            let (word, before) = (oh * out_w / 4, oh * out_w % 4);
            for (four, word) in index.as_chunks_mut().0.iter_mut().zip(&argmax[word..]) {
                *four = [0, 8, 16, 24].map(|shift| word >> shift & 255);
            }
            let index = &index[before..][..out_w];
            let y = &y[plane * out_len + oh * out_w..][..out_w];
            let dy = &dy[plane * out_len + oh * out_w..][..out_w];
            for (kh, dz) in dz.chunks_exact_mut(conv_w).enumerate() {
                let first_k = (kh * pool) as u32;
                let (dz, left_over) = dz.split_at_mut(out_w * pool);
                left_over.fill(0.0);
                let gated = y.iter().zip(dy).map(|(&y, &dy)| if y > 0.0 { dy } else { 0.0 });
                let maxima = gated.zip(index);
                let value = |k, (dy, &index): (f32, &u32)| if k == index { dy } else { 0.0 };
                if pool == 2 {
                    // As in `relu_pool`.
                    for (dz, maximum) in dz.as_chunks_mut().0.iter_mut().zip(maxima) {
                        *dz = [value(first_k, maximum), value(first_k + 1, maximum)];
                    }
                } else {
                    for (dz, maximum) in dz.chunks_exact_mut(pool).zip(maxima) {
                        (first_k..).zip(dz).for_each(|(k, dz)| *dz = value(k, maximum));
                    }
                }
            }
        }
        windows.into_remainder().fill(0.0);
    }
}
