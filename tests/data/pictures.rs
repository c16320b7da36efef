//! Whole folders of pictures, and the batches of an epoch.

use crate::{folder_of, gray_png, put};
use pawgrad::data::{Color, Folder, Pictures, Raster, Skip, Skipped, epoch_order};
use pawgrad::error::ErrorKind;
use std::path::PathBuf;
use std::sync::Mutex;
use tempfile::TempDir;

fn load(dir: &TempDir) -> pawgrad::error::Result<Pictures> {
    Pictures::load(&Folder::scan(dir.path())?, 2, &|_, _| true)
}

/// Two classes of flat pictures, with their gray value as name, and bad files between them.
fn mixed() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for gray in [10, 30, 50] {
        put(dir.path(), &format!("cats/{gray}.png"), &gray_png(&[gray; 4], 2, 2));
        put(dir.path(), &format!("dogs/1{gray}.png"), &gray_png(&[gray + 100; 4], 2, 2));
    }
    put(dir.path(), "cats/00.jpg", b"");
    put(dir.path(), "cats/20.jpg", b"words");
    put(dir.path(), "dogs/999.jpg", b"\xff\xd8\xff");
    dir
}

#[test]
fn good_pictures_close_up_and_bad_ones_are_listed() {
    let pictures = load(&mixed()).unwrap();
    assert_eq!((pictures.len(), pictures.raster), (6, Raster { size: 2, color: Color::Gray }));
    assert_eq!(pictures.classes, ["cats", "dogs"]);
    assert_eq!(pictures.labels, [0, 0, 0, 1, 1, 1]);
    assert_eq!(pictures.pixels, [10, 30, 50, 110, 130, 150].map(|gray| [gray; 4]).concat());
    assert_eq!(pictures.paths[3], PathBuf::from("dogs/110.png"));
    let skipped = |path: &str, reason| Skipped { path: PathBuf::from(path), reason };
    let expected = [
        skipped("cats/00.jpg", Skip::Empty),
        skipped("cats/20.jpg", Skip::OtherKind("a text file, not a picture".to_string())),
        skipped("dogs/999.jpg", Skip::Truncated),
    ];
    assert_eq!(pictures.skipped, expected);
    assert_eq!(
        pictures.skipped[2].to_string(),
        "dogs/999.jpg: truncated: the file ends before the picture does"
    );
}

#[test]
fn names_may_hold_newlines_and_any_letter() {
    let dir = folder_of(&["cats/new\nline.png", "cats/<script>.png", "dogs/Öl ネコ.png"]);
    put(dir.path(), "dogs/bad\n\u{1b}[31m.png", b"");
    let pictures = load(&dir).unwrap();
    let paths = ["cats/<script>.png", "cats/new\nline.png", "dogs/Öl ネコ.png"].map(PathBuf::from);
    assert_eq!(pictures.paths, paths);
    assert_eq!(pictures.skipped[0].to_string(), "dogs/bad\\n\\u001b[31m.png: empty file");
}

#[test]
fn a_class_without_a_good_picture_is_an_error() {
    let dir = folder_of(&["cats/a.png"]);
    put(dir.path(), "dogs/a.png", b"\xff\xd8\xff");
    put(dir.path(), "dogs/b.png", b"GIF89a");
    put(dir.path(), "dogs/c.png", b"words");
    let error = load(&dir).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Data);
    for part in ["none of the 3 files", "dogs could be decoded", "dogs/a.png: truncated", "dogs/b.png: "] {
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn progress_counts_every_file_and_threads_change_nothing() {
    let dir = mixed();
    let folder = Folder::scan(dir.path()).unwrap();
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let calls = Mutex::new(Vec::new());
        let progress = |done, total| {
            calls.lock().unwrap().push((done, total));
            true
        };
        let pictures = pool.install(|| Pictures::load(&folder, 8, &progress)).unwrap();
        let mut calls = calls.into_inner().unwrap();
        calls.sort();
        assert_eq!(calls, (1..=7).map(|done| (done, 7)).collect::<Vec<_>>());
        pictures
    };
    assert_eq!(with_threads(1), with_threads(4));
}

#[test]
fn an_epochs_order_depends_on_seed_and_epoch_alone() {
    assert_eq!(epoch_order(5, 1, 1, false), [0, 1, 2, 3, 4]);
    assert!(epoch_order(0, 1, 1, true).is_empty());
    let order = epoch_order(1000, 42, 3, true);
    assert_eq!(order, epoch_order(1000, 42, 3, true));
    assert_ne!(order, epoch_order(1000, 42, 4, true));
    assert_ne!(order, epoch_order(1000, 43, 3, true));
    let mut sorted = order.clone();
    sorted.sort();
    assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
    // A saved run goes on only if these never change: not with a version, not with a platform.
    assert_eq!(epoch_order(10, 42, 1, true), [9, 8, 7, 2, 1, 0, 5, 4, 6, 3]);
}

#[test]
fn batches_cover_an_epoch_and_the_last_may_be_smaller() {
    let pictures = load(&mixed()).unwrap();
    let batches: Vec<_> = [5, 0, 3, 1, 4, 2].chunks(4).map(|indices| pictures.gather(indices)).collect();
    assert_eq!(batches[0].pixels, [150, 10, 110, 30].map(|gray| [gray; 4]).concat());
    assert_eq!(batches[0].labels, [1, 0, 1, 0]);
    assert_eq!(batches[1].pixels, [130, 50].map(|gray| [gray; 4]).concat());
    assert_eq!(batches[1].labels, [1, 0]);
}
