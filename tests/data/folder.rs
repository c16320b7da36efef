//! Which files count as pictures of which class, and what is said about folders that cannot be used.

use crate::{folder_of, put};
use pawgrad::data::{Folder, folder};
use pawgrad::error::{Error, ErrorKind, Remedy};
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
fn content_decides_what_is_a_picture_and_hidden_things_do_not_count() {
    let dir = folder_of(&[
        "cats/a.JPG",
        "cats/b.jfif",
        "cats/c",
        "cats/d.JPG_large",
        "cats/e.tiff",
        "cats/deep/er/f.txt",
        "cats/.hidden.jpg",
        "cats/.thumbnails/h.jpg",
        "dogs/a.jpg",
        ".git/a.jpg",
        "beside.jpg",
    ]);
    put(dir.path(), "cats/g.jpg", b"<html>");
    put(dir.path(), "cats/h.heic", b"\0\0\0\x18ftypheic");
    put(dir.path(), "cats/_DS_Store", b"");
    put(dir.path(), "README.md", b"Cats and dogs.");
    let folder = Folder::scan(dir.path()).unwrap();
    assert_eq!(folder.classes, ["cats", "dogs"]);
    let cats =
        ["cats/a.JPG", "cats/b.jfif", "cats/c", "cats/d.JPG_large", "cats/deep/er/f.txt", "cats/e.tiff"];
    assert_eq!(names(&folder), [&cats[..], &["dogs/a.jpg"]].concat());
    let passed: Vec<_> = folder.passed.iter().map(ToString::to_string).collect();
    assert_eq!(
        passed,
        [
            ".git/a.jpg: hidden",
            "README.md: a text file, not a picture",
            "beside.jpg: lies beside the class folders, so it has no class",
            "cats/.hidden.jpg: hidden",
            "cats/.thumbnails/h.jpg: hidden",
            "cats/_DS_Store: settings of a folder of macOS",
            "cats/g.jpg: a web page, not a picture",
            "cats/h.heic: a HEIC photo: save it as a JPEG or PNG",
        ]
    );
    assert_eq!(folder.passed_folders, []);
}

/// Names of folders that are passed over, with why.
fn passed_folders(folder: &Folder) -> Vec<(&str, &str)> {
    folder.passed_folders.iter().map(|passed| (passed.path.to_str().unwrap(), passed.why.as_str())).collect()
}

#[test]
fn folders_without_pictures_and_those_of_systems_are_no_classes() {
    let dir = folder_of(&[
        "cats/a.jpg",
        "dogs/a.jpg",
        "cats/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
        "dogs/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
        "$RECYCLE.BIN/c.jpg",
    ]);
    put(dir.path(), "__MACOSX/cats/._a.jpg", b"\0\x05\x16\x07");
    put(dir.path(), "labels/a.txt", b"0 0.5");
    put(dir.path(), "broken/a.jpg", b"<html>");
    fs::create_dir(dir.path().join("notes")).unwrap();
    let folder = Folder::scan(dir.path()).unwrap();
    assert_eq!(names(&folder), ["cats/a.jpg", "dogs/a.jpg"]);
    assert_eq!(
        passed_folders(&folder),
        [
            ("$RECYCLE.BIN", "a trash folder of Windows"),
            ("__MACOSX", "what macOS adds to archives"),
            ("broken", "it holds no pictures: 1 × a web page, not a picture"),
            ("labels", "it holds no pictures: 1 × a text file, not a picture"),
            ("notes", "it is empty"),
        ]
    );
    let thumbnails =
        folder.passed.iter().filter(|file| file.reason.to_string() == "thumbnails of a Synology NAS");
    assert_eq!((folder.passed.len(), thumbnails.count()), (6, 2));
}

