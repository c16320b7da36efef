//! Pictures: from a folder of files to batches of bytes and labels.
//!
//! ```text
//! Folder::scan  ->  Pictures::load  ->  batches::epoch_order  ->  Pictures::gather
//! first bytes       decode_file         indices                   Batch
//!                   or Cache::load
//! ```
//!
//! Nothing here knows of a device: pixels are bytes, labels are class indices. What reads and decodes files is there with the
//! feature `cli`; a browser decodes pictures itself.

pub mod augment;
pub mod batches;
#[cfg(feature = "cli")]
pub mod cache;
#[cfg(feature = "cli")]
mod concerns;
#[cfg(feature = "cli")]
pub mod decode;
#[cfg(feature = "cli")]
pub mod files;
#[cfg(feature = "cli")]
pub mod folder;
#[cfg(feature = "cli")]
mod input;
#[cfg(feature = "cli")]
mod leftovers;
#[cfg(feature = "cli")]
mod opened;
#[cfg(feature = "cli")]
pub mod paths;
pub mod pictures;
#[cfg(feature = "cli")]
mod regular;
#[cfg(feature = "cli")]
mod resize;
#[cfg(feature = "cli")]
mod sets;
mod skip;
mod split;
pub mod synthetic;
#[cfg(feature = "cli")]
mod tally;
#[cfg(feature = "cli")]
mod walk;

pub use augment::Augment;
pub use batches::{Batch, epoch_order};
#[cfg(feature = "cli")]
pub use cache::{Cache, load};
#[cfg(feature = "cli")]
pub use concerns::{Concern, concerns};
#[cfg(feature = "cli")]
pub use decode::decode_bytes;
#[cfg(feature = "cli")]
pub use folder::Folder;
#[cfg(feature = "cli")]
pub use input::decode_input;
#[cfg(feature = "cli")]
pub use opened::decode_file;
pub use pictures::{Color, Decoding, Pictures, Raster};
#[cfg(feature = "cli")]
pub(crate) use regular::open_regular;
pub use skip::{Skip, Skipped};
#[cfg(feature = "cli")]
pub use split::at_once;
#[cfg(feature = "cli")]
pub use tally::{Reason, Tally, tally};
#[cfg(feature = "cli")]
pub use walk::{Found, GoOn, PassedFolder};
