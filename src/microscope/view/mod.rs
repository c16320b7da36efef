//! Looking at one group while it runs: who owns a value, and what a thread does, line by line.
//!
//! ```text
//! slice     a program cut down to what it does with memory
//! sweep     many groups of a pass, each with somebody who looks on
//! owner     which thread writes a value
//! before    what a group finds when it begins
//! note      what a thread read, wrote and computed in a line
//! touched   which cells were used, by whom, and when first
//! statements  lines that belong together
//! seen      what a stepper sees of a group while it runs
//! snapshots  moments to go back to
//! look      what there is to see
//! stepper   forward and back through the lines of a thread
//! subject   a kernel with the values of a layer of a model
//! ```

mod before;
mod look;
mod note;
mod owner;
mod seen;
mod slice;
mod snapshots;
mod statements;
mod stepper;
mod subject;
mod sweep;
mod touched;

pub use before::run_before;
pub use look::{Status, Step};
pub use note::{Action, Note, Number};
pub use owner::{Owner, owner};
pub use statements::Statements;
pub use stepper::Stepper;
pub use subject::{OfLayer, Subject, case_of};
pub use touched::Touched;
