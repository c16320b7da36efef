//! Folders as they come from systems, archives and editors: whoever looks at one reports the same, and every file is counted.

use crate::common::program::{Place, Said};
use crate::common::studio::Studio;
use image::{GrayImage, ImageFormat};
use serde_json::{Value, json};
use std::fs;
use std::io::Cursor;
use std::path::Path;

/// A picture that is like no other with another number.
fn picture(number: u32) -> GrayImage {
    GrayImage::from_fn(12, 12, |x, y| image::Luma([(number * 37 + x * 5 + y * 11) as u8]))
}

fn jpeg(number: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture(number).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

fn put(place: &Place, name: &str, bytes: &[u8]) {
    let path = place.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Everything that is no folder, or a link to one.
fn files_in(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match (path.is_symlink(), path.is_dir()) {
            (true, true) => 0,
            (false, true) => files_in(&path),
            _ => 1,
        })
        .sum()
}

/// A training folder with everything at once; 18 of its files are pictures of cats and dogs.
fn messy() -> Place {
    let place = Place::new();
    fs::remove_dir_all(place.path("train")).unwrap();
    for (index, name) in ["0.jpg", "1.JPG", "2.jfif", "3.jpe", "4.pjpeg", "5", "6.JPG_large", "deep/er/7.txt"]
        .iter()
        .enumerate()
    {
        put(&place, &format!("train/cats/{name}"), &jpeg(index as u32));
    }
    for index in 0..10 {
        put(&place, &format!("train/dogs/{index}.jpg"), &jpeg(20 + index));
    }
    for class in ["cats", "dogs"] {
        put(&place, &format!("train/{class}/@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg"), &jpeg(0));
        put(&place, &format!("train/{class}/.DS_Store"), b"\0\0\0\x01Bud1");
    }
    put(&place, "train/__MACOSX/cats/._0.jpg", b"\0\x05\x16\x07\0\x02");
    fs::create_dir(place.path("train/notes")).unwrap();
    put(&place, "train/labels/0.txt", b"0 0.5 0.5");
    put(&place, "train/beside.jpg", &jpeg(50));
    put(&place, "train/Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    put(&place, "train/cats/8.heic", b"\0\0\0\x18ftypheic");
    put(&place, "train/cats/9.tiff", b"II*\0\x08\0\0\0");
    put(&place, "train/cats/page.jpg", b"<!DOCTYPE html><html></html>");
    put(&place, "train/cats/empty.png", b"");
    put(&place, "train/dogs/cut.jpg", &jpeg(60)[..200]);
    put(&place, "train/dogs/\u{1b}[2J\n.jpg", b"no picture at all");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", place.path("train/dogs/broken.jpg")).unwrap();
        std::os::unix::fs::symlink("..", place.path("train/dogs/loop")).unwrap();
        assert!(
            std::process::Command::new("mkfifo")
                .arg(place.path("train/dogs/pipe.jpg"))
                .status()
                .unwrap()
                .success()
        );
    }
    place
}

#[test]
fn all_who_look_at_a_folder_report_the_same_and_count_every_file() {
    let place = messy();
    let on_disk = files_in(&place.path("train"));
    let checked = place.run("dataset check train --json");
    assert_eq!(checked.code, 3, "{}", checked.stderr);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
    let found = &checked["folders"][0];
    assert_eq!((&found["files"], &found["usable"]), (&json!(on_disk), &json!(18)));
    let skipped = found["skipped"].as_array().unwrap().clone();
    assert_eq!(skipped.len(), on_disk - 18);
    let reasons: Vec<_> = found["reasons"].as_array().unwrap().iter().collect();
    let counted: u64 = reasons.iter().map(|reason| reason["files"].as_u64().unwrap()).sum();
    assert_eq!(counted as usize, skipped.len());
    for (reason, files) in [
        ("thumbnails of a Synology NAS", 2),
        ("hidden", 2),
        ("what macOS adds to archives", 1),
        ("lies beside the class folders, so it has no class", 1),
        ("a HEIC photo: save it as a JPEG or PNG", 1),
        ("a TIFF picture, or a camera's raw photo: save it as a JPEG or PNG", 1),
        ("a web page, not a picture", 1),
        ("empty file", 1),
        ("truncated", 1),
        ("a text file, not a picture", 2),
    ] {
        assert!(reasons.contains(&&json!({"reason": reason, "files": files})), "{reason}: {reasons:?}");
    }
    let folders: Vec<_> = found["passed_folders"]
        .as_array()
        .unwrap()
        .iter()
        .map(|folder| folder["path"].as_str().unwrap())
        .collect();
    assert_eq!(folders, ["__MACOSX", "dogs/loop", "labels", "notes"]);

    // Training, with the whole list in its folder.
    let trained = place.train("--out run");
    let passed = format!("Passed over {} of {on_disk} files", skipped.len());
    for said in [
        "Found 18 pictures in train: cats 8, dogs 10",
        &passed,
        "All files that were passed over: run/skipped.csv",
    ] {
        assert!(trained.succeeds().stderr.contains(said), "no {said} in {}", trained.stderr);
    }
    assert!(
        !trained.stderr.contains('\u{1b}') && trained.stderr.contains("\\u001b[2J\\n.jpg"),
        "{}",
        trained.stderr
    );
    let mut table = csv::Reader::from_path(place.path("run/skipped.csv")).unwrap();
    let rows: Vec<(String, String)> = table.deserialize().collect::<Result<_, _>>().unwrap();
    let listed = |file: &Value| {
        let text = |name: &str| file[name].as_str().unwrap().to_string();
        (format!("train/{}", text("path")), text("reason"))
    };
    assert_eq!(rows, skipped.iter().map(listed).collect::<Vec<_>>());

    // Evaluation.
    let evaluated = place.run("evaluate --device cpu --model run/model.safetensors --test-dir train");
    assert!(evaluated.succeeds().stdout.contains("18 pictures"), "{}", evaluated.stdout);
    assert!(evaluated.stderr.contains(&passed), "{}", evaluated.stderr);

    // Predictions: what lies beside the classes is a picture as well, and what is damaged is said.
    let predicted = place.run("predict --device cpu --model run/model.safetensors --json train");
    predicted.fails(3, &["cut.jpg: truncated"]);
    assert_eq!(predicted.stdout.lines().count(), 19);
    let passed = format!("Passed over {} of {on_disk} files", on_disk - 19);
    assert!(predicted.stderr.contains(&passed), "no {passed} in {}", predicted.stderr);
    let folder = "Passed over 1 folder: train/dogs/loop (a link, which is not followed)";
    assert!(predicted.stderr.contains(folder), "{}", predicted.stderr);

    // The page.
    let studio = Studio::at(place, "");
    let opened = studio.post("/api/folders", json!({"path": "train"})).json();
    assert_eq!(opened["passed_folders"], found["passed_folders"]);
    assert_eq!(opened["total"], json!(19), "{opened}");
    let report =
        studio.post(&format!("/api/folders/{}/check", opened["folder"]), json!({"image_size": 64})).json();
    for name in ["files", "usable", "classes", "skipped", "reasons", "passed_folders"] {
        assert_eq!(report[name], found[name], "{name}");
    }
}

#[test]
fn the_page_compares_its_two_folders() {
    let place = Place::new();
    place
        .bash("cp train/cats/0.png test/cats/copy.png && cp train/dogs/0.png train/dogs/copy.png")
        .succeeds();
    let studio = Studio::at(place, "");
    let open = |path: &str| studio.post("/api/folders", json!({"path": path})).json()["folder"].clone();
    let concerns = |folder: &Value, beside: Value| {
        let asked = json!({"image_size": 16, "beside": beside});
        studio.post(&format!("/api/folders/{folder}/check"), asked).json()["concerns"].to_string()
    };
    let (training, test) = (open("train"), open("test"));
    assert_eq!(concerns(&test, Value::Null), "[]");
    let said = concerns(&test, training.clone());
    assert!(said.contains("test shares 1 picture with train"), "{said}");
    assert!(!said.contains("more than once"), "that is said of the training folder: {said}");
    for path in ["train", "./train"] {
        let said = concerns(&open(path), training.clone());
        assert!(said.contains("train is given twice"), "{said}");
    }
    let asked = json!({"image_size": 16, "beside": 999});
    assert_eq!(studio.post(&format!("/api/folders/{test}/check"), asked).status, 404);
}

#[test]
fn the_folder_of_both_sets_is_refused_with_what_to_use() {
    let place = Place::new();
    fs::create_dir(place.path("my data")).unwrap();
    fs::rename(place.path("train"), place.path("my data/train")).unwrap();
    fs::rename(place.path("test"), place.path("my data/val")).unwrap();
    let mut command = place.command("train --out run --train-dir");
    let said = Said::of(command.arg("my data").output().unwrap());
    said.fails(3, &["pawgrad train --train-dir 'my data/train' --test-dir 'my data/val' --out run\n"]);
    // The page fills in both.
    let studio = Studio::at(place, "");
    let answer = studio.post("/api/folders", json!({"path": "my data"})).json();
    assert_eq!(answer["sets"], json!({"training": "my data/train", "test": "my data/val"}));
}

#[test]
fn what_is_odd_is_reported_before_training_and_a_model_that_guesses_after_it() {
    let place = Place::new();
    for (set, cats, dogs) in [("train", 40, 2), ("test", 20, 2)] {
        for class in ["cats", "dogs"] {
            fs::remove_dir_all(place.path(&format!("{set}/{class}"))).unwrap();
        }
        let first = if set == "train" { 0 } else { 60 };
        for index in 0..cats {
            place.picture(&format!("{set}/cats/{index}.png"), &picture(first + index));
        }
        for index in 0..dogs {
            place.picture(&format!("{set}/dogs/{index}.png"), &picture(first + 50 + index));
        }
    }
    // Eight of the test pictures are training pictures as well.
    for index in 0..8 {
        place.picture(&format!("test/cats/{index}.png"), &picture(index));
    }
    let trained = place.train("--out runs/run --learning-rate 0.0001");
    let said = &trained.succeeds().stderr;
    let (before, _) = said.split_once("Epoch 1/2").unwrap();
    for words in [
        "Found 42 pictures in train: cats 40, dogs 2",
        "Found 22 pictures in test: cats 20, dogs 2",
        "Note: test shares 8 pictures with train",
        "Note: 95.2 % of the pictures of train are cats",
    ] {
        assert!(before.contains(words), "no {words} in {before}");
    }
    // It is part of the result, which is all that a quiet run says.
    let verdict = "The model answers cats for every picture; guessing would get 90.9 % (always cats)";
    let quiet = place.train("--out quiet --learning-rate 0.0001 -q");
    for said in [&trained, &quiet] {
        let result = said.succeeds().stdout.lines().take(2).collect::<Vec<_>>();
        assert!(result[0].starts_with("Test accuracy: 90.9 %") && result[1] == verdict, "{result:?}");
    }
    let evaluate = "evaluate --device cpu --model runs/run/model.safetensors --test-dir test";
    let evaluated = place.run(evaluate);
    assert!(evaluated.stdout.contains("guessing would get 90.9 %"), "{}", evaluated.stdout);
    let evaluated: Value = serde_json::from_str(&place.run(&format!("{evaluate} --json")).stdout).unwrap();
    assert_eq!(evaluated["verdict"], verdict);
    // The page says it of a past run, and of one that it has watched.
    let studio = Studio::at(place, "");
    assert_eq!(studio.json("/api/runs/run")["verdict"], verdict);
    let mut settings = studio.settings(2);
    settings["learning_rate"] = json!(0.0001);
    settings["seed"] = json!(1);
    assert_eq!(studio.post("/api/train", settings).status, 202);
    assert_eq!(studio.wait_for("end")["verdict"], verdict);
    assert!(studio.events().iter().any(|event| event["type"] == "message" && event["text"] == verdict));
    let said = studio
        .place
        .run("train --train-dir train --test-dir train --image-size 8 --epochs 1 --device cpu --out same");
    assert!(said.succeeds().stderr.contains("Note: train is given twice"), "{}", said.stderr);
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf_8_give_different_paths() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    for (index, name) in [&b"\xff.png"[..], b"\xfe.png", br"\xff.png"].iter().enumerate() {
        let path = place.path("train/cats").join(OsStr::from_bytes(name));
        picture(index as u32).save_with_format(path, ImageFormat::Png).unwrap();
    }
    place.train("--out run").succeeds();
    let predicted = place.run("predict --device cpu --model run/model.safetensors --json train/cats");
    let paths = predicted.succeeds().stdout.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["path"].as_str().unwrap().to_string()
    });
    let mut paths: Vec<_> = paths.filter(|path| path.contains('\\')).collect();
    paths.sort();
    assert_eq!(paths, [r"train/cats/\\xff.png", r"train/cats/\xfe.png", r"train/cats/\xff.png"]);
    // Nor does the page stumble over one that is damaged.
    fs::write(place.path("train/cats").join(OsStr::from_bytes(b"\xfd.png")), b"\x89PNG\r\n\x1a\n").unwrap();
    let studio = Studio::at(place, "");
    let folder = studio.post("/api/folders", json!({"path": "train"})).json()["folder"].clone();
    let report = studio.post(&format!("/api/folders/{folder}/check"), json!({})).json();
    assert_eq!(report["skipped"][0]["path"], json!(r"cats/\xfd.png"));
}
