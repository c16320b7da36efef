//! Finding the pictures: one sub-folder per class.

use super::leftovers::leftover;
use super::paths::did_you_mean;
use super::sets::sets_among;
use super::skip::{Skip, Skipped};
use super::tally::tally;
use super::walk::{Found, GoOn, PassedFolder, hidden, sort_key};
use crate::error::{Remedy, Result, error, list, shown, shown_path};
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The classes and files of a data folder; of no file was more read than its first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The folder that holds the classes: the one that was asked for, or the one of the same name inside it.
    pub root: PathBuf,
    /// Names of the class folders, sorted byte by byte; a label is an index into this list.
    pub classes: Vec<String>,
    /// Every file in a class that begins as a picture does, sorted byte by byte by its path: the file system's own order
    /// never matters.
    pub files: Vec<PictureFile>,
    /// Every other file, sorted likewise.
    pub passed: Vec<Skipped>,
    /// Folders beside the classes that are none, without hidden ones, and links to folders in classes; sorted likewise.
    pub passed_folders: Vec<PassedFolder>,
}

/// One picture file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureFile {
    /// Relative to [`Folder::root`]; starts with the class folder.
    pub path: PathBuf,
    /// Index into [`Folder::classes`].
    pub label: u32,
}

impl Folder {
    /// Finds the classes in `dir`, which are the folders that hold pictures, and the pictures in each, at any depth.
    ///
    /// What a file is says its content. `dir/<same name>/<class>/…`, as public archives unpack, works like
    /// `dir/<class>/…`. Hidden files and folders are passed over, and so is what systems leave behind. A class folder or a
    /// picture may be a symbolic link; inside a class, links to folders are not followed, so no loop is possible.
    ///
    /// # Errors
    /// `Data`, naming the path and what to do: `dir` is missing, is no folder or cannot be read, holds a training set and a
    /// test set, or does not hold two folders or more with at least one picture each.
    pub fn scan(dir: &Path) -> Result<Folder> {
        Folder::scan_while(dir, &|| true)
    }

    /// [`Folder::scan`], which ends with `Interrupted` where it is not to `go_on`.
    ///
    /// # Errors
    /// As [`Folder::scan`].
    pub fn scan_while(dir: &Path, go_on: GoOn) -> Result<Folder> {
        let (mut folder, mut inside) = (Folder::new(dir), entries(dir)?);
        let mut names = sub_folders(dir, &inside);
        let inner = own_name(dir).filter(|name| names.contains(name)).map(|name| dir.join(name));
        if let Some(inner) = inner {
            let deeper = entries(&inner)?;
            let deeper_names = sub_folders(&inner, &deeper);
            if !deeper_names.is_empty()
                && let Some(beside) = Folder::beside(dir, &inner, &inside, go_on)?
            {
                (folder, inside, names) = (Folder { root: inner, ..beside }, deeper, deeper_names);
            }
        }
        check_sets(&folder.root, &names)?;
        for entry in inside {
            folder.add(&entry, go_on)?;
            if folder.classes.len() > MOST_CLASSES {
                break;
            }
        }
        folder.check_classes()?;
        folder.files.sort_by_cached_key(|file| sort_key(&file.path));
        folder.passed.sort_by_cached_key(|file| sort_key(&file.path));
        folder.passed_folders.sort_by_cached_key(|passed| sort_key(&passed.path));
        Ok(folder)
    }

    fn new(root: &Path) -> Folder {
        let root = root.to_path_buf();
        Folder {
            root,
            classes: Vec::new(),
            files: Vec::new(),
            passed: Vec::new(),
            passed_folders: Vec::new(),
        }
    }

    /// What lies beside `inner` in `dir`, with paths as from `inner`; `None` where that is more classes.
    fn beside(dir: &Path, inner: &Path, inside: &[OsString], go_on: GoOn) -> Result<Option<Folder>> {
        let mut outer = Folder::new(dir);
        for entry in inside.iter().filter(|&entry| Some(entry.as_os_str()) != inner.file_name()) {
            outer.add(entry, go_on)?;
            if !outer.classes.is_empty() {
                return Ok(None);
            }
        }
        let up = |path: &mut PathBuf| *path = Path::new("..").join(&path);
        outer.passed.iter_mut().for_each(|file| up(&mut file.path));
        outer.passed_folders.iter_mut().for_each(|folder| up(&mut folder.path));
        Ok(Some(outer))
    }

    /// Adds what is in an entry of the root; entries come in the order of their names.
    fn add(&mut self, entry: &OsString, go_on: GoOn) -> Result<()> {
        let found = Found::below(&self.root, entry, go_on)?;
        let path = self.root.join(entry);
        if !path.is_dir() {
            let beside = |path| Skipped { path, reason: Skip::BesideClasses };
            self.passed.extend(found.pictures.into_iter().map(beside));
        } else if !found.pictures.is_empty() {
            let name = entry.to_str().ok_or_else(|| {
                error!(Data, "the class folder {} has a name that is not UTF-8: rename it", shown_path(&path))
            })?;
            let label = self.classes.len() as u32;
            self.classes.push(name.to_string());
            self.files.extend(found.pictures.into_iter().map(|path| PictureFile { path, label }));
        } else if !hidden(entry) && found.folders.iter().all(|folder| folder.path != **entry) {
            let why = match (leftover(&entry.to_string_lossy()), &found.passed[..]) {
                (Some(what), _) => what.to_string(),
                (None, []) => "it is empty".to_string(),
                (None, passed) => format!("it holds no pictures: {}", tally(passed)),
            };
            self.passed_folders.push(PassedFolder { path: entry.into(), why });
        }
        self.passed.extend(found.passed);
        self.passed_folders.extend(found.folders);
        Ok(())
    }

