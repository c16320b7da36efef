//! Which files count as pictures of which class, and what is said about folders that cannot be used.

use crate::{folder_of, put};
use pawgrad::data::{Folder, folder};
use pawgrad::error::{Error, ErrorKind};
use std::fs;
use std::path::Path;

fn names(folder: &Folder) -> Vec<&str> {
    folder.files.iter().map(|file| file.path.to_str().unwrap()).collect()
}

/// The error for `dir`, which must be about data and contain all of `parts`.
#[track_caller]
fn refused(dir: &Path, parts: &[&str]) -> Error {
    let error = Folder::scan(dir).unwrap_err();
    assert_eq!((error.kind, error.exit_code()), (ErrorKind::Data, 3));
    for part in parts {
        assert!(error.message.contains(part), "{part:?} is not in:\n{error}");
    }
    error
}

#[test]
fn classes_and_files_are_sorted_byte_by_byte() {
    let files = [
        "dogs/b.jpg",
        "dogs/B.jpg",
        "cats/10.png",
        "cats/9.png",
        "cats/a/z.png",
        "cats/a-b.png",
        "dogs/é.jpg",
    ];
    let sorted = [
        "cats/10.png",
        "cats/9.png",
        "cats/a-b.png",
        "cats/a/z.png",
        "dogs/B.jpg",
        "dogs/b.jpg",
        "dogs/é.jpg",
    ];
    let mut backwards = files;
    backwards.reverse();
    for order in [files, backwards] {
        let dir = folder_of(&order);
        let folder = Folder::scan(dir.path()).unwrap();
        assert_eq!(folder.classes, ["cats", "dogs"]);
        assert_eq!(names(&folder), sorted);
        assert_eq!(folder.files.iter().map(|file| file.label).collect::<Vec<_>>(), [0, 0, 0, 0, 1, 1, 1]);
    }
}

