//! A kernel and its meaning as one value: its buffers, the shader's entry points, the CPU code, and the reference.
//!
//! [`Kernel::run`] picks what the device can do; everything above is written once and runs with or
//! without a GPU. A *rung* is one way to compute a kernel. Every kernel has a plain rung to learn
//! from; faster ones are further files with the same entry points and binding numbers.

mod buffer;
mod choice;
mod macros;
mod run;
mod rung;

pub use buffer::{Buffer, Usage};
pub(crate) use macros::{buffer, call, kernel, slice};
pub use rung::{Adapters, Grid, PLAIN, Pass, Rounding, Rung, flat_grid, folded, parts, sums_of_parts};

use crate::cpu::{FastFunction, ReferenceFunction};

/// One computation, such as `conv2d.backward_w`.
pub struct Kernel<P: 'static> {
    /// `op.function`: the function in `reference/<op>.rs` and the entry point in `shaders/<op>.wgsl`.
    pub name: &'static str,
    /// What is read, then what is written, flags last: the arguments of the reference.
    pub buffers: &'static [Buffer],
    pub reference: Reference<P>,
    /// A fast version for the CPU, where the reference's loops are hopeless.
    pub cpu: Option<FastFunction<P>>,
    /// Ways to compute it on a GPU, from plain to fast.
    pub rungs: &'static [Rung<P>],
    /// Floating-point operations of one call; 0 for kernels whose time is that of moving bytes.
    pub flop: fn(&P) -> f64,
}

/// The definition in `f32` and in `f64`, and how many items of output may be split over threads.
pub struct Reference<P: 'static> {
    pub items: fn(&P) -> usize,
    pub f32: ReferenceFunction<P, f32>,
    pub f64: ReferenceFunction<P, f64>,
}

impl<P> Kernel<P> {
    /// The op that the kernel belongs to.
    pub fn op(&self) -> &'static str {
        self.name.split('.').next().expect("a kernel's name has two parts")
    }
}
