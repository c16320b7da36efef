//! The lab: another text in the place of a kernel's shader, tried on small cases and counted beside the original.
//!
//! ```text
//! trial     is it right: naga, the sanitizer, the definition
//! beside    what it does, in numbers, beside the original
//! original  what that does
//! place     in the place of which shader
//! exercise  a text that says itself what it should become
//! attempt   all of it together
//! time      how long it takes on a device, as soon as it is right
//! ```

mod attempt;
mod beside;
mod exercise;
mod original;
mod place;
mod time;
mod trial;

pub use attempt::{Attempt, attempt};
pub use beside::{Beside, LIMITS, Metric, Totals, beside};
pub use exercise::{BATCH, Exercise, Goal, IMAGE_SIZE, Reached, Task};
pub use place::{nearest, rungs};
pub use time::Watched;
pub use trial::{Settings, Trial, Verdict, Wrong, trial};

use crate::check::Case;
use crate::check::kernels::bytes;

/// What the buffers of a kernel take, for each of their bytes: as they are drawn, in f64, and in the interpreter.
const COPIES: u64 = 6;

/// Memory that it takes to look at a kernel at the sizes of a case: what for, and bytes.
pub fn need(case: &Case) -> (&'static str, u64) {
    ("its buffers", COPIES * bytes(case) as u64)
}
