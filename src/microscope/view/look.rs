//! What there is to see of a group that stands still.

use super::note::Note;
use serde::Serialize;

/// How a thread of the group stands to the one that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At the same line.
    Same,
    /// At another line.
    Other,
    /// At a barrier, or at an operation of its subgroup.
    Waits,
    Ended,
}

/// What there is to see.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub step: usize,
    /// The line that comes next, counted from 1; `None` where the thread has ended.
    pub line: Option<u32>,
    /// The functions around it, the innermost first, each with the line that it was called from (0 for the entry point).
    pub calls: Vec<(String, u32)>,
    /// The line that was executed last, and what the thread did in it.
    pub done: Option<u32>,
    pub notes: Vec<Note>,
    pub threads: Vec<Status>,
}