    /// A network tells two classes apart, or more.
    fn check_classes(&self) -> Result<()> {
        let (dir, layout) = (shown_path(&self.root), layout(&self.root));
        let others: String = self
            .passed_folders
            .iter()
            .take(10)
            .map(|PassedFolder { path, why }| format!("\n  {} is no class: {why}", shown_path(path)))
            .collect();
        match &self.classes[..] {
            [] => {
                let direct = self.passed.iter().any(|file| file.reason == Skip::BesideClasses);
                let why = match (direct, &others[..]) {
                    (true, _) => "its pictures lie directly in it",
                    (false, "") => "it holds no folders",
                    (false, _) => "no folder in it holds pictures",
                };
                Err(error!(
                    Data,
                    "{dir} has no class folders, {why}: sort the pictures into folders, one for each class{others}\n{layout}"
                ))
            }
            [only] => {
                let inner = self.root.join(only);
                let inside = entries(&inner).map(|entries| sub_folders(&inner, &entries)).unwrap_or_default();
                check_sets(&inner, &inside)?;
                let hint = match inside.len() {
                    2.. => format!(
                        "\n  it holds {}: if those are the classes, give {}",
                        list(&inside),
                        shown_path(&inner)
                    ),
                    _ => String::new(),
                };
                let only = shown(only);
                Err(error!(
                    Data,
                    "{dir} has only one class, {only}: two or more are needed{hint}{others}\n{layout}"
                ))
            }
            many if many.len() > MOST_CLASSES => Err(error!(
                Data,
                "{dir} has more than {MOST_CLASSES} folders with pictures: are these the classes?\n{layout}"
            )),
            _ => Ok(()),
        }
    }
}

/// Refuses a folder that holds sets in the place of classes.
fn check_sets(root: &Path, names: &[String]) -> Result<()> {
    let Some((training, test)) = sets_among(names) else { return Ok(()) };
    let (training, test) = (root.join(training), root.join(test));
    let [dir, first, second] = [root, &training, &test].map(shown_path);
    let why = error!(
        Data,
        "{dir} holds a training set and a test set, not classes: give one of the two, {first} or {second}"
    );
    Err(why.with(Remedy::OneOfSets { training, test }))
}

/// More classes than anybody sorts pictures into by hand: such a folder is another.
pub const MOST_CLASSES: usize = 1000;

/// Every picture in `dir`, whatever its class, at any depth, sorted byte by byte by its path, and all other files.
/// Paths begin with `dir`.
///
/// # Errors
/// `Data` for a folder that cannot be read.
pub fn pictures(dir: &Path) -> Result<Found> {
    let mut all = Found::default();
    for entry in entries(dir)? {
        let found = Found::below(dir, &entry, &|| true)?;
        all.pictures.extend(found.pictures.iter().map(|path| dir.join(path)));
        all.passed
            .extend(found.passed.into_iter().map(|file| Skipped { path: dir.join(&file.path), ..file }));
        let folders = found.folders.into_iter();
        all.folders.extend(folders.map(|folder| PassedFolder { path: dir.join(&folder.path), ..folder }));
    }
    all.pictures.sort_by_cached_key(|path| sort_key(path));
    all.passed.sort_by_cached_key(|file| sort_key(&file.path));
    Ok(all)
}

/// Names of what is in `dir`, sorted byte by byte.
fn entries(dir: &Path) -> Result<Vec<OsString>> {
    let unreadable = |why: std::io::Error| match why.kind() {
        ErrorKind::NotFound => {
            error!(Data, "there is no folder {}{}\n{}", shown_path(dir), did_you_mean(dir), layout(dir))
        }
        ErrorKind::NotADirectory => {
            error!(
                Data,
                "{} is not a folder: give the folder of the classes\n{}",
                shown_path(dir),
                layout(dir)
            )
        }
        _ => error!(Data, "cannot read the folder {}: {why}; check its permissions", shown_path(dir)),
    };
    let entries = fs::read_dir(dir).map_err(unreadable)?;
    let mut names =
        entries.map(|entry| Ok(entry.map_err(unreadable)?.file_name())).collect::<Result<Vec<_>>>()?;
    names.sort_by(|a, b| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(names)
}

/// Which of these are folders that a person made, or links to them.
fn sub_folders(dir: &Path, entries: &[OsString]) -> Vec<String> {
    let visible = entries.iter().filter(|name| !hidden(name) && dir.join(name).is_dir());
    let names = visible.filter_map(|name| name.to_str());
    names.filter(|name| leftover(name).is_none()).map(str::to_string).collect()
}

/// The folder's own name, also for `.` and `..`.
fn own_name(dir: &Path) -> Option<String> {
    let name = |path: &Path| path.file_name()?.to_str().map(str::to_string);
    name(dir).or_else(|| name(&dir.canonicalize().ok()?))
}

/// What a data folder should look like, for error messages.
fn layout(dir: &Path) -> String {
    let dir = shown_path(dir);
    format!(
        "expected one folder per class, with JPEG, PNG, BMP, GIF or WebP pictures at any depth inside:\n  \
         {dir}/cats/….jpg\n  {dir}/dogs/….jpg"
    )
}