#[test]
fn the_order_is_that_of_whole_paths_even_between_classes() {
    let dir = folder_of(&["a/1.png", "a-b/1.png"]);
    let folder = Folder::scan(dir.path()).unwrap();
    assert_eq!(folder.classes, ["a", "a-b"]);
    assert_eq!(names(&folder), ["a-b/1.png", "a/1.png"]);
    assert_eq!(folder.files.iter().map(|file| file.label).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn extensions_count_in_any_case_and_hidden_things_do_not() {
    let dir = folder_of(&[
        "cats/a.JPG",
        "cats/b.Jpeg",
        "cats/c.png",
        "cats/d.bmp",
        "cats/e.gif",
        "cats/f.WebP",
        "cats/deep/er/g.jpg",
        "cats/.hidden.jpg",
        "cats/.thumbnails/h.jpg",
        "cats/i.tiff",
        "cats/j.jpg.txt",
        "cats/jpg",
        "cats/_DS_Store",
        "dogs/a.jpg",
        ".git/a.jpg",
        "beside.jpg",
    ]);
    let folder = Folder::scan(dir.path()).unwrap();
    assert_eq!(folder.classes, ["cats", "dogs"]);
    let cats = [
        "cats/a.JPG",
        "cats/b.Jpeg",
        "cats/c.png",
        "cats/d.bmp",
        "cats/deep/er/g.jpg",
        "cats/e.gif",
        "cats/f.WebP",
    ];
    assert_eq!(names(&folder), [&cats[..], &["dogs/a.jpg"]].concat());
}

#[test]
fn a_folder_of_the_same_name_inside_is_entered() {
    let dir = folder_of(&["training_set/training_set/cats/a.jpg", "training_set/training_set/dogs/a.jpg"]);
    for given in ["training_set", "training_set/", "training_set/.", "training_set/training_set"] {
        let folder = Folder::scan(&dir.path().join(given)).unwrap();
        assert_eq!(names(&folder), ["cats/a.jpg", "dogs/a.jpg"], "{given}");
        assert!(folder.root.ends_with("training_set/training_set"), "{given}");
    }
    // A class that happens to have its folder's name is not a nested folder.
    let dir = folder_of(&["cats/cats/a.jpg"]);
    refused(&dir.path().join("cats"), &["only one class, cats"]);
}

#[test]
fn what_is_no_folder_of_two_classes_is_refused_with_the_reason() {
    let dir = folder_of(&[
        "file.jpg",
        "direct/a.jpg",
        "one/cats/a.jpg",
        "three/c/a.jpg",
        "three/b/a.jpg",
        "three/a/a.jpg",
    ]);
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("void")).unwrap();
    let layout = "expected one folder per class";
    refused(&path("missing"), &["there is no folder", "missing", layout, "missing/cats/"]);
    refused(&path("file.jpg"), &["file.jpg is not a folder", layout]);
    refused(&path("void"), &["void has no class folders", "holds no folders", layout]);
    refused(&path("direct"), &["direct has no class folders", "lie directly in it", "direct/dogs/"]);
    refused(&path("one"), &["one has only one class, cats", layout]);
    refused(&path("three"), &["three has 3 classes (a, b, c)", "two are supported", layout]);

    put(dir.path(), "empty/cats/a.jpg", b"");
    put(dir.path(), "empty/dogs/notes.txt", b"");
    refused(&path("empty"), &["empty/dogs holds no pictures", layout]);
}

#[test]
fn messages_stay_on_their_lines_whatever_the_names_are() {
    let dir = folder_of(&["a\nb/1.jpg", "\u{1b}[2J/1.jpg", "c/1.jpg"]);
    let error = refused(dir.path(), &["a\\nb", "\\u001b[2J"]);
    assert!(!error.message.contains('\u{1b}') && !error.message.contains("a\nb"));
}

#[test]
fn all_pictures_below_a_folder_are_found_without_classes() {
    let dir = folder_of(&["b/2.jpg", "b/1.jpg", "a-b.png", "a/deep/1.gif", "notes.txt", ".hidden.jpg"]);
    let found = folder::pictures(dir.path()).unwrap();
    assert_eq!(
        found.pictures,
        ["a-b.png", "a/deep/1.gif", "b/1.jpg", "b/2.jpg"].map(|name| dir.path().join(name))
    );
    assert!(folder::pictures(&dir.path().join("missing")).unwrap_err().message.contains("missing"));
}

#[cfg(unix)]
mod links_and_permissions {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn links_to_pictures_and_class_folders_count_and_loops_do_no_harm() {
        let dir = folder_of(&["elsewhere/dogs/a.jpg", "data/cats/a.jpg"]);
        let data = dir.path().join("data");
        symlink("../elsewhere/dogs", data.join("dogs")).unwrap();
        symlink("a.jpg", data.join("cats/link.jpg")).unwrap();
        symlink("nowhere.jpg", data.join("cats/broken.jpg")).unwrap();
        symlink("itself.jpg", data.join("cats/itself.jpg")).unwrap();
        symlink("..", data.join("cats/loop")).unwrap();
        symlink(".", data.join("cats/loop.jpg")).unwrap();
        let folder = Folder::scan(&data).unwrap();
        // A broken link is listed, so that decoding it says why it cannot be used.
        let cats = ["cats/a.jpg", "cats/broken.jpg", "cats/itself.jpg", "cats/link.jpg"];
        assert_eq!(names(&folder), [&cats[..], &["dogs/a.jpg"]].concat());
    }

    #[test]
    fn a_folder_without_permission_is_named() {
        let dir = folder_of(&["data/cats/locked/a.jpg", "data/cats/a.jpg", "data/dogs/a.jpg"]);
        let data = dir.path().join("data");
        for (locked, name) in [(data.join("cats/locked"), "cats/locked"), (data.clone(), "data")] {
            fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
            // Permissions do not bind the superuser.
            let readable = fs::read_dir(&locked).is_ok();
            if readable {
                assert_eq!(Folder::scan(&data).unwrap().files.len(), 3);
            } else {
                refused(&data, &["cannot read the folder", name, "check its permissions"]);
            }
            fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn a_pipe_named_like_a_picture_is_not_waited_for() {
        let dir = folder_of(&["cats/a.jpg", "dogs/a.jpg"]);
        let pipe = dir.path().join("cats/pipe.jpg");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(names(&Folder::scan(dir.path()).unwrap()), ["cats/a.jpg", "dogs/a.jpg"]);
        // Nor where it is named by itself.
        let why = pawgrad::data::decode_file(&pipe, 8).unwrap_err().to_string();
        assert!(why.contains("no regular file"), "{why}");
    }
}
