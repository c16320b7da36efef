//! A whole run, whoever asked for it: from its settings to the folder that it leaves behind, and what can be told of it later.

mod claim;
mod config;
pub mod folder;
pub mod job;
mod load;
mod lock;
mod manage;
mod outcome;
mod past;
mod summary;

pub use claim::{Claim, RUNS};
pub use folder::{MODEL_FILE, RunFolder};
pub use load::{Loaded, load, no_checksum};
pub use lock::is_running;
pub use manage::{delete, rename};
pub use outcome::Outcome;
pub use past::{MOST_TITLE, PastRun, all, find};
pub use summary::{State, Summary, summaries};
