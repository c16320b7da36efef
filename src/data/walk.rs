//! Every file of a folder, each with what is thought of it.

use super::leftovers::{leftover, leftover_file};
use super::opened::look;
use super::skip::{Skip, Skipped};
use crate::error::{Result, error, shown_path};
use rayon::prelude::*;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Most files of one folder: their names alone take gigabytes.
const MOST: usize = 5_000_000;

/// The files below a folder: pictures by their first bytes, and all others; and links to folders, which are not followed, so
/// that no walk is endless.
#[derive(Debug, Default)]
pub struct Found {
    /// In no particular order, as are the others.
    pub pictures: Vec<PathBuf>,
    pub passed: Vec<Skipped>,
    pub folders: Vec<PassedFolder>,
}

/// A folder that is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedFolder {
    /// Relative to the folder that was looked at.
    pub path: PathBuf,
    /// What it is, or what it lacks.
    pub why: String,
}

impl Found {
    /// Looks at `entry` of `root`, a file or a folder, which may be a link, and at everything in it. Paths are relative to `root`.
    ///
    /// # Errors
    /// `Data` for a folder that cannot be read, but for those in which no picture would be taken; for millions of files.
    /// `Interrupted` where it was not to `go_on`.
    pub fn below(root: &Path, entry: &OsStr, go_on: GoOn) -> Result<Found> {
        let (mut all, mut files) = (Found::default(), Vec::new());
        let path = root.join(entry);
        if path.is_symlink() {
            let looked = path.canonicalize().and_then(|target| Ok(root.canonicalize()?.starts_with(target)));
            match looked {
                Ok(false) => {}
                Ok(true) => {
                    let why = "a link to a folder around it".to_string();
                    all.folders.push(PassedFolder { path: entry.into(), why });
                    return Ok(all);
                }
                // It leads nowhere.
                Err(why) => {
                    let reason = no_place(entry.as_ref()).unwrap_or(Skip::Unreadable(why.to_string()));
                    all.passed.push(Skipped { path: entry.into(), reason });
                    return Ok(all);
                }
            }
        }
        for found in WalkDir::new(&path) {
            if !go_on() {
                return Err(stopped());
            }
            let of =
                |path: &Path| path.strip_prefix(root).expect("the walk started in the root").to_path_buf();
            let found = match found {
                Ok(found) => found,
                Err(why) => {
                    let path = why.path().unwrap_or(root);
                    if no_place(&of(path)).is_some() {
                        continue;
                    }
                    let path = shown_path(path);
                    return Err(match why.io_error() {
                        Some(why) => {
                            error!(Data, "cannot read the folder {path}: {why}; check its permissions")
                        }
                        None => error!(Data, "cannot read the folder {path}: {why}"),
                    });
                }
            };
            // The entry itself is followed, if it is a link.
            if found.file_type().is_dir() || (found.depth() == 0 && found.path().is_dir()) {
                continue;
            }
            let path = of(found.path());
            let reason = no_place(path.parent().unwrap_or(Path::new("")));
            let reason = reason.or_else(|| hidden(found.file_name()).then_some(Skip::Hidden));
            if found.path_is_symlink() && found.path().is_dir() {
                all.folders.push(PassedFolder { path, why: "a link, which is not followed".to_string() });
                continue;
            }
            files.push((path, reason));
            if files.len() > MOST {
                let root = shown_path(root);
                return Err(error!(
                    Data,
                    "{root} holds more than {MOST} files: give the folder of the classes"
                ));
            }
        }
        let looked = files.into_par_iter().map(|(path, reason)| {
            let reason = match reason {
                None if go_on() => look(&root.join(&path)).err().map(|why| {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    leftover_file(&name).map_or(why, |what| Skip::Leftover(what.to_string()))
                }),
                other => other,
            };
            (path, reason)
        });
        for (path, reason) in looked.collect::<Vec<_>>() {
            match reason {
                None => all.pictures.push(path),
                Some(reason) => all.passed.push(Skipped { path, reason }),
            }
        }
        if go_on() { Ok(all) } else { Err(stopped()) }
    }
}

/// Asked again and again by whoever works, from any thread; where it says no, the work ends.
pub type GoOn<'a> = &'a (dyn Fn() -> bool + Sync);

/// Whoever asked for pictures wants them no more.
pub fn stopped() -> crate::error::Error {
    error!(Interrupted, "stopped while the pictures were read: there is no model")
}

/// Why nothing in this folder is a picture, whatever it holds.
fn no_place(path: &Path) -> Option<Skip> {
    path.iter().find_map(|part| {
        if hidden(part) {
            return Some(Skip::Hidden);
        }
        leftover(&part.to_string_lossy()).map(|what| Skip::Leftover(what.to_string()))
    })
}

/// Whether a name is one that file managers do not show.
pub fn hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// What paths are sorted by: their bytes, with the same separator on every system. (`Path` compares part by
/// part, which puts `a/b` before `a-b`.)
pub fn sort_key(path: &Path) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.iter().map(OsStr::as_encoded_bytes).collect();
    parts.join(&b'/')
}
