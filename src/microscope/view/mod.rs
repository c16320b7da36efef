//! Looking at one group while it runs: who owns a value, and what a thread does, line by line.
//!
//! ```text
//! slice     a program cut down to where it writes
//! owner     which thread writes a value
//! note      what a thread read, wrote and computed in a line
//! touched   which cells were used, by whom, and when first
//! statements  lines that belong together
//! seen      what a stepper sees of a group while it runs
//! snapshots  moments to go back to
//! look      what there is to see
//! stepper   forward and back through the lines of a thread
//! subject   a kernel with the values of a layer of a model
//! ```

mod look;
mod note;
mod owner;
mod seen;
mod slice;
mod snapshots;
mod statements;
mod stepper;
mod subject;
mod touched;

pub use look::{Status, Step};
pub use note::{Action, Note};
pub use owner::{Owner, owner};
pub use statements::Statements;
pub use stepper::Stepper;
pub use subject::{OfLayer, Subject, case_of};
pub use touched::Touched;
