//! The studio's server, as programs see it that are not its page: some of them mean harm.

#[cfg(target_os = "linux")]
mod alongside;
mod classes;
#[path = "../common/mod.rs"]
mod common;
mod door;
mod folders;
#[cfg(target_os = "linux")]
mod hostile;
mod lab;
mod microscope;
#[cfg(target_os = "linux")]
mod past_runs;
mod pressure;
#[cfg(target_os = "linux")]
mod resume;
mod run_folders;
mod runs;
mod safety;
