//! A folder for a run, before the run has begun.

use super::lock::{RUNNING_FILE, Running, is_of_others, refuse_running, was_killed};
use crate::error::{Error, Remedy, Result, error, shown_path};
use crate::files::{cannot_write, persist, put};
use crate::train::Progress;
use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Where runs are saved unless another folder is named.
pub const RUNS: &str = "runs";

/// The first files of a run.
pub const CONFIG_FILE: &str = "config.toml";
pub const STEPS_FILE: &str = "steps.jsonl";

/// How often a folder is tried that was there a moment before.
const TRIES: usize = 20;

/// A new or empty folder that nobody else has, for a run that is being prepared. Unless one begins there, nothing is left
/// of it.
pub struct Claim {
    path: PathBuf,
    /// Folders that were made for it, from the innermost.
    made: Vec<PathBuf>,
    running: Option<Running>,
}

impl Claim {
    /// Of this folder; or, without one, of a new one in runs/ that is named by the time.
    ///
    /// # Errors
    /// `Write` where the folder is not empty, is another run's, or cannot be written.
    pub fn new(folder: Option<&Path>) -> Result<Claim> {
        match folder {
            Some(path) => {
                // Another run that tries the same folder may take it away between two calls.
                match (0..TRIES).find_map(|_| Claim::of(path).transpose()) {
                    Some(claimed) => claimed,
                    None => Err(gone(path)),
                }
            }
            None => {
                remove_killed();
                let mut made = missing(Path::new(RUNS));
                let path = new_folder()?;
                made.insert(0, path.clone());
                Claim::lock(&path, made)?.ok_or_else(|| gone(&path))
            }
        }
    }

    /// Of this folder; `None` where it is gone right after it was made.
    fn of(path: &Path) -> Result<Option<Claim>> {
        let made = missing(path);
        match fs::create_dir_all(path) {
            Ok(()) => Claim::lock(path, made),
            // One of those around it.
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
            Err(why) => Err(cannot_write(path, &why)),
        }
    }

    /// Of a folder that is there; `None` where it no longer is.
    fn lock(path: &Path, made: Vec<PathBuf>) -> Result<Option<Claim>> {
        let mut claim = Claim { path: path.to_path_buf(), made, running: None };
        // Before, so that no file of somebody else is touched; and after, as another run may have come and gone.
        refuse_running(path)?;
        let was_killed = was_killed(path);
        if !claim.is_empty(was_killed)? {
            return Ok(None);
        }
        claim.running = Running::start(path)?;
        if claim.running.is_none() || !claim.is_empty(was_killed)? {
            return Ok(None);
        }
        remove_leftovers(path, CONFIG_FILE);
        if was_killed {
            for name in [CONFIG_FILE, STEPS_FILE] {
                let _ = fs::remove_file(path.join(name));
            }
            // The folder as well, unless this run begins there.
            if claim.made.is_empty() {
                claim.made.push(path.to_path_buf());
            }
        }
        Ok(Some(claim))
    }

    /// Whether nothing is there but what a run leaves that ends before its first file; or, where one was killed, before its
    /// first step. `false` where the folder is gone.
    ///
    /// # Errors
    /// `Write` where something else is there, or what is there cannot be known.
    fn is_empty(&self, was_killed: bool) -> Result<bool> {
        let is_left = |entry: DirEntry| {
            let name = entry.file_name();
            let is_first = name == CONFIG_FILE
                || (name == STEPS_FILE && entry.metadata().is_ok_and(|about| about.len() == 0));
            (name == RUNNING_FILE && !is_of_others(&self.path))
                || (was_killed && (is_first || is_leftover(&name, CONFIG_FILE)))
        };
        let is_empty = || -> io::Result<bool> {
            for entry in fs::read_dir(&self.path)? {
                if !is_left(entry?) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let path = shown_path(&self.path);
        let why = match is_empty() {
            Ok(true) => return Ok(true),
            Ok(false) => {
                error!(Write, "the output folder {path} is not empty: no earlier run is overwritten")
            }
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(false),
            // It may hold anything.
            Err(why) => error!(Write, "the output folder {path} cannot be listed: {why}"),
        };
        Err(why.with(Remedy::OtherFolder))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock, for a run that begins: its folder stays.
    pub fn begin(&mut self) -> Running {
        self.running.take().expect("a claim holds its lock")
    }
}

fn gone(path: &Path) -> Error {
    error!(Write, "the output folder {} is gone again as soon as it is made", shown_path(path))
}

/// Takes away what is left in runs/ of runs that were killed before their first step. Nobody else would come back to it.
fn remove_killed() {
    for entry in fs::read_dir(RUNS).into_iter().flatten().flatten() {
        // A link may lead anywhere.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) && was_killed(&entry.path()) {
            drop(Claim::lock(&entry.path(), Vec::new()));
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        drop(self.running.take());
        // Those that hold something by now stay: a run that began has the lock's file in its folder.
        self.made.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

/// Whether a file is what writing the file `name` left when it was ended.
fn is_leftover(file: &OsStr, name: &str) -> bool {
    let random = file.to_str().and_then(|file| file.strip_prefix('.')?.strip_prefix(name)?.strip_prefix('.'));
    random.is_some_and(|random| random.len() == 6 && random.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// Of a folder that nobody else writes to.
pub fn remove_leftovers(folder: &Path, name: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_leftover(&entry.file_name(), name) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Replaces a file of a run in its own folder, if need be with several tries.
pub fn persist_in(
    (folder, running): (&Path, &Running),
    name: &str,
    bytes: &[u8],
    progress: &mut dyn Progress,
) -> Result<()> {
    let path = folder.join(name);
    persist(&path, &mut |text| progress.warning(text), || {
        running.check()?;
        // A file that was ready but could not get its name has another one.
        put(&path, bytes).inspect_err(|_| remove_leftovers(folder, name))
    })
}

/// The folder and those around it that are not there yet, from the innermost.
fn missing(folder: &Path) -> Vec<PathBuf> {
    let all = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    all.take_while(|folder| !folder.exists()).map(Path::to_path_buf).collect()
}

/// `runs/<local time>`, or the first of `runs/<local time>-2`, … that is not there: two runs can begin in one second. Names
/// sort by time.
fn new_folder() -> Result<PathBuf> {
    let time = jiff::Zoned::now().strftime("%Y-%m-%d_%H-%M-%S").to_string();
    let names = std::iter::once(time.clone()).chain((2..1000).map(|number| format!("{time}-{number}")));
    for path in names.map(|name| Path::new(RUNS).join(name)) {
        fs::create_dir_all(RUNS).map_err(|why| cannot_write(Path::new(RUNS), &why))?;
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another run has the name; or one that ended before it began took an empty runs/ away.
            Err(why) if [ErrorKind::AlreadyExists, ErrorKind::NotFound].contains(&why.kind()) => {}
            Err(why) => return Err(cannot_write(&path, &why)),
        }
    }
    Err(error!(Write, "no folder in {RUNS}/ that begins with {time} is free").with(Remedy::OtherFolder))
}