#[test]
fn a_folder_of_a_training_and_a_test_set_is_refused_with_both() {
    let dir = folder_of(&[
        "data/train/cats/a.jpg",
        "data/train/dogs/a.jpg",
        "data/val/cats/a.jpg",
        "data/val/dogs/a.jpg",
        "data/test/cats/a.jpg",
        "data/test/dogs/a.jpg",
    ]);
    let data = dir.path().join("data");
    let why = refused(&data, &["a training set and a test set", "data/train", "data/val"]);
    let sets = Remedy::OneOfSets { training: data.join("train"), test: data.join("val") };
    assert_eq!(why.remedy, Some(sets));
    // Of one set alone its folders may be the classes.
    let dir = folder_of(&["data/train/cats/a.jpg", "data/train/dogs/a.jpg"]);
    refused(&dir.path().join("data"), &["only one class, train", "it holds cats, dogs", "data/train"]);
}

#[test]
fn a_scan_ends_where_it_is_not_to_go_on() {
    let dir = folder_of(&["cats/a.jpg", "dogs/a.jpg"]);
    assert_eq!(Folder::scan_while(dir.path(), &|| false).unwrap_err().kind, ErrorKind::Interrupted);
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
fn what_is_no_folder_of_classes_is_refused_with_the_reason() {
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
    assert_eq!(Folder::scan(&path("three")).unwrap().classes, ["a", "b", "c"]);
    let many: Vec<String> = (0..1001).map(|class| format!("{class}/a.png")).collect();
    let library = folder_of(&many.iter().map(String::as_str).collect::<Vec<_>>());
    refused(library.path(), &["has more than 1000 folders with pictures", layout]);

    put(dir.path(), "one/dogs/b.heic", b"\0\0\0\x18ftypheic");
    let heic = "dogs is no class: it holds no pictures: 1 × a HEIC photo: save it as a JPEG or PNG";
    refused(&path("one"), &["one has only one class, cats", heic, layout]);
    put(dir.path(), "none/cats/a.jpg", b"");
    refused(&path("none"), &["no folder in it holds pictures", "cats is no class", "1 × empty file", layout]);
}

#[test]
fn messages_stay_on_their_lines_whatever_the_names_are() {
    for (class, shown) in [("a\nb", "a\\nb"), ("\u{1b}[2J", "\\u001b[2J")] {
        let dir = folder_of(&[&format!("{class}/1.jpg")]);
        let error = refused(dir.path(), &["only one class", shown]);
        assert!(!error.message.contains(class));
    }
}

#[test]
fn all_pictures_below_a_folder_are_found_without_classes() {
    let dir = folder_of(&["b/2.jpg", "b/1.jpg", "a-b.png", "a/deep/1.gif", ".hidden.jpg"]);
    put(dir.path(), "notes.txt", b"words");
    let found = folder::pictures(dir.path()).unwrap();
    let passed: Vec<_> = found.passed.iter().map(|file| file.path.clone()).collect();
    assert_eq!(passed, [".hidden.jpg", "notes.txt"].map(|name| dir.path().join(name)));
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
        assert_eq!(names(&folder), ["cats/a.jpg", "cats/link.jpg", "dogs/a.jpg"]);
        let broken: Vec<_> = folder.passed.iter().map(|file| file.path.to_str().unwrap()).collect();
        assert_eq!(broken, ["cats/broken.jpg", "cats/itself.jpg"]);
        let why = "a link, which is not followed";
        assert_eq!(passed_folders(&folder), [("cats/loop", why), ("cats/loop.jpg", why)]);
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
        let folder = Folder::scan(dir.path()).unwrap();
        assert_eq!(names(&folder), ["cats/a.jpg", "dogs/a.jpg"]);
        assert_eq!(folder.passed[0].to_string(), "cats/pipe.jpg: cannot be read: it is no regular file");
        // Nor where it is named by itself.
        let why = pawgrad::data::decode_file(&pipe, 8).unwrap_err().to_string();
        assert!(why.contains("no regular file"), "{why}");
    }
}
