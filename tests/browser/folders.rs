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
    let page = Page::open(&browser, &studio.address, &small(1).replace("&test_dir=test", ""));
    // On the way to another folder nothing is filled in.
    page.type_into("#field-train_dir", "pets");
    page.says("#error-train_dir", "pets holds a training set and a test set, not classes");
    page.says("#error-train_dir", "Leave the field, or press Enter, to fill in both.");
    assert_eq!(page.js("document.querySelector('#field-train_dir').value"), "pets");
    page.press("Tab");
    for (field, path) in [("train_dir", "pets/train"), ("test_dir", "pets/val")] {
        page.wait(&format!("document.querySelector('#field-{field}').value == '{path}'"));
    }
    page.says("#fields", "Filled in: pets holds a training set and a test set.");
    page.says("#fields", "Folders left out: __MACOSX (what macOS adds to archives), notes (it is empty)");
    page.says("#fields", "2 files left out, 11 usable");
    page.says("#fields", "pets/train holds 1 copy, such as cats/copy.png of cats/0.png");
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
    // A folder that was chosen stays.
    page.fill("#field-test_dir", "test");
    page.says(".field:has(#field-test_dir)", "every file can be read");
    page.fill("#field-train_dir", "pets");
    page.press("Tab");
    page.says(
        "#fields",
        "Filled in: pets holds a training set and a test set. The test folder stays as it was.",
    );
    let dirs = "['train', 'test'].map((name) => document.querySelector(`#field-${name}_dir`).value).join()";
    assert_eq!(page.js(dirs), "pets/train,test");
    page.fill("#field-test_dir", "pets/val");
    // Whoever types on has the last word.
    page.type_into("#field-train_dir", "train");
    page.wait("document.querySelector('#command').innerText.includes('--train-dir train')");
    assert_eq!(page.js("document.querySelector('#field-test_dir').value"), "pets/val");
    page.is_content();
}

#[test]
fn both_sets_are_filled_in_from_the_address() {
    let studio = Studio::new();
    studio.place.bash("mkdir pets && mv train pets/train && mv test pets/val").succeeds();
    let browser = browser();
    let address = small(1).replace("_dir=train", "_dir=pets").replace("&test_dir=test", "&test_dir=pets");
    let page = Page::open(&browser, &studio.address, &address);
    for (field, path) in [("train_dir", "pets/train"), ("test_dir", "pets/val")] {
        page.wait(&format!("document.querySelector('#field-{field}').value == '{path}'"));
    }
    page.says("#fields", "Filled in: pets holds");
    page.wait("!document.querySelector('#start').disabled");
    // That is said no more of another configuration.
    page.js("void (location.hash = '#train?train_dir=pets/val&test_dir=pets/train&image_size=8')");
    page.says("#command", "--train-dir pets/val");
    page.wait("!document.querySelector('#fields').innerText.includes('Filled in')");
    page.is_content();
}
