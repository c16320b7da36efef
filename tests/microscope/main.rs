//! The interpreter of the shaders: it proves every kernel, finds what is planted, and counts as one counts by hand.

#[path = "../common/mod.rs"]
mod common;
mod counts;
mod faults;
mod kernels;
