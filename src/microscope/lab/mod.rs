//! The lab: another text in the place of a kernel's shader, tried on small cases and counted beside the original.
//!
//! ```text
//! trial     is it right: naga, the sanitizer, the definition
//! beside    what it does, in numbers, beside the original
//! exercise  a text that says itself what it should become
//! attempt   all of it together
//! ```

mod attempt;
mod beside;
mod exercise;
mod trial;

pub use attempt::{Attempt, attempt};
pub use beside::{Beside, LIMITS, Metric, Totals, beside};
pub use exercise::{Exercise, Goal, Reached};
pub use trial::{Settings, Trial, Verdict, Wrong, trial};

/// Height and width of the network's pictures where nothing else is said, and how many are counted at a time.
pub const IMAGE_SIZE: u32 = 64;
pub const BATCH: u32 = 8;
