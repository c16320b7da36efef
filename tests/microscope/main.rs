//! The interpreter of the shaders: it proves every kernel, finds what is planted, and counts as one counts by hand.

mod bounds;
#[path = "../common/mod.rs"]
mod common;
mod counts;
mod driver;
mod exercises;
mod faults;
mod kernels;
mod ladder;
mod refusals;
mod semantics;
mod terminal;
mod view;
