//! Files and requests that somebody made to do harm, or that a disk made: whatever they hold, reading them ends soon, takes
//! little memory, and gives a value or an error that can be printed.

#[path = "../common/mod.rs"]
mod common;
mod fuzz;
mod memory;
mod models;
mod mutate;
mod names;
#[cfg(target_os = "linux")]
mod requests;
