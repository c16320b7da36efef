//! Folders as they come, in the form.

use crate::common::studio::Studio;
use crate::page::{Page, browser};
use crate::small;
use std::fs;

#[test]
fn the_form_says_what_is_left_out_and_fills_in_both_sets() {
    let studio = Studio::new();
    let place = &studio.place;
    // A folder of both sets; one is messy, and shares a picture with the other.
    place.bash("mkdir pets && cp -r train pets/train && cp -r test pets/val").succeeds();
    place
        .bash("mkdir pets/train/__MACOSX pets/train/notes && cp train/cats/0.png pets/train/cats/copy.png")
        .succeeds();
    fs::write(place.path("pets/train/cats/photo.heic"), b"\0\0\0\x18ftypheic").unwrap();
    fs::write(place.path("pets/train/cats/empty.jpg"), b"").unwrap();

    let browser = browser();
    let page = Page::open(&browser, &studio.address, &small(1));
    page.fill("#field-train_dir", "pets");
    for (field, path) in [("train_dir", "pets/train"), ("test_dir", "pets/val")] {
        page.wait(&format!("document.querySelector('#field-{field}').value == '{path}'"));
    }
    page.says("#fields", "Filled in: pets holds a training set and a test set.");
    page.says("#fields", "Folders left out: __MACOSX (what macOS adds to archives), notes (it is empty)");
    page.says("#fields", "2 files left out, 11 usable");
    page.says("#fields", "pets/train has 1 picture more than once");
    page.click("details.skipped summary");
    page.says("#fields", "1 × a HEIC photo: save it as a JPEG or PNG");
    // The two folders are compared as well.
    page.fill("#field-test_dir", "./train");
    page.says(".field:has(#field-test_dir)", "./train shares 10 pictures with pets/train");
    page.fill("#field-test_dir", "pets/train");
    page.says(".field:has(#field-test_dir)", "pets/train is given twice");
    page.fill("#field-train_dir", "train");
    page.says(".field:has(#field-test_dir)", "pets/train shares 11 pictures with train");
    page.fill("#field-train_dir", "pets/train");
    page.fill("#field-test_dir", "pets/val");
    page.wait("!document.querySelector('#fields').innerText.includes('shares')");
    page.says(".field:has(#field-test_dir)", "every file can be read");
    page.screenshot("15-folders");
    // Whoever types on has the last word.
    page.fill("#field-train_dir", "train");
    page.wait("document.querySelector('#command').innerText.includes('--train-dir train')");
    assert_eq!(page.js("document.querySelector('#field-test_dir').value"), "pets/val");
    page.is_content();
}
