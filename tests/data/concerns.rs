//! What is said of pictures that can all be read.

use crate::{gray_png, put};
use pawgrad::data::{Concern, Folder, Pictures, concerns};
use std::path::Path;
use tempfile::TempDir;

/// A folder of gray pictures, each with its level.
fn drawn(files: &[(&str, u8)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, level) in files {
        put(dir.path(), file, &gray_png(&[*level, 1, 2, 3], 2, 2));
    }
    dir
}

fn of(dirs: &[&Path]) -> Vec<Concern> {
    let sets: Vec<_> = dirs
        .iter()
        .map(|dir| {
            let folder = Folder::scan(dir).unwrap();
            let pictures = Pictures::load(&folder, 2, &|_, _| true).unwrap();
            (folder, pictures)
        })
        .collect();
    concerns(&sets.iter().map(|(folder, pictures)| (folder, pictures)).collect::<Vec<_>>())
}

fn text(dir: &Path) -> String {
    dir.to_str().unwrap().to_string()
}

#[test]
fn nothing_is_said_of_pictures_that_all_differ() {
    let training = drawn(&[("cats/a.png", 1), ("cats/b.png", 2), ("dogs/a.png", 3)]);
    let test = drawn(&[("cats/a.png", 4), ("dogs/a.png", 5)]);
    assert_eq!(of(&[training.path(), test.path()]), []);
}

#[test]
fn the_same_folder_twice_is_noticed_whatever_its_path() {
    let dir = drawn(&[("cats/a.png", 1), ("dogs/a.png", 2), ("dogs/b.png", 2)]);
    let same = dir.path().join("cats/..");
    let found = of(&[dir.path(), &same]);
    let copies = Concern::Copies {
        pictures: 1,
        folder: text(dir.path()),
        example: ["dogs/a.png".to_string(), "dogs/b.png".to_string()],
    };
    assert_eq!(found, [Concern::SameFolder { folder: text(&same) }, copies]);
}

#[test]
fn pictures_of_both_folders_are_counted_whatever_their_names() {
    let training = drawn(&[("cats/a.png", 1), ("cats/b.png", 2), ("dogs/a.png", 3), ("dogs/b.png", 4)]);
    let test = drawn(&[("cats/x.png", 2), ("cats/y.png", 5), ("dogs/x.png", 3), ("dogs/y.png", 6)]);
    let found = of(&[training.path(), test.path()]);
    assert_eq!(
        found,
        [Concern::Shared {
            pictures: 2,
            folder: text(test.path()),
            other: text(training.path()),
            example: ["cats/x.png".to_string(), "cats/b.png".to_string()],
        }]
    );
    let said = found[0].to_string();
    assert!(said.starts_with(&format!("{} shares 2 pictures with ", text(test.path()))), "{said}");
    assert!(said.contains("cats/x.png (there cats/b.png)"), "{said}");
}

#[test]
fn a_picture_in_two_classes_and_copies_are_noticed() {
    let dir = drawn(&[
        ("cats/a.png", 1),
        ("cats/b.png", 1),
        ("cats/c.png", 2),
        ("dogs/a.png", 1),
        ("dogs/b.png", 3),
        ("dogs/c.png", 4),
    ]);
    let example = |other: &str| ["cats/a.png".to_string(), other.to_string()];
    let folder = text(dir.path());
    assert_eq!(
        of(&[dir.path()]),
        [
            Concern::TwoClasses { pictures: 1, folder: folder.clone(), example: example("dogs/a.png") },
            Concern::Copies { pictures: 1, folder, example: example("cats/b.png") },
        ]
    );
}

#[test]
fn one_class_of_three_in_four_and_folders_that_look_like_classes_are_noticed() {
    let uneven = drawn(&[("cats/a.png", 1), ("cats/b.png", 2), ("cats/c.png", 3), ("dogs/a.png", 4)]);
    let said = of(&[uneven.path()]);
    let wanted = Concern::Uneven { folder: text(uneven.path()), class: "cats".to_string(), share: 0.75 };
    assert_eq!(said, [wanted]);
    assert!(said[0].to_string().starts_with("75.0 % of the pictures of "));

    let nested =
        [("fold1/cats/a.png", 1), ("fold1/dogs/a.png", 2), ("fold2/cats/a.png", 3), ("fold2/dogs/a.png", 4)];
    let strings = |names: [&str; 2]| names.map(str::to_string).to_vec();
    let dir = drawn(&nested);
    let (classes, folders) = (strings(["fold1", "fold2"]), strings(["cats", "dogs"]));
    assert_eq!(of(&[dir.path()]), [Concern::SameFolders { folder: text(dir.path()), classes, folders }]);
    // A picture beside them shows that they are none.
    let dir = drawn(&[&nested[..], &[("fold1/x.png", 5)]].concat());
    assert_eq!(of(&[dir.path()]), []);
}
