//! pawgrad: a convolutional-network engine written from scratch on GPU compute shaders.
//!
//! The modules in the order in which data flows through them:
//!
//! ```text
//! data       pictures: folders, decoding, resizing, batches; the generator of the bundled ones
//! model      the network as a list of layers; weights, summary, model files
//! ops        one operation per file: shape rule, recording on the tape, kernels and rungs, cases
//! tape       what was computed from what; backward, the only place that adds gradients up
//! cases      a kernel with sizes and how to draw its inputs: what tests, benches and tuning run
//! kernel     a kernel and its meaning as one value; picks the GPU passes or the CPU code
//! reference  the definition of every kernel: plain loops in f32 and f64
//! cpu        the CPU device: references over threads, fast convolution and dense layers
//! tensor     a block of numbers on a device
//! device     adapters, limits, memory, recording and submitting
//! optim      Adam
//! train      the loop, one step, evaluation, profiles, the folder of a run, tables of tuned rungs
//! check      the cases of all ops: compared, differentiated, timed, tuned; what a device's peak is
//! studio     a page that trains, watches, predicts and looks inside, and its server
//! commands   the command line
//! random     random numbers for the host
//! error      one error with a message and an exit code
//! ```
//!
//! The shaders are in `shaders/`, one file per operation, forward and backward together.

pub mod cases;
pub mod check;
#[cfg(feature = "cli")]
pub mod commands;
pub mod cpu;
pub mod data;
pub mod device;
pub mod error;
#[cfg(feature = "cli")]
pub mod files;
pub mod kernel;
pub mod model;
pub mod ops;
pub mod optim;
pub mod random;
pub mod reference;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod run;
#[cfg(feature = "studio")]
pub mod studio;
pub mod tape;
pub mod tensor;
pub mod train;
#[cfg(feature = "cli")]
pub mod tuning;
