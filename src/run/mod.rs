//! A whole run, whoever asked for it: from its settings to the folder that it leaves behind, and what can be told of it later.

mod about;
mod checkpoints;
mod claim;
mod config;
pub mod defaults;
pub mod folder;
mod history;
pub mod job;
mod load;
mod lock;
mod manage;
mod needs;
pub mod network_file;
mod origin;
mod outcome;
mod past;
pub mod pictures;
mod reopen;
mod resume;
mod scan;
mod sheet;
mod summary;

pub use claim::{Claim, RUNS};
pub use config::Config;
pub use folder::{MODEL_FILE, RunFolder, model_of};
pub use load::{Loaded, load, no_checksum};
pub use lock::is_running;
pub use manage::{delete, rename};
pub use origin::Origin;
pub use outcome::Outcome;
pub use past::{MOST_TITLE, PastRun, all, find, newest_with_model};
pub use pictures::load_pictures;
pub use resume::{Resumed, newest_checkpoint};
pub use scan::{bundled_test, scan, scan_while};
pub use summary::{State, Summary, summaries};
