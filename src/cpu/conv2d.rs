//! Fast convolution on the CPU: im2col in cache-sized blocks and matrix products.
//!
//! A task is one image, or some channels of one image where the batch is small: it owns a contiguous piece
//! of the output and goes through it strip by strip (see `im2col`), each strip small enough that all it
//! needs stays in the core's cache. `backward_w` sums over images, so there a task owns the partial sum of
//! a fixed group of images, and the groups are added in order. The cuts depend on sizes alone and every
//! product runs on one thread: the bits do not depend on how many threads there are.
//!
//! The three `_strips` functions leave open where a strip of the output goes, or where its gradient comes
//! from: `conv2d_relu_pool` pools and un-pools it there, while it is in the cache.
//! (`backward_b` is a plain sum, which the reference does as fast as memory is read.)

use super::im2col::{Blocks, gather, scatter_add, taps};
use super::matmul::{Matrix, matmul, transpose, with_scratch};
use crate::reference::conv2d::Params;
use rayon::prelude::*;
use std::ops::Range;

/// Tasks that a kernel is cut into at least, if it can be. More would help only machines with more cores
/// than this, and cost all others: images that are unfolded twice, or more partial sums.
const TASKS: usize = 8;

/// `y[n, co, oh, ow] = b[co] + sum_{ci, kh, kw} x[n, ci, ih, iw] * w[co, ci, kh, kw]`.
pub fn forward(p: &Params, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32]) {
    let (out_w, plane_len) = (p.out_w as usize, (p.out_h * p.out_w) as usize);
    let per_task = channels_per_task(p.batch, p.out_channels);
    let blocks = Blocks::new(p, p.out_h as usize, 1);
    y.par_chunks_mut(p.out_channels as usize * plane_len).enumerate().for_each(|(n, y)| {
        let tasks = y.par_chunks_mut(per_task * plane_len).zip(split_weights(p, w, b, per_task));
        tasks.for_each(|(y, (w, b))| {
            forward_strips(&blocks, n, x, w, b, |rows, z| {
                let planes = y.chunks_exact_mut(plane_len).zip(z.chunks_exact(rows.len() * out_w));
                planes.for_each(|(y, z)| y[rows.start * out_w..rows.end * out_w].copy_from_slice(z));
            });
        });
    });
}

/// `dx[n, ci, ih, iw] = sum_{co, kh, kw} dy[n, co, oh, ow] * w[co, ci, kh, kw]`.
pub fn backward_x(p: &Params, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    backward_x_strips(&Blocks::new(p, p.out_h as usize, 1), w, dx, |n, rows, dz| {
        copy_strip(p, dy, n, rows, dz)
    });
}

/// `dw[co, ci, kh, kw] = sum_{n, oh, ow} dy[n, co, oh, ow] * x[n, ci, ih, iw]`.
pub fn backward_w(p: &Params, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    backward_w_strips(&Blocks::new(p, p.out_h as usize, 1), x, dw, |n, rows, dz| {
        copy_strip(p, dy, n, rows, dz)
    });
}

/// Reads a strip of dy of one image, `[out_channels, rows, out_w]`.
fn copy_strip(p: &Params, dy: &[f32], n: usize, rows: Range<usize>, dz: &mut [f32]) {
    let (out_w, plane_len) = (p.out_w as usize, (p.out_h * p.out_w) as usize);
    let image = &dy[n * p.out_channels as usize * plane_len..];
    let planes = image.chunks_exact(plane_len).zip(dz.chunks_exact_mut(rows.len() * out_w));
    planes.for_each(|(dy, dz)| dz.copy_from_slice(&dy[rows.start * out_w..rows.end * out_w]));
}

/// How many channels of an image a task computes: all, unless there are too few images.
pub(super) fn channels_per_task(batch: u32, channels: u32) -> usize {
    (channels as usize).div_ceil(TASKS.div_ceil(batch as usize))
}

/// The weights and biases of every `per_task` output channels.
pub(super) fn split_weights<'a>(
    p: &Params,
    w: &'a [f32],
    b: &'a [f32],
    per_task: usize,
) -> impl IndexedParallelIterator<Item = (&'a [f32], &'a [f32])> {
    w.par_chunks(per_task * p.in_channels as usize * taps(p)).zip(b.par_chunks(per_task))
}

/// Computes the output channels whose weights are `w` and `b` of image `n`, strip by strip.
///
/// `consume` is given the rows of each strip and its values, `[channels, rows, out_w]`.
pub(super) fn forward_strips(
    blocks: &Blocks,
    n: usize,
    x: &[f32],
    w: &[f32],
    b: &[f32],
    mut consume: impl FnMut(Range<usize>, &[f32]),
) {
    let p = blocks.p;
    let (in_channels, channels, taps) = (p.in_channels as usize, b.len(), taps(p));
    let plane_len = (p.in_h * p.in_w) as usize;
    let z_len = channels * blocks.strip_len();
    with_scratch(z_len + blocks.block_len(in_channels), |scratch| {
        let (z, cols) = scratch.split_at_mut(z_len);
        for rows in blocks.strips() {
            let len = rows.len() * p.out_w as usize;
            let z = &mut z[..channels * len];
            z.chunks_exact_mut(len).zip(b).for_each(|(z, &b)| z.fill(b));
            for block in blocks.channels(in_channels) {
                let k = block.len() * taps;
                let x = &x[(n * in_channels + block.start) * plane_len..][..block.len() * plane_len];
                gather(p, x, &rows, &mut cols[..k * len]);
                // z += w cols
                let w = Matrix::new(&w[block.start * taps..], channels, k, in_channels * taps);
                matmul(w, Matrix::new(cols, k, len, len), z, len, true);
            }
            consume(rows, z);
        }
    });
}

