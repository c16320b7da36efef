//! Decoded pictures on disk: the same as decoding, or not used at all.

use crate::{gray_png, put};
use pawgrad::data::{Cache, Folder, Pictures};
use pawgrad::error::ErrorKind;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// Pictures, among them two that are skipped, and a cache beside them.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { dir: tempfile::tempdir().unwrap() };
        for gray in [10, 30, 50] {
            place.put(&format!("cats/{gray}.png"), &gray_png(&[gray; 4], 2, 2));
            place.put(&format!("dogs/{gray}.png"), &gray_png(&[gray + 100; 4], 2, 2));
        }
        place.put("cats/20.jpg", b"\xff\xd8\xff");
        place.put("dogs/00.jpg", b"\x89PNG\r\n\x1a\n");
        place
    }

    fn put(&self, file: &str, content: &[u8]) -> PathBuf {
        put(&self.dir.path().join("pictures"), file, content)
    }

    /// The pictures, and how many files were decoded for them.
    fn load(&self, size: usize, most: u64) -> (Pictures, usize) {
        let folder = Folder::scan(&self.dir.path().join("pictures")).unwrap();
        let decoded = Mutex::new(BTreeSet::new());
        let progress = |done, _| {
            decoded.lock().unwrap().insert(done);
            true
        };
        let cached = Cache::new(&self.dir.path().join("cache"), most).load(&folder, size, &progress).unwrap();
        assert_eq!(cached, Pictures::load(&folder, size, &|_, _| true).unwrap());
        // While files are compared with the cache, none is decoded.
        (cached, decoded.into_inner().unwrap().range(1..).count())
    }

    fn cached(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path().join("cache")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

const ROOM: u64 = 1 << 20;

/// Somebody who wants the pictures no more is heard before the next file, whatever is being done.
#[test]
fn who_says_no_is_heard_at_every_file() {
    let place = Place::new();
    let folder = Folder::scan(&place.dir.path().join("pictures")).unwrap();
    let cache = Cache::new(&place.dir.path().join("cache"), ROOM);
    for heard_at in 1..=32 {
        let calls = AtomicUsize::new(0);
        let asked = |_, _| calls.fetch_add(1, Ordering::Relaxed) + 1 < heard_at;
        let why = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap()
            .install(|| cache.load(&folder, 2, &asked).err().map(|why| why.kind));
        let calls = calls.into_inner();
        match heard_at {
            // Files are read, decoded, and read again: by then all pictures are there. They are hashed and written, part by part.
            ..=16 => assert_eq!((why, calls), (Some(ErrorKind::Interrupted), heard_at)),
            _ => assert_eq!((why, calls), (None, heard_at)),
        }
        assert_eq!(fs::read_dir(place.dir.path().join("cache")).map_or(0, Iterator::count), 0);
    }
    // Nor is a file of the cache read on.
    cache.load(&folder, 2, &|_, _| true).unwrap();
    let calls = AtomicUsize::new(0);
    let asked = |_, _| calls.fetch_add(1, Ordering::Relaxed) < 10;
    assert_eq!(cache.load(&folder, 2, &asked).map_err(|why| why.kind), Err(ErrorKind::Interrupted));
}

#[test]
fn what_was_decoded_once_is_read_the_next_time() {
    let place = Place::new();
    let (first, decoded) = place.load(2, ROOM);
    assert_eq!((first.len(), first.skipped.len(), decoded), (6, 2, 8));
    assert_eq!(place.load(2, ROOM), (first, 0));
}

#[test]
fn whatever_changes_is_decoded_again() {
    let place = Place::new();
    place.load(2, ROOM);
    assert_eq!(place.load(3, ROOM).1, 8, "another size");
    assert_eq!(place.load(2, ROOM).1, 0);
    place.put("cats/10.png", &gray_png(&[11; 4], 2, 2));
    let (changed, decoded) = place.load(2, ROOM);
    assert_eq!((changed.pixels[0], decoded), (11, 8), "another content");
    place.put("dogs/00.jpg", &gray_png(&[90; 4], 2, 2));
    assert_eq!(place.load(2, ROOM).0.len(), 7, "a bad file that became good");
    fs::rename(
        place.put("cats/x.png", &gray_png(&[1; 4], 2, 2)),
        place.dir.path().join("pictures/dogs/x.png"),
    )
    .unwrap();
    let (moved, decoded) = place.load(2, ROOM);
    assert_eq!((moved.labels.last(), decoded), (Some(&1), 9), "another class");
    fs::rename(place.dir.path().join("pictures/dogs/x.png"), place.dir.path().join("pictures/cats/x.png"))
        .unwrap();
    assert_eq!(place.load(2, ROOM).1, 9, "the same contents in another place");
}

#[test]
fn a_damaged_cache_is_not_believed() {
    let place = Place::new();
    place.load(2, ROOM);
    let [path] = &place.cached()[..] else { panic!("one file") };
    let whole = fs::read(path).unwrap();
    for at in [0, 33, 41, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(path, damaged).unwrap();
        assert_eq!(place.load(2, ROOM).1, 8, "a flipped bit in byte {at}");
        assert_eq!(fs::read(path).unwrap(), whole, "and it is mended");
    }
    for len in [0, 20, 39, 45, whole.len() - 1] {
        fs::write(path, &whole[..len]).unwrap();
        assert_eq!(place.load(2, ROOM).1, 8, "the first {len} bytes");
    }
    // A whole one in the place of another is as wrong.
    place.load(3, ROOM);
    for other in place.cached().iter().filter(|other| *other != path) {
        fs::copy(path, other).unwrap();
    }
    assert_eq!(place.load(3, ROOM).1, 8, "a copy of another");
}

#[test]
fn the_cache_stays_small_and_keeps_what_was_used_last() {
    let place = Place::new();
    place.load(8, ROOM);
    let one = fs::metadata(&place.cached()[0]).unwrap().len();
    let two = 2 * one + one / 8;
    let pause = || std::thread::sleep(std::time::Duration::from_millis(20));
    pause();
    place.load(7, two);
    pause();
    assert_eq!(place.load(8, two).1, 0, "used again");
    pause();
    place.load(6, two);
    assert_eq!(place.cached().len(), 2);
    assert_eq!((place.load(8, two).1, place.load(6, two).1), (0, 0), "size 7 went");
    let (_, decoded) = place.load(5, one / 4);
    assert_eq!((decoded, place.cached().len()), (8, 2), "what is larger than the whole cache is not kept");
}

#[test]
fn what_could_not_be_read_is_tried_again() {
    let place = Place::new();
    let file = place.put("cats/gone.png", &gray_png(&[1; 4], 2, 2));
    let folder = Folder::scan(&place.dir.path().join("pictures")).unwrap();
    fs::remove_file(&file).unwrap();
    let cache = Cache::new(&place.dir.path().join("cache"), ROOM);
    let load = || cache.load(&folder, 2, &|_, _| true).unwrap();
    let unreadable =
        load().skipped.into_iter().filter(|file| file.reason.to_string().starts_with("cannot be read"));
    assert_eq!(unreadable.count(), 1);
    assert!(!place.dir.path().join("cache").exists(), "nothing was kept");
    fs::write(&file, gray_png(&[1; 4], 2, 2)).unwrap();
    assert_eq!(load().len(), 7);
}

#[test]
fn a_cache_that_cannot_be_written_costs_only_time() {
    let place = Place::new();
    fs::write(place.dir.path().join("cache"), "a file where the folder should be").unwrap();
    assert_eq!(place.load(2, ROOM).1, 8);
    assert_eq!(place.load(2, ROOM).1, 8);
}

/// Where the file of the cache should be there is a folder, a pipe that nobody writes to, or a file of a terabyte.
#[cfg(unix)]
#[test]
fn what_is_no_file_of_the_cache_is_left_alone() {
    let place = Place::new();
    place.load(2, ROOM);
    let [path] = &place.cached()[..] else { panic!("one file") };
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
    assert_eq!(place.load(2, ROOM).1, 8, "a folder");
    assert_eq!(place.load(3, ROOM).1, 8, "others are kept beside it");
    assert_eq!(place.load(3, ROOM).1, 0);
    fs::remove_dir(path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    assert_eq!(place.load(2, ROOM).1, 8, "a pipe");
    let _ = fs::remove_file(path);
    fs::File::create(path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(place.load(2, ROOM).1, 8, "a terabyte");
    assert_eq!(place.load(2, ROOM).1, 0, "and it is mended");
}
