//! The CPU device: references split over threads, and fast versions of the ops whose loops are hopeless.

pub mod ceiling;
pub mod conv2d;
pub mod conv2d_relu_pool;
pub mod dense;
mod im2col;
mod matmul;

use crate::kernel::{Input, Output, ReferenceFunction};
use crate::reference::{Params, Real};
use rayon::prelude::*;

/// The name under which `--rung` knows the reference on the CPU.
pub const REFERENCE: &str = "reference";
/// The name under which `--rung` knows the fast CPU version.
pub const FAST: &str = "fast";

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

impl<T> Output<'_, T> {
    fn len(&self) -> usize {
        match self {
            Output::Float(values) => values.len(),
            Output::Uint(values) => values.len(),
        }
    }
}
