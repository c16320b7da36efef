//! The checkpoints of a run in its folder: written beside the training, and found again.

use super::claim::remove_leftovers;
use super::lock::Running;
use crate::error::Result;
use crate::files::{persist, put};
use crate::train::{Position, Progress, Unsealed};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Of the newest, so many are kept: where one is damaged, there is another.
const KEPT: usize = 2;

/// The name of the checkpoint that was written after so many optimizer steps.
pub fn name(step: u32) -> String {
    format!("checkpoint-{step:08}.safetensors")
}

fn step_of(file: &OsStr) -> Option<u32> {
    let step = file.to_str()?.strip_prefix("checkpoint-")?.strip_suffix(".safetensors")?.parse().ok()?;
    (*file == *name(step)).then_some(step)
}

/// The checkpoints of a folder, whole or not, and their steps, the newest first.
pub fn list(folder: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.filter_map(|entry| Some((step_of(&entry.file_name())?, entry.path()))).collect();
    found.sort_by(|a, b| b.cmp(a));
    found
}

/// Takes away what writing checkpoints left when it was ended.
pub fn remove_all_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_of = |name: &str| Some(name.strip_prefix('.')?.rsplit_once('.')?.0.to_string());
        if let Some(of) = name.to_str().and_then(is_of).filter(|of| step_of(OsStr::new(of)).is_some()) {
            remove_leftovers(folder, &of);
        }
    }
}

/// Writes the checkpoints of a run.
pub struct Checkpoints {
    every: Duration,
    last: Instant,
    under_way: Option<UnderWay>,
    /// The best's step, as the newest that was written knows it.
    best: Option<u32>,
}

/// One that a thread writes. The thread gives its bytes back, for another try.
struct UnderWay {
    path: PathBuf,
    best: Option<u32>,
    writing: JoinHandle<(io::Result<()>, Vec<u8>)>,
}

impl Checkpoints {
    /// `every` is the time from one to the next within an epoch.
    pub fn new(every: Duration) -> Checkpoints {
        Checkpoints { every, last: Instant::now(), under_way: None, best: None }
    }

    /// Whether it is time for one. Not while the one before is being written: a slow disk does not hold up the training.
    pub fn is_due(&self) -> bool {
        let is_busy = self.under_way.as_ref().is_some_and(|under_way| !under_way.writing.is_finished());
        self.last.elapsed() >= self.every && !is_busy
    }

    /// Begins to write one. The one before is written by then ([`finish`](Checkpoints::finish)). `before` is done first, in
    /// the same thread.
    ///
    /// # Errors
    /// `Write` where no thread can be started, and it cannot be written without.
    pub fn begin(
        &mut self,
        folder: &Path,
        at: &Position,
        unsealed: Unsealed,
        before: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        self.last = Instant::now();
        let path = folder.join(name(at.step));
        let of_thread = path.clone();
        let write = move || {
            let bytes = unsealed.seal();
            (before().and_then(|()| put(&of_thread, &bytes)), bytes)
        };
        let writing = Builder::new().name("checkpoint".to_string()).spawn(write)?;
        self.under_way = Some(UnderWay { path, best: at.best.map(|best| best.step), writing });
        Ok(())
    }

    /// Waits for the one that is being written; then those that are no longer needed are deleted.
    ///
    /// # Errors
    /// `Write` where it cannot be written, after several tries.
    pub fn finish(&mut self, running: &Running, progress: &mut dyn Progress) -> Result<()> {
        let Some(UnderWay { path, best, writing }) = self.under_way.take() else { return Ok(()) };
        let (first, bytes) = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let mut first = Some(first);
        let folder = path.parent().expect("it lies in a folder");
        let name = path.file_name().and_then(OsStr::to_str).expect("a name of this module");
        persist(&path, &mut |text| progress.warning(text), || {
            running.check()?;
            first.take().unwrap_or_else(|| put(&path, &bytes)).inspect_err(|_| remove_leftovers(folder, name))
        })?;
        // Where the newest is damaged, the one before it has a best of its own.
        let bests = [best, std::mem::replace(&mut self.best, best)];
        let kept = |at: usize, step: u32| at < KEPT || bests.contains(&Some(step));
        for (at, (step, path)) in list(folder).into_iter().enumerate() {
            if !kept(at, step) {
                // What cannot be deleted now is tried again at the next.
                let _ = fs::remove_file(path);
            }
        }
        Ok(())
    }
}
