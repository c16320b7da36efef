//! Whether a run goes on in a folder.

use crate::error::Result;
use crate::files::cannot_write;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// A file that is locked while a run goes on, and gone afterwards: the system lets go of it even where a run is killed.
pub struct Running {
    path: PathBuf,
    _file: File,
}

const RUNNING_FILE: &str = "running.lock";

impl Running {
    pub fn start(folder: &Path) -> Result<Running> {
        let path = folder.join(RUNNING_FILE);
        let file = File::create(&path).map_err(|why| cannot_write(&path, &why))?;
        // Not every file system has locks; the run goes on without.
        let _ = file.try_lock();
        Ok(Running { path, _file: file })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a run, of any process, goes on in this folder.
pub fn is_running(folder: &Path) -> bool {
    let file = File::open(folder.join(RUNNING_FILE));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}
