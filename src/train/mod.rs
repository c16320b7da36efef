//! Training: the loop, one step, evaluation, what is recorded; settings as plain data. No files and no threads.

mod checkpoint;
pub mod evaluate;
mod fit;
mod monitor;
pub mod plan;
mod records;
mod schedule;
pub mod settings;
pub mod trainer;
mod watch;

pub use crate::model::stored::Unsealed;
pub use checkpoint::{Best, Checkpoint, Position, SoFar};
pub use fit::{Sets, train};
pub use monitor::Monitor;
pub use records::{EpochRecord, StepRecord};
pub use schedule::{End, Schedule};
pub use trainer::Trainer;
pub use watch::{Progress, Record};
