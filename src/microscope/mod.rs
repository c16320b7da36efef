//! An interpreter of the shaders themselves: it runs a workgroup thread by thread, and says what is wrong and what it costs.
//!
//! A driver runs a kernel and gives a result. It does not say that two threads used one cell, that a value was read before
//! it was written, or how many sectors a load touched. This interpreter does, for any WGSL that it is given.
//!
//! # How it works
//!
//! 1. `source` lets naga parse and check the text, and puts a value in the place of every override.
//! 2. `compile` makes a [`program`] of an entry point: one flat list of instructions. Calls are inlined. Every value of a
//!    thread has registers of its own, 32 bits each; a vector or a structure has several in a row. Pointers exist only while
//!    it compiles. Branches and loops are jumps, and every place where ways meet lies behind the ways.
//! 3. `execute` does one instruction of one thread. Memory is an array of cells for each variable, and a cell is one number.
//!    What is out of bounds reads as 0, and is not written. The run goes on.
//! 4. A [`group`] has the registers of all its threads. It lets one thread after the other run up to a barrier, in any order,
//!    and then lets them all go on. It can be copied and stepped: equal starts give equal runs.
//! 5. Whoever wants to know what happens is a [`watch`]: it is told every access and every fault.
//!
//! Two use this:
//!
//! - [`proof`] runs all passes of a kernel in three orders, under the [`sanitizer`]. The sanitizer keeps, for each cell, the
//!   last write and up to two reads ([`shadow`]): enough to find any two uses that no barrier orders, in one group or in two.
//!   What it sees is a [`finding`], with its lines in the WGSL.
//! - [`counts`] runs groups in [`lockstep`], as a GPU does: the threads of a subgroup that are furthest back go first. So it
//!   is known for how many threads each instruction is executed, and which addresses they want together.
//!
//! [`view`] finds the thread that computes a value, and goes forward and back through its lines; [`lab`] tries an edited shader.
//!
//! A [`job`] is what all of them run: a rung of a kernel at given sizes, or one entry point of any text.
//!
//! ```
//! use pawgrad::microscope::job::Job;
//! use pawgrad::microscope::proof::{Settings, prove};
//!
//! let text = "
//!     @group(0) @binding(0) var<storage, read_write> y: array<u32>;
//!     @compute @workgroup_size(2)
//!     fn main(@builtin(local_invocation_index) thread: u32) {
//!         y[0] = thread;
//!     }";
//! let job = Job::of_text(text, "main", [1, 1, 1], &[], [&[], &["y"]])?;
//! let report = prove(&job, &job.buffers(&[], &[vec![0]]), Settings::default())?;
//! assert_eq!(report.findings[0].lines, [5]);
//! # Ok::<(), pawgrad::microscope::Refusal>(())
//! ```
//!
//! # What it does not know
//!
//! Cooperative matrices, textures other than `texture_2d<f32>` that are loaded from, atomics on floats, numbers of 64 bits.
//! It refuses them, with the line. Nothing here takes a step without a limit: threads, registers, memory, and the length of a
//! program are bounded, and a thread that runs too long is a finding.

pub mod buffers;
mod builtin;
mod compile;
pub mod counts;
mod execute;
pub mod finding;
pub mod group;
pub mod instruction;
pub mod job;
mod json;
pub mod lab;
mod layout;
pub mod limits;
pub mod lockstep;
pub mod order;
pub mod program;
pub mod proof;
mod sample;
pub mod sanitizer;
pub mod shadow;
mod shape;
mod source;
mod subgroup;
mod thread;
mod traffic;
pub mod view;
pub mod watch;

pub use compile::compile;
pub use source::Refusal;
