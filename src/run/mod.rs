//! A whole run, whoever asked for it: from its settings to the folder that it leaves behind.

mod claim;
pub mod folder;
pub mod job;
mod load;
mod lock;
mod origin;
pub mod pictures;
mod scan;

pub use claim::{Claim, RUNS};
pub use folder::{MODEL_FILE, RunFolder};
pub use load::{Loaded, load, no_checksum};
pub use lock::is_running;
pub use origin::Origin;
pub use pictures::load_pictures;
pub use scan::{bundled_test, scan, scan_while};
