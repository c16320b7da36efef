//! Runs as charts and tables.

pub mod curves;
pub mod graph;
pub mod profile;
pub mod trace;
