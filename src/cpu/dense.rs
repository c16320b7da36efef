//! Fast fully connected layer on the CPU: matrix products over panels of input features.
//!
//! The first dense layer's weight is far larger than any cache (128 MiB at 256x256 pictures), so time is
//! that of reading or writing it once. All kernels cut it into panels of columns, [out_features, PANEL], that
//! fit the cache. A product that reads columns of a wide matrix in place would meet addresses that are
//! multiples of 64 KiB apart, all of one cache set; panels are therefore copied together first where the
//! product does not do that itself. The cuts depend on sizes alone, sums over panels are added in order.

use super::matmul::{Matrix, matmul, with_scratch};
use crate::reference::dense::Params;
use rayon::prelude::*;
use std::ops::Range;

/// Input features of a panel.
const PANEL: usize = 2048;
/// Rows of dw that a task computes: enough to use a panel of x well, and a multiple of the product's tiles.
const ROWS: usize = 24;

/// `y[n, o] = b[o] + sum_i x[n, i] * w[o, i]`. A task sums over one panel.
pub fn forward(p: &Params, x: &[f32], w: &[f32], b: &[f32], y: &mut [f32]) {
    let (batch, inputs, outputs) = sizes(p);
    let panels = panels(p);
    let mut partial = vec![0.0; panels.len() * y.len()]; // [panels, out_features, batch]
    partial.par_chunks_mut(y.len()).zip(panels).for_each(|(partial, panel)| {
        let w = Matrix::new(&w[panel.start..], outputs, panel.len(), inputs);
        let x = Matrix::new(&x[panel.start..], batch, panel.len(), inputs);
        matmul(w, x.t(), partial, batch, false);
    });
    for (n, y) in y.chunks_exact_mut(outputs).enumerate() {
        for (o, (y, b)) in y.iter_mut().zip(b).enumerate() {
            *y = partial[o * batch + n..].iter().step_by(batch * outputs).sum::<f32>() + b;
        }
    }
}

/// `dx[n, i] = sum_o dy[n, o] * w[o, i]`. A task computes one panel of dx.
pub fn backward_x(p: &Params, w: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (batch, inputs, outputs) = sizes(p);
    let panels = panels(p);
    // Rows of dx, cut where the panels are.
    let mut pieces: Vec<Vec<&mut [f32]>> = panels.iter().map(|_| Vec::with_capacity(batch)).collect();
    for dx in dx.chunks_exact_mut(inputs) {
        pieces.iter_mut().zip(dx.chunks_mut(PANEL)).for_each(|(pieces, piece)| pieces.push(piece));
    }
    let dy = Matrix::new(dy, batch, outputs, outputs);
    pieces.into_par_iter().zip(panels).for_each(|(pieces, panel)| {
        let width = panel.len();
        with_scratch((outputs + batch) * width, |scratch| {
            let (w_panel, dx_panel) = scratch.split_at_mut(outputs * width);
            copy_panel(w, inputs, panel, w_panel);
            matmul(dy, Matrix::new(w_panel, outputs, width, width), dx_panel, width, false);
            pieces
                .into_iter()
                .zip(dx_panel.chunks_exact(width))
                .for_each(|(dx, row)| dx.copy_from_slice(row));
        });
    });
}

/// `dw[o, i] = sum_n dy[n, o] * x[n, i]`. A task computes some rows of dw, panel by panel.
pub fn backward_w(p: &Params, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let (batch, inputs, outputs) = sizes(p);
    let panels = panels(p);
    let mut x_panels = vec![0.0; x.len()];
    let copies = x_panels.par_chunks_mut(batch * PANEL).zip(&panels);
    copies.for_each(|(x_panel, panel)| copy_panel(x, inputs, panel.clone(), x_panel));
    dw.par_chunks_mut(ROWS * inputs).enumerate().for_each(|(i, dw)| {
        let dy = Matrix::new(&dy[i * ROWS..], batch, dw.len() / inputs, outputs);
        for (panel, x_panel) in panels.iter().zip(x_panels.chunks(batch * PANEL)) {
            let x = Matrix::new(x_panel, batch, panel.len(), panel.len());
            matmul(dy.t(), x, &mut dw[panel.start..], inputs, false);
        }
    });
}

fn sizes(p: &Params) -> (usize, usize, usize) {
    (p.batch as usize, p.in_features as usize, p.out_features as usize)
}

/// The input features of every panel.
fn panels(p: &Params) -> Vec<Range<usize>> {
    let inputs = p.in_features as usize;
    (0..inputs).step_by(PANEL).map(|start| start..inputs.min(start + PANEL)).collect()
}

/// Copies the columns `panel` of a matrix together.
fn copy_panel(matrix: &[f32], row_len: usize, panel: Range<usize>, to: &mut [f32]) {
    let rows = to.chunks_exact_mut(panel.len()).zip(matrix.chunks_exact(row_len));
    rows.for_each(|(to, row)| to.copy_from_slice(&row[panel.clone()]));
}
