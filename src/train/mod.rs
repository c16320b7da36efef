//! Training: the loop, one step, evaluation, what is recorded; settings as plain data. No files and no threads.

mod average;
mod checkpoint;
pub mod evaluate;
mod fit;
mod monitor;
pub mod plan;
mod preview;
mod problem;
mod rate;
mod recipe;
mod records;
mod schedule;
pub mod settings;
mod step;
pub mod trainer;
mod watch;

pub use crate::model::stored::Unsealed;
pub use checkpoint::{Best, Checkpoint, Position, SoFar};
pub use fit::{Sets, train};
pub use monitor::Monitor;
pub use preview::augmented;
pub use problem::Problem;
pub use rate::{At, Rate, RateSchedule};
pub use recipe::{Normalize, Preset, Recipe};
pub use records::{EpochRecord, StepRecord};
pub use schedule::{End, Schedule};
pub use step::{Scaling, StepResult, StepUnderWay};
pub use trainer::Trainer;
pub use watch::{Progress, Record};
