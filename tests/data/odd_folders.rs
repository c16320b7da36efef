//! Folders that hold more than classes, or not what their names say.

use crate::{folder_of, put};
use pawgrad::data::{Folder, folder};
use pawgrad::error::Remedy;
use std::fs;

fn passed(folder: &Folder) -> Vec<String> {
    folder.passed.iter().map(ToString::to_string).collect()
}

fn passed_folders(folder: &Folder) -> Vec<String> {
    folder.passed_folders.iter().map(|passed| format!("{}: {}", passed.path.display(), passed.why)).collect()
}

#[cfg(unix)]
#[test]
fn a_link_beside_the_classes_ends_nothing() {
    use std::os::unix::fs::symlink;
    let dir = folder_of(&["cats/a.jpg", "dogs/a.jpg"]);
    symlink("nowhere", dir.path().join("broken")).unwrap();
    symlink("itself", dir.path().join("itself")).unwrap();
    symlink(".", dir.path().join("all")).unwrap();
    let folder = Folder::scan(dir.path()).unwrap();
    assert_eq!(folder.classes, ["cats", "dogs"]);
    assert_eq!(passed_folders(&folder), ["all: a link to a folder around it"]);
    let passed = passed(&folder);
    assert!(
        passed[0].starts_with("broken: cannot be read: ") && passed[1].starts_with("itself: "),
        "{passed:?}"
    );
    let found = folder::pictures(dir.path()).unwrap();
    assert_eq!((found.pictures.len(), found.passed.len(), found.folders.len()), (2, 2, 1));
}

#[test]
fn names_that_may_be_classes_or_pictures_are_not_thrown_away() {
    let dir = folder_of(&["Recycled/a.jpg", "Recycled/CVS", "dogs/cover.lrdata", "dogs/desktop.ini"]);
    let folder = Folder::scan(dir.path()).unwrap();
    assert_eq!((folder.classes.len(), folder.files.len(), folder.passed.len()), (2, 4, 0));
}

#[test]
fn files_of_systems_are_nothing_to_worry_about() {
    let dir = folder_of(&["cats/a.jpg", "dogs/a.jpg"]);
    put(dir.path(), "cats/Thumbs.db", b"\xd0\xcf\x11\xe0");
    put(dir.path(), "desktop.ini", b"[.ShellClassInfo]");
    put(dir.path(), "notes.txt", b"mine");
    let folder = Folder::scan(dir.path()).unwrap();
    let usual: Vec<_> = folder.passed.iter().map(|file| file.reason.is_usual()).collect();
    assert_eq!(usual, [true, true, false], "{:?}", passed(&folder));
}

#[test]
fn what_lies_beside_a_folder_of_the_same_name_is_named() {
    let dir = folder_of(&["pets/pets/cats/a.jpg", "pets/pets/dogs/a.jpg", "pets/beside.jpg"]);
    put(dir.path(), "pets/docs/a.txt", b"words");
    put(dir.path(), "pets/__MACOSX/._a.jpg", b"\0\x05\x16\x07");
    let pets = dir.path().join("pets");
    let folder = Folder::scan(&pets).unwrap();
    assert_eq!(folder.root, pets.join("pets"));
    let what = "it holds no pictures: 1 × a text file, not a picture";
    assert_eq!(
        passed_folders(&folder),
        ["../__MACOSX: what macOS adds to archives".to_string(), format!("../docs: {what}")]
    );
    let files: Vec<_> = folder.passed.iter().map(|file| file.path.to_str().unwrap()).collect();
    assert_eq!(files, ["../__MACOSX/._a.jpg", "../beside.jpg", "../docs/a.txt"]);
    assert!(files.iter().all(|file| folder.root.join(file).is_file()));
    // Pictures in another folder are another class.
    put(dir.path(), "pets/dogs/a.jpg", &fs::read(pets.join("beside.jpg")).unwrap());
    assert_eq!(Folder::scan(&pets).unwrap().classes, ["dogs", "pets"]);
}

#[test]
fn sets_are_known_by_a_word_of_their_names_and_one_folder_further_in() {
    let refused = |files: &[&str], training: &str, test: &str| {
        let dir = folder_of(files);
        let path = |name: &str| dir.path().join(name);
        let why = Folder::scan(dir.path()).unwrap_err();
        assert_eq!(
            why.remedy,
            Some(Remedy::OneOfSets { training: path(training), test: path(test) }),
            "{why}"
        );
    };
    refused(&["seg_train/seg_train/a/1.jpg", "seg_test/seg_test/a/1.jpg"], "seg_train", "seg_test");
    refused(&["data/train/cats/1.jpg", "data/valid/cats/1.jpg"], "data/train", "data/valid");
    let dir = folder_of(&["train_station/1.jpg", "bus_stop/1.jpg"]);
    assert_eq!(Folder::scan(dir.path()).unwrap().classes, ["bus_stop", "train_station"]);
}
