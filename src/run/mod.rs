//! A whole run, whoever asked for it: from its settings to the folder that it leaves behind.

pub mod folder;
pub mod job;
mod load;
mod lock;

pub use folder::{Claim, MODEL_FILE, RUNS, RunFolder};
pub use load::{Loaded, load};
pub use lock::is_running;
