//! Naming and deleting runs.

use super::checkpoints::{self, list, remove_all_leftovers};
use super::claim::{CONFIG_FILE, STEPS_FILE, remove_leftovers};
use super::folder::{BEST_FILE, HISTORY_FILE, MODEL_FILE};
use super::lock::{Running, is_running};
use super::outcome::OUTCOME_FILE;
use super::past::{MOST_TITLE, PastRun, TITLE_FILE};
use super::pictures::SKIPPED_FILE;
use crate::error::{Result, error, path_text, shown, shown_path};
use crate::files::{cannot_write, replace};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// What a run writes. `config.toml` comes last: as long as a run is not deleted whole, it is listed.
pub const FILES: [&str; 11] = [
    BEST_FILE,
    MODEL_FILE,
    HISTORY_FILE,
    "curves.svg",
    "rungs.toml",
    "profile.json",
    SKIPPED_FILE,
    TITLE_FILE,
    OUTCOME_FILE,
    STEPS_FILE,
    CONFIG_FILE,
];

/// Bytes of what a run wrote so far.
pub fn bytes_of_files(folder: &Path) -> u64 {
    let checkpoints = list(folder).into_iter().map(|(_, file)| file);
    let files = FILES.iter().map(|name| folder.join(name)).chain(checkpoints);
    files.filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum()
}

/// Gives a run a name beside that of its folder; an empty one takes it away.
///
/// # Errors
/// `Usage` for a name of more than 80 letters or more than a line, for a run that goes on, a link, or what may be no run; `Write`
/// where it cannot be kept.
pub fn rename(run: &PastRun, title: &str) -> Result<()> {
    let title = title.trim();
    if title.chars().count() > MOST_TITLE || title.chars().any(char::is_control) {
        return Err(error!(Usage, "a run's name has at most {MOST_TITLE} letters, in one line"));
    }
    check(run)?;
    let path = run.path().join(TITLE_FILE);
    if !title.is_empty() {
        return replace(&path, format!("{title}\n").as_bytes());
    }
    match fs::remove_file(&path) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(cannot_write(&path, &why)),
        _ => Ok(()),
    }
}

/// Deletes a run's files and, where nothing else is there, its folder. Files of others stay: what a person put there is gone for
/// good only by that person's hand; their names are returned. A link's name goes, not what it leads to.
///
/// # Errors
/// `Usage` for a run that goes on, a folder that is a link, or what may be no run; `Write` where something cannot be deleted.
pub fn delete(run: &PastRun) -> Result<Vec<String>> {
    check(run)?;
    let folder = run.path();
    let Some(lock) = Running::start(folder)? else { return Ok(Vec::new()) };
    remove_all_leftovers(folder);
    let checkpoints: Vec<_> = list(folder).into_iter().map(|(step, _)| checkpoints::name(step)).collect();
    for name in checkpoints.iter().map(String::as_str).chain(FILES) {
        remove_leftovers(folder, name);
        let path = folder.join(name);
        match fs::remove_file(&path) {
            Err(why) if why.kind() != ErrorKind::NotFound => {
                return Err(error!(Write, "{} cannot be deleted: {why}", shown_path(&path)));
            }
            _ => {}
        }
    }
    drop(lock);
    match fs::remove_dir(folder) {
        Err(why) if why.kind() == ErrorKind::DirectoryNotEmpty => {
            let left = fs::read_dir(folder).into_iter().flatten().flatten();
            let mut left: Vec<_> = left.map(|entry| path_text(Path::new(&entry.file_name()))).collect();
            left.sort();
            Ok(left)
        }
        Err(why) if why.kind() != ErrorKind::NotFound => {
            Err(error!(Write, "{} cannot be deleted: {why}", shown_path(folder)))
        }
        _ => Ok(Vec::new()),
    }
}

/// Refuses what is no folder of its own, what is not surely a run, and a run that goes on.
fn check(run: &PastRun) -> Result<()> {
    let name = shown(&run.name);
    if !fs::symlink_metadata(run.path()).is_ok_and(|about| about.is_dir()) {
        return Err(error!(Usage, "the run {name} is a link to another folder: change it there"));
    }
    // Looked at anew: what was listed may be another folder by now.
    match PastRun::at(run.path()) {
        Some(PastRun { problem: None, .. }) => {}
        Some(PastRun { problem: Some(why), .. }) => {
            return Err(error!(Usage, "{name} may be no run of pawgrad, and is left alone: {}", shown(why)));
        }
        None => return Err(error!(Usage, "{name} is no run of pawgrad")),
    }
    match is_running(run.path()) {
        true => Err(error!(Usage, "the run {name} goes on: stop it first")),
        false => Ok(()),
    }
}
