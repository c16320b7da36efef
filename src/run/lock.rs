//! Whether a run goes on in a folder, and whose it is.

use crate::error::{Error, Remedy, Result, error, shown, shown_path};
use crate::files::cannot_write;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A file that is locked while a run goes on, and gone afterwards: the system lets go of it even where a run is killed.
pub struct Running {
    path: PathBuf,
    file: File,
    /// Whether the file stays: it is that of a run that was killed, and nothing has changed that yet.
    pub stays: bool,
}

pub const RUNNING_FILE: &str = "running.lock";

/// Begins the text of the file.
const HOLDER: &str = "process ";

/// How long others may have it before they are taken for a run: one that ends at that moment, or that tries the folder.
const HELD: Duration = Duration::from_millis(200);
/// How long who only looks whether a run goes on: mostly for a moment, but for longer where the system stops it right then, or
/// lends the file to a program that it begins.
const LOOKED_AT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(1);

impl Running {
    /// Locks a folder; `None` where it is not there.
    ///
    /// # Errors
    /// `Write`, with who holds it, where a run has it, or somebody looks at it all the time; or where no file can be made
    /// there.
    pub fn start(folder: &Path) -> Result<Option<Running>> {
        let path = folder.join(RUNNING_FILE);
        if fs::symlink_metadata(&path).is_ok_and(|about| !about.is_file()) {
            return Err(error!(Write, "{} is no file of a run", shown_path(&path)).with(Remedy::OtherFolder));
        }
        let began = Instant::now();
        loop {
            let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = match opened {
                Ok(file) => file,
                Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(why) => return Err(cannot_write(&path, &why)),
            };
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    // No run has it where it can be shared.
                    match file.try_lock_shared().is_ok() {
                        true if began.elapsed() < LOOKED_AT => {}
                        false if began.elapsed() < HELD => {}
                        true => return Err(looked_at(&path)),
                        false => return Err(held(folder, &mut file)),
                    }
                    drop(file);
                    std::thread::sleep(PAUSE);
                    continue;
                }
                // Not every file system has locks; the run goes on without.
                Ok(()) | Err(TryLockError::Error(_)) => {}
            }
            // Between the two, the run before may have ended and taken its file away.
            if is_there(&path, &file) {
                let now = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S");
                let holder = format!("{HOLDER}{} since {now}\n", std::process::id());
                // Where the disk is full, others learn only that there is a holder.
                let _ = file.set_len(0).and_then(|()| file.write_all(holder.as_bytes()));
                return Ok(Some(Running { path, file, stays: false }));
            }
            if began.elapsed() > LOOKED_AT {
                return Err(error!(Write, "{} cannot be locked: others take it away", shown_path(&path)));
            }
        }
    }

    /// Whether the folder is still this run's: others may have deleted it, and begun a run of their own there.
    ///
    /// # Errors
    /// Where it is not.
    pub fn check(&self) -> io::Result<()> {
        match is_there(&self.path, &self.file) {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "the folder is not this run's any more, as its {RUNNING_FILE} is gone"
            ))),
        }
    }
}

fn looked_at(path: &Path) -> Error {
    let why = error!(
        Write,
        "{} is held by a program that is stopped, or hangs, while it looks at it",
        shown_path(path)
    );
    why.with(Remedy::OtherFolder)
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
        // Another run's file stays.
        if !self.stays && self.check().is_ok() {
            let _ = fs::remove_file(&self.path);
        }
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
fn first_bytes(file: &File) -> io::Result<Vec<u8>> {
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
