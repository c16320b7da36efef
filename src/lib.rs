//! pawgrad: a convolutional-network engine written from scratch on GPU compute shaders.
//!
//! A function and its gradient:
//!
//! ```
//! use pawgrad::device::Device;
//! use pawgrad::ops::add::accumulate;
//! use pawgrad::ops::sigmoid::sigmoid;
//! use pawgrad::tape::Tape;
//! use pawgrad::tensor::Tensor;
//!
//! # pollster::block_on(async {
//! let device = Device::cpu();
//! let tape = Tape::new(&device, accumulate);
//! let x = tape.parameter(&Tensor::from_f32(&device, &[2], &[0.0, 3.0])?);
//! let y = sigmoid(&tape, &x)?;
//! assert_eq!(y.tensor.read_f32().await?[0], 0.5);
//!
//! let dy = Tensor::from_f32(&device, &[2], &[1.0, 1.0])?;
//! let dx = tape.backward(&y, dy)?.take(&x).expect("y depends on x");
//! assert_eq!(dx.read_f32().await?[0], 0.25);
//! # Ok::<(), pawgrad::error::Error>(())
//! # }).unwrap();
//! ```
//!
//! The folder `examples` shows more: networks that are trained, an op of one's own, a model file that is put to use.
//!
//! # The map
//!
//! The core, in the order in which data flows through it. It opens no folder, writes no file, and draws nothing; what
//! waits for a device is `async`. With `--no-default-features` it is all that there is.
//!
//! ```text
//! data       pictures: decoding, resizing, batches; the generator of the bundled ones; (cli) folders and a cache
//! model      the network as a graph of layers; weights, summary, the bytes of model files
//! ops        one operation per file: shape rule, recording on the tape, kernels and rungs, cases
//! tape       what was computed from what; backward, the only place that adds gradients up
//! cases      a kernel with sizes and how to draw its inputs: what tests, benches and tuning run
//! kernel     a kernel and its meaning as one value; picks the GPU passes or the CPU code
//! reference  the definition of every kernel: plain loops in f32 and f64
//! cpu        the CPU device: references over threads, fast convolution and dense layers
//! tensor     a block of numbers on a device
//! device     adapters, limits, memory, recording and submitting
//! optim      Adam, and the scale of the loss in mixed precision
//! train      the plan of micro-batches, one step, the loop over epochs, evaluation
//! check      the cases of all ops: compared, differentiated, timed, tuned; what a device's peak is
//! microscope an interpreter of the shaders: races, bounds, uninitialised reads; loads, sectors, conflicts counted
//! random     random numbers for the host
//! error      one error with a message, what helps, and an exit code
//! ```
//!
//! The shell, behind the feature `cli`: files, signals, charts, the program. `studio` has a feature of its own.
//!
//! ```text
//! memory     what this machine has left, and whether what is planned fits
//! files      writes a file whole or not at all
//! tuning     tables of the rungs that were measured to be the fastest
//! report     curves, and profiles of the kernels' times
//! run        a training with the folder that it leaves behind
//! studio     a page that trains, watches, predicts and looks inside, and its server
//! commands   the command line
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
#[cfg(feature = "cli")]
pub mod memory;
pub mod microscope;
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
