//! Options that are paths.

use crate::data::paths::tidy;
use clap::builder::{PathBufValueParser, TypedValueParser};
use std::path::PathBuf;

/// Reads a path; quotes and `~` that no shell took away are understood.
pub fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().map(|path| tidy(&path))
}
