//! Whether a run goes on in a folder, and whose it is.

use crate::error::{Error, Remedy, Result, error, shown, shown_path};
use crate::files::cannot_write;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file that is locked while a run goes on, and gone afterwards: the system lets go of it even where a run is killed.
pub struct Running {
    path: PathBuf,
    _file: File,
}

pub const RUNNING_FILE: &str = "running.lock";

/// Begins the text of the file.
const HOLDER: &str = "process ";

/// How often others may come in between: a run that ends at that moment, or who looks whether one goes on.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(1);

impl Running {
    /// Locks a folder that is there.
    ///
    /// # Errors
    /// `Write`, with who holds it, where a run has it; or where no file can be made there.
    pub fn start(folder: &Path) -> Result<Running> {
        let path = folder.join(RUNNING_FILE);
        if fs::symlink_metadata(&path).is_ok_and(|about| !about.is_file()) {
            return Err(error!(Write, "{} is no file of a run", shown_path(&path)).with(Remedy::OtherFolder));
        }
        for tried in 1..=TRIES {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(|why| cannot_write(&path, &why))?;
            match file.try_lock() {
                // Who looks has it for a moment.
                Err(TryLockError::WouldBlock) if tried < TRIES => {
                    std::thread::sleep(PAUSE);
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Err(held(folder, &mut file)),
                // Not every file system has locks; the run goes on without.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // Between the two, the run before may have ended and taken its file away.
            if is_there(&path, &file) {
                let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S");
                let holder = format!("{HOLDER}{} since {now}\n", std::process::id());
                // Where the disk is full, others learn only that there is a holder.
                let _ = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
                return Ok(Running { path, _file: file });
            }
        }
        Err(error!(Write, "{} cannot be locked: others take it away", shown_path(&path)))
    }
}

fn held(folder: &Path, file: &mut File) -> Error {
    let mut holder = String::new();
    // Where locks keep others from reading, and right after the holder has begun, nothing is known.
    let _ = file.take(200).read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => "another process",
        known => &shown(known),
    };
    let folder = shown_path(folder);
    error!(Write, "a run goes on in the output folder {folder}: that of {holder}").with(Remedy::OtherFolder)
}

/// Whether the open file is still the one of this name.
#[cfg(unix)]
fn is_there(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    fs::metadata(path).map(place).ok() == file.metadata().map(place).ok()
}

/// A file that is open cannot be taken away there.
#[cfg(not(unix))]
fn is_there(_path: &Path, _file: &File) -> bool {
    true
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a run, of any process, goes on in this folder.
pub fn is_running(folder: &Path) -> bool {
    refuse_running(folder).is_err()
}

/// Whether a run in this folder was ended by others before it could take its file away.
pub fn was_killed(folder: &Path) -> bool {
    let Some(file) = open(folder) else { return false };
    // A file without text is that of a run that begins just now: it is not locked even for a moment. Where there are no locks,
    // nobody knows.
    first_bytes(&file).is_ok_and(|bytes| bytes == HOLDER.as_bytes()) && file.try_lock_shared().is_ok()
}

/// Whether the file of this name in a folder is another program's: it says something that no run says.
pub fn is_of_others(folder: &Path) -> bool {
    // Where locks keep others from reading, it is a run's.
    let bytes = open(folder).and_then(|file| first_bytes(&file).ok()).unwrap_or_default();
    !bytes.is_empty() && bytes != HOLDER.as_bytes()
}

/// As many as a run's file always begins with.
fn first_bytes(file: &File) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(HOLDER.len() as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The file of a folder, if it has one. It is no link, and no pipe, which would be waited for.
fn open(folder: &Path) -> Option<File> {
    let path = folder.join(RUNNING_FILE);
    fs::symlink_metadata(&path).ok().filter(|about| about.is_file())?;
    File::open(path).ok()
}

/// # Errors
/// `Write`, with whose it is, where a run goes on in this folder.
pub fn refuse_running(folder: &Path) -> Result<()> {
    let Some(mut file) = open(folder) else { return Ok(()) };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(held(folder, &mut file)),
        _ => Ok(()),
    }
}
