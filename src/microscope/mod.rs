//! An interpreter of the shaders themselves.
pub mod buffers;
mod compile;
mod execute;
pub mod finding;
pub mod group;
pub mod job;
mod layout;
pub mod order;
pub mod program;
pub mod proof;
pub mod sanitizer;
pub mod shadow;
mod source;
mod subgroup;
pub mod watch;

pub use compile::compile;
pub use source::Refusal;
