//! What the fast CPU kernels share: a safe matrix product on strided views, transposition, scratch memory.

use gemm::{Parallelism, gemm};
use rayon::prelude::*;
use std::cell::Cell;

/// A matrix in a slice: element (row, column) is at `row * row_stride + column * column_stride`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix whose rows are contiguous and start `row_stride` values apart.
    pub fn new(values: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(
            spans(values.len(), rows, columns, row_stride),
            "a {rows}x{columns} matrix must lie in its slice"
        );
        Matrix { values, rows, columns, row_stride, column_stride: 1 }
    }

    /// The same values with rows and columns exchanged; nothing is moved.
    pub fn t(self) -> Self {
        let Matrix { values, rows, columns, row_stride, column_stride } = self;
        Matrix { values, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }
}

/// Whether a matrix whose rows are contiguous and do not overlap lies in a slice of `len` values.
fn spans(len: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    rows > 0 && columns > 0 && row_stride >= columns && (rows - 1) * row_stride + columns <= len
}

/// `out = a b`, or `out += a b`; rows of `out` are contiguous and start `out_stride` values apart.
///
/// It runs on the calling thread: callers split their work by shapes and run one product per task, so
/// that the order of every sum, and with it every bit, is the same for any number of threads.
pub fn matmul(a: Matrix, b: Matrix, out: &mut [f32], out_stride: usize, accumulate: bool) {
    assert_eq!(a.columns, b.rows, "inner sizes of a product");
    let (rows, columns) = (a.rows, b.columns);
    assert!(spans(out.len(), rows, columns, out_stride), "a {rows}x{columns} product must lie in its slice");
    // SAFETY: `Matrix::new` has checked that every element of `a` and `b` lies in its slice (transposing
    // changes no address), and the line above that every element of `out` does. `out` is borrowed
    // mutably, so it overlaps neither, and its rows do not overlap each other.
    unsafe {
        gemm(
            rows,
            columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            accumulate,
            a.values.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.values.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Copies `from`, `[rows, columns]`, to `to`, `[columns, rows]`.
pub fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    // Sixteen values are a cache line: a task reads whole lines, and writes to sixteen of them in turn.
    to.par_chunks_mut(16 * rows).enumerate().for_each(|(i, to)| {
        for (row, from) in from.chunks_exact(columns).enumerate() {
            for (to, &value) in to[row..].iter_mut().step_by(rows).zip(&from[16 * i..]) {
                *to = value;
            }
        }
    });
}

/// Lends `len` values of scratch memory, holding anything, to a task; each thread keeps its own.
pub fn with_scratch<R>(len: usize, task: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local!(static SCRATCH: Cell<Vec<f32>> = const { Cell::new(Vec::new()) });
    let mut scratch = SCRATCH.take();
    if scratch.len() < len {
        scratch.resize(len, 0.0);
    }
    let result = task(&mut scratch[..len]);
    SCRATCH.set(scratch);
    result
}
