//! The interpreter of the shaders: it proves every kernel, finds what is planted, and counts as one counts by hand.

#[path = "../common/mod.rs"]
mod common;
mod counts;
mod driver;
mod faults;
mod kernels;
mod refusals;
mod semantics;
mod view;
