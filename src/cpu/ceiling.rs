//! The processor's own rate of multiplying and adding, with the widest vectors that it has.

use crate::reference;
use crate::reference::ceiling::{IN_A_ROUND, NUMBERS, Params};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Elements of a task.
const CHUNK: usize = 4096;

/// See [`crate::reference::ceiling::multiply_add`].
pub fn multiply_add(p: &Params, x: &[f32], y: &mut [f32]) {
    let arch = Arch::new();
    y.par_chunks_mut(CHUNK).zip(x.par_chunks(CHUNK)).for_each(|(y, x)| arch.dispatch(Task { p, x, y }));
}

struct Task<'a> {
    p: &'a Params,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    // A vector of elements at a time, each of its numbers in a register of its own.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Task { p, x, y } = self;
        let (factor, term) = (simd.splat_f32s(p.factor), simd.splat_f32s(p.term));
        let ((xs, x_rest), (ys, y_rest)) = (S::as_simd_f32s(x), S::as_mut_simd_f32s(y));
        for (y, x) in ys.iter_mut().zip(xs) {
            let mut numbers: [S::f32s; NUMBERS] =
                std::array::from_fn(|i| simd.add_f32s(*x, simd.splat_f32s(i as f32)));
            for _ in 0..p.rounds as usize * IN_A_ROUND {
                for number in &mut numbers {
                    *number = simd.mul_add_f32s(factor, *number, term);
                }
            }
            *y = numbers.into_iter().reduce(|sum, number| simd.add_f32s(sum, number)).expect("some numbers");
        }
        reference::ceiling::multiply_add(p, 0..x_rest.len(), x_rest, y_rest);
    }
}
