//! An interpreter of the shaders themselves.
pub mod buffers;
mod compile;
pub mod counts;
mod execute;
pub mod finding;
pub mod group;
pub mod job;
mod layout;
pub mod lockstep;
pub mod order;
pub mod program;
pub mod proof;
pub mod sanitizer;
pub mod shadow;
mod source;
mod subgroup;
mod traffic;
pub mod view;
pub mod watch;

pub use compile::compile;
pub use source::Refusal;