/// Computes dx. `fill_dz(n, rows, dz)` writes a strip of the output's gradient, `[out_channels, rows, out_w]`.
///
/// A strip's columns are multiplied out and added into dx, by the one task that owns these planes of dx.
/// (Unfolding dy and gathering instead would unfold `out_channels / in_channels` times as much.)
pub(super) fn backward_x_strips(
    blocks: &Blocks,
    w: &[f32],
    dx: &mut [f32],
    fill_dz: impl Fn(usize, Range<usize>, &mut [f32]) + Sync,
) {
    let p = blocks.p;
    let (in_channels, co, taps) = (p.in_channels as usize, p.out_channels as usize, taps(p));
    let plane_len = (p.in_h * p.in_w) as usize;
    let per_task = channels_per_task(p.batch, p.in_channels);
    let mut wt = vec![0.0; w.len()]; // [in_channels, kernel_h, kernel_w, out_channels]
    transpose(w, co, in_channels * taps, &mut wt);
    dx.par_chunks_mut(in_channels * plane_len).enumerate().for_each(|(n, dx)| {
        let tasks = dx.par_chunks_mut(per_task * plane_len).zip(wt.par_chunks(per_task * taps * co));
        tasks.for_each(|(dx, wt)| {
            let channels = dx.len() / plane_len;
            let dz_len = co * blocks.strip_len();
            dx.fill(0.0);
            with_scratch(dz_len + blocks.block_len(channels), |scratch| {
                let (dz, cols) = scratch.split_at_mut(dz_len);
                for rows in blocks.strips() {
                    let len = rows.len() * p.out_w as usize;
                    fill_dz(n, rows.clone(), &mut dz[..co * len]);
                    for block in blocks.channels(channels) {
                        let k = block.len() * taps;
                        let cols = &mut cols[..k * len];
                        // cols = w^T dz
                        let wt = Matrix::new(&wt[block.start * taps * co..], k, co, co);
                        matmul(wt, Matrix::new(dz, co, len, len), cols, len, false);
                        scatter_add(p, cols, &rows, &mut dx[block.start * plane_len..block.end * plane_len]);
                    }
                }
            });
        });
    });
}

/// Computes dw; `fill_dz` as for [`backward_x_strips`].
pub(super) fn backward_w_strips(
    blocks: &Blocks,
    x: &[f32],
    dw: &mut [f32],
    fill_dz: impl Fn(usize, Range<usize>, &mut [f32]) + Sync,
) {
    let p = blocks.p;
    let (in_channels, co, taps) = (p.in_channels as usize, p.out_channels as usize, taps(p));
    let plane_len = (p.in_h * p.in_w) as usize;
    let per_task = channels_per_task(p.batch, p.in_channels);
    let images: Vec<usize> = (0..p.batch as usize).collect();
    let groups: Vec<&[usize]> = images.chunks(images.len().div_ceil(TASKS)).collect();
    // Partial sums are transposed, [in_channels, kernel_h, kernel_w, out_channels]: then the product packs dz
    // and not the columns, which are more.
    let mut partial = vec![0.0; groups.len() * dw.len()];
    partial.par_chunks_mut(dw.len()).zip(&groups).for_each(|(dwt, images)| {
        dwt.par_chunks_mut(per_task * taps * co).enumerate().for_each(|(i, dwt)| {
            let (first, channels) = (i * per_task, dwt.len() / (taps * co));
            let dz_len = co * blocks.strip_len();
            with_scratch(dz_len + blocks.block_len(channels), |scratch| {
                let (dz, cols) = scratch.split_at_mut(dz_len);
                for &n in *images {
                    for rows in blocks.strips() {
                        let len = rows.len() * p.out_w as usize;
                        fill_dz(n, rows.clone(), &mut dz[..co * len]);
                        for block in blocks.channels(channels) {
                            let k = block.len() * taps;
                            let plane = n * in_channels + first + block.start;
                            gather(
                                p,
                                &x[plane * plane_len..][..block.len() * plane_len],
                                &rows,
                                &mut cols[..k * len],
                            );
                            // dw^T += cols dz^T
                            let dwt = &mut dwt[block.start * taps * co..];
                            matmul(
                                Matrix::new(cols, k, len, len),
                                Matrix::new(dz, co, len, len).t(),
                                dwt,
                                co,
                                true,
                            );
                        }
                    }
                }
            });
        });
    });
    add_and_transpose(&mut partial, co, dw);
}

/// `dw` = the sum of the `partial` sums, in order, with out_channels moved to the front.
fn add_and_transpose(partial: &mut [f32], out_channels: usize, dw: &mut [f32]) {
    const CHUNK: usize = 4096;
    let (sum, rest) = partial.split_at_mut(dw.len());
    sum.par_chunks_mut(CHUNK).enumerate().for_each(|(i, sum)| {
        for partial in rest.chunks_exact(dw.len()) {
            sum.iter_mut().zip(&partial[i * CHUNK..]).for_each(|(sum, value)| *sum += *value);
        }
    });
    transpose(sum, dw.len() / out_channels, out_channels, dw);
}
