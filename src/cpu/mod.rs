//! The CPU device: references split over threads, and fast versions of the ops whose loops are hopeless.

pub mod batch_norm;
pub mod ceiling;
pub mod conv2d;
pub mod conv2d_relu_pool;
pub mod dense;
pub mod global_avg_pool;
mod im2col;
mod matmul;
mod slices;
mod sums;

pub use slices::{Input, Output};

use crate::reference::{Params, Real};
use rayon::prelude::*;
use std::ops::Range;

/// What the reference is called where a GPU has the names of rungs.
pub const REFERENCE: &str = "reference";
/// What the fast version is called there.
pub const FAST: &str = "fast";

/// Computes a range of items: whole inputs, and outputs that hold just those items.
pub type ReferenceFunction<P, T> = fn(&P, Range<usize>, &[Input<T>], &mut [Output<T>]);
/// Computes everything, in f32: whole inputs and whole outputs.
pub type FastFunction<P> = fn(&P, &[Input<f32>], &mut [Output<f32>]);

/// Fewest output values that are worth a thread's while.
const CHUNK_WORDS: usize = 16 * 1024;

/// Computes all `items` with a reference function, split over threads.
///
/// The last `flags` outputs are one word each: every thread raises its own, and they are or-ed.
/// Each item is computed by one thread in the reference's own order, so the bits do not depend on how
/// many threads there are.
pub fn run_reference<P: Params, T: Real>(
    function: ReferenceFunction<P, T>,
    params: &P,
    items: usize,
    inputs: &[Input<T>],
    outputs: &mut [Output<T>],
    flags: usize,
) {
    let (outputs, flags) = outputs.split_at_mut(outputs.len() - flags);
    let words: usize = outputs.iter().map(Output::len).sum();
    let chunk = items.div_ceil((words / CHUNK_WORDS).clamp(1, 64));
    let chunks = split(outputs, items, chunk);
    let raised: Vec<Vec<u32>> = chunks
        .into_par_iter()
        .enumerate()
        .map(|(i, mut outputs)| {
            let range = i * chunk..items.min((i + 1) * chunk);
            let mut raised = vec![0; flags.len()];
            outputs.extend(raised.chunks_mut(1).map(Output::Uint));
            function(params, range, inputs, &mut outputs);
            drop(outputs);
            raised
        })
        .collect();
    for (i, flag) in flags.iter_mut().enumerate() {
        let Output::Uint(flag) = flag else { panic!("a flag is u32") };
        flag[0] |= raised.iter().fold(0, |any, raised| any | raised[i]);
    }
}

/// Cuts every output into pieces of `chunk` items.
fn split<'a, T: Real>(outputs: &'a mut [Output<T>], items: usize, chunk: usize) -> Vec<Vec<Output<'a, T>>> {
    let mut pieces: Vec<Vec<Output<T>>> = (0..items.div_ceil(chunk)).map(|_| Vec::new()).collect();
    for output in outputs {
        assert_eq!(output.len() % items, 0, "each of {items} items has the same number of values");
        let len = output.len() / items * chunk;
        match output {
            Output::Float(values) => {
                pieces.iter_mut().zip(values.chunks_mut(len)).for_each(|(p, v)| p.push(Output::Float(v)))
            }
            Output::Uint(values) => {
                pieces.iter_mut().zip(values.chunks_mut(len)).for_each(|(p, v)| p.push(Output::Uint(v)))
            }
        }
    }
    pieces
}
