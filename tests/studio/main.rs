//! The studio's server, as programs see it that are not its page: some of them mean harm.

#[path = "../common/mod.rs"]
mod common;
mod runs;
mod safety;
