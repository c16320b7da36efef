//! Finding the pictures: one sub-folder per class.

use super::paths::did_you_mean;
use crate::error::{Result, error, list, shown, shown_path};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// File names that end in one of these, in upper or lower case, are taken for pictures.
const EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "png", "bmp", "gif", "webp"];

/// The classes and picture files of a data folder; nothing is decoded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The folder that holds the classes: the one that was asked for, or the one of the same name inside it.
    pub root: PathBuf,
    /// Names of the class folders, sorted byte by byte; a label is an index into this list.
    pub classes: Vec<String>,
    /// Every picture file, sorted byte by byte by its path: the file system's own order never matters.
    pub files: Vec<PictureFile>,
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
    /// Finds the classes in `dir` and the pictures in each, at any depth.
    ///
    /// `dir/<same name>/<class>/…`, as public archives unpack, works like `dir/<class>/…`. Hidden files
    /// and folders are passed over. A class folder or a picture may be a symbolic link; inside a class,
    /// links to folders are not followed, so no loop is possible.
    ///
    /// # Errors
    /// `Data`, naming the path and what to do: `dir` is missing, is no folder or cannot be read, or it
    /// does not hold exactly two classes with at least one picture each.
    pub fn scan(dir: &Path) -> Result<Folder> {
        let mut root = dir.to_path_buf();
        let mut classes = sub_folders(dir)?;
        if let [only] = &classes[..]
            && Some(only) == own_name(dir).as_ref()
        {
            let inner = sub_folders(&dir.join(only))?;
            if !inner.is_empty() {
                root.push(only);
                classes = inner;
            }
        }
        check_classes(&root, &classes)?;

        let mut files = Vec::new();
        for (label, class) in (0..).zip(&classes) {
            let found = pictures_in(&root, class)?;
            if found.is_empty() {
                return Err(error!(
                    Data,
                    "{} holds no pictures: put some there, or remove the folder\n{}",
                    shown_path(&root.join(class)),
                    layout(&root)
                ));
            }
            files.extend(found.into_iter().map(|path| PictureFile { path, label }));
        }
        files.sort_by_cached_key(|file| sort_key(&file.path));
        Ok(Folder { root, classes, files })
    }
}

/// Every picture file in `dir`, whatever its class, at any depth, sorted byte by byte by its path.
///
/// # Errors
/// `Data` for a folder that cannot be read.
pub fn pictures(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = pictures_in(dir, "")?;
    files.sort_by_cached_key(|path| sort_key(path));
    Ok(files.iter().map(|file| dir.join(file)).collect())
}

/// Names of the visible folders in `dir`, sorted byte by byte.
fn sub_folders(dir: &Path) -> Result<Vec<String>> {
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
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Not the entry's own type: a class may be a link to a folder elsewhere.
        if hidden(&entry.file_name()) || !entry.path().is_dir() {
            continue;
        }
        let name = entry.file_name().into_string().map_err(|_| {
            let path = shown_path(&entry.path());
            error!(Data, "the class folder {path} has a name that is not UTF-8: rename it")
        })?;
        names.push(name);
    }
    names.sort();
    Ok(names)
}

/// Two classes are what the networks can tell apart.
fn check_classes(root: &Path, classes: &[String]) -> Result<()> {
    let (dir, layout) = (shown_path(root), layout(root));
    match classes {
        [test, training] if test == "test_set" && training == "training_set" => Err(error!(
            Data,
            "{dir} holds a training set and a test set, not classes: give one of the two, such as {dir}/training_set"
        )),
        [_, _] => Ok(()),
        [] => {
            let direct = fs::read_dir(root).is_ok_and(|entries| {
                entries.flatten().any(|entry| has_picture_extension(entry.path().as_path()))
            });
            let why = if direct { "its pictures lie directly in it" } else { "it holds no folders" };
            Err(error!(
                Data,
                "{dir} has no class folders, {why}: sort the pictures into two folders\n{layout}"
            ))
        }
        [only] => {
            let only = shown(only);
            Err(error!(Data, "{dir} has only one class, {only}: two are needed\n{layout}"))
        }
        many => {
            let (count, names) = (many.len(), list(many));
            Err(error!(
                Data,
                "{dir} has {count} classes ({names}), but two are supported: \
                 move the others elsewhere, or give a folder that holds two\n{layout}"
            ))
        }
    }
}

/// The picture files of a class, relative to `root`, in no particular order.
fn pictures_in(root: &Path, class: &str) -> Result<Vec<PathBuf>> {
    let dir = root.join(class);
    // The class folder itself is never hidden: `sub_folders` saw to that.
    let visible = |entry: &DirEntry| entry.depth() == 0 || !hidden(entry.file_name());
    let mut files = Vec::new();
    for entry in WalkDir::new(&dir).into_iter().filter_entry(visible) {
        let entry = entry.map_err(|why| {
            let path = shown_path(why.path().unwrap_or(&dir));
            match why.io_error() {
                Some(why) => error!(Data, "cannot read the folder {path}: {why}; check its permissions"),
                None => error!(Data, "cannot read the folder {path}: {why}"),
            }
        })?;
        if has_picture_extension(entry.path()) && may_be_file(&entry) {
            let path = entry.path().strip_prefix(root).expect("the walk started in the root");
            files.push(path.to_path_buf());
        }
    }
    Ok(files)
}

/// A file or a link to one. A broken link counts too, so that it is reported when it is decoded; a link to
/// a folder does not, nor does a pipe, which would be waited for.
fn may_be_file(entry: &DirEntry) -> bool {
    fs::metadata(entry.path()).map_or(true, |target| target.is_file())
}

fn has_picture_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|found| EXTENSIONS.iter().any(|known| found.eq_ignore_ascii_case(known)))
}

fn hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The folder's own name, also for `.` and `..`.
fn own_name(dir: &Path) -> Option<String> {
    let name = |path: &Path| path.file_name()?.to_str().map(str::to_string);
    name(dir).or_else(|| name(&dir.canonicalize().ok()?))
}

/// What paths are sorted by: their bytes, with the same separator on every system. (`Path` compares part by
/// part, which puts `a/b` before `a-b`.)
fn sort_key(path: &Path) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.iter().map(OsStr::as_encoded_bytes).collect();
    parts.join(&b'/')
}

/// What a data folder should look like, for error messages.
fn layout(dir: &Path) -> String {
    let dir = shown_path(dir);
    let extensions = EXTENSIONS.join(", ");
    format!(
        "expected one folder per class, with pictures ({extensions}) at any depth inside:\n  \
         {dir}/cats/….jpg\n  {dir}/dogs/….jpg"
    )
}
