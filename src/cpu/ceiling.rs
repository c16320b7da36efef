//! The processor's own rate of multiplying and adding, with the widest vectors that it has.

use crate::reference::ceiling::{NUMBERS, Params};
use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

/// Elements of a task.
const CHUNK: usize = 4096;
/// Elements that go through their rounds together.
const TOGETHER: usize = 8;
/// Numbers that do: 8 vectors of AVX2, so that none waits for the one before it.
const IN_REGISTERS: usize = 64;

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

impl NullaryFnOnce for Task<'_> {
    type Output = ();

    // What is inlined into `dispatch` is compiled for the widest vectors; what is called is not.
    #[inline(always)]
    fn call(self) {
        for (y, x) in self.y.chunks_mut(TOGETHER).zip(self.x.chunks(TOGETHER)) {
            let mut numbers = [[0.0f32; TOGETHER]; NUMBERS];
            for (i, number) in numbers.iter_mut().enumerate() {
                number.iter_mut().zip(x).for_each(|(number, x)| *number = x + i as f32);
            }
            for some in numbers.as_flattened_mut().chunks_exact_mut(IN_REGISTERS) {
                let mut registers = [0.0f32; IN_REGISTERS];
                registers.copy_from_slice(some);
                for _ in 0..self.p.rounds {
                    registers = registers.map(|number| self.p.factor.mul_add(number, self.p.term));
                }
                some.copy_from_slice(&registers);
            }
            for (j, y) in y.iter_mut().enumerate() {
                *y = numbers.iter().map(|number| number[j]).sum();
            }
        }
    }
}
