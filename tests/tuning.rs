//! `pawgrad tune`, what `train` makes of it, and that a run can be repeated with the rungs that it took.

mod common;

use common::program::{Place, files};
use std::fs;

const TRAIN: &str = "train --train-dir train --test-dir test --image-size 16 --max-steps 2 --batch-size 4 --seed 1 \
                     --device software";

/// The tuning in the cache folder of this place.
fn stored(place: &Place) -> std::path::PathBuf {
    let folder = place.path("cache/pawgrad/tuning");
    let names = files(&folder);
    assert_eq!(names.len(), 1, "{names:?}");
    folder.join(&names[0])
}

#[test]
fn what_was_tuned_is_used_recorded_and_repeatable() {
    let place = Place::new();
    let train = |more: &str| {
        let said = place.run(&format!("{TRAIN} {more}"));
        said.succeeds();
        said.stderr
    };
    let model = |out: &str| fs::read(place.path(out).join("model.safetensors")).unwrap();

    assert!(train("--out cold").contains("default rungs"));
    let said = place.run("tune --device software --image-size 16 --batch-size 4");
    assert!(said.succeeds().stdout.contains("dense.forward"), "{}", said.stdout);
    assert!(train("--out warm").contains("tuned rungs where there are"));
    for i in 1..10 {
        train(&format!("--out warm{i}"));
        assert!(model(&format!("warm{i}")) == model("warm"), "process {i} with the tuning");
    }

    // Whatever was fastest, the slow rungs of one op show that the table is what decides.
    let text = fs::read_to_string(stored(&place)).unwrap();
    let slower = |line: &str| match line.starts_with("\"conv2d_relu_pool.") {
        true => format!("{} = \"1_plain\"", line.rsplit_once(" = ").unwrap().0),
        false => line.to_string(),
    };
    // Without its checksum, as a person would write it.
    let slow: Vec<String> = text.lines().filter(|line| !line.starts_with('#')).map(slower).collect();
    fs::write(stored(&place), slow.join("\n")).unwrap();
    train("--out slow");
    let taken = place.lines("slow/rungs.toml");
    assert!(slow != place.lines("warm/rungs.toml") && slow == taken, "{slow:#?} {taken:#?}");
    assert!(model("slow") != model("cold"), "another rung rounds in another way");

    assert!(train("--tuning slow/rungs.toml --out slow_again").contains("rungs as in the file"));
    assert!(model("slow_again") == model("slow"), "a run can be repeated from its own record");
    train("--tuning none --out none");
    assert!(model("none") == model("cold"), "without the tuning all is as before");
    let (cold, none) = (place.lines("cold/rungs.toml"), place.lines("none/rungs.toml"));
    assert_eq!(cold, none, "and so is the record of what was taken");
}

#[test]
fn a_tuning_that_does_not_belong_here_is_refused() {
    let place = Place::new();
    place.run(&format!("{TRAIN} --out run")).succeeds();
    let text = fs::read_to_string(place.path("run/rungs.toml")).unwrap();
    let fails = |text: &str, words: &[&str]| {
        fs::write(place.path("other.toml"), text).unwrap();
        let said = place.run(&format!("{TRAIN} --tuning other.toml --out refused"));
        said.fails(2, &[&["other.toml"], words].concat());
        assert!(!place.path("refused").exists());
    };
    fails(
        &text.replacen("adapter = \"", "adapter = \"Another ", 1),
        &["Another", "pawgrad tune", "--tuning none"],
    );
    fails(&text.replacen("dense.forward@", "dense.forward@0", 1), &["other shaders", "dense.forward@0"]);
    fails("rungs = 3", &["rungs.toml"]);
    let of_mixed = text.replacen("[rungs]", "precision = \"mixed\"\n\n[rungs]", 1);
    fails(&of_mixed, &["precision mixed", "not for f32", "use that --precision", "--tuning none"]);
    place.run(&format!("{TRAIN} --tuning missing.toml --out refused")).fails(2, &["missing.toml"]);
}

/// Such as one for tensor cores, in a table that was edited.
#[test]
fn a_tuned_rung_that_cannot_be_used_gives_way_to_the_default() {
    let place = Place::new();
    place.run(&format!("{TRAIN} --out run")).succeeds();
    let run = fs::read_to_string(place.path("run/rungs.toml")).unwrap();
    let edited = run.replace("\"textures\"", "\"4_tensor\"");
    assert!(edited != run && edited.contains("4_tensor"), "{run}");
    fs::write(place.path("edited.toml"), edited).unwrap();
    place.run(&format!("{TRAIN} --tuning edited.toml --out again")).succeeds();
    assert_eq!(place.lines("again/rungs.toml"), place.lines("run/rungs.toml"));
    let forced = place.run(&format!("{TRAIN} --rung conv2d_relu_pool=4_tensor --out forced"));
    forced.fails(2, &["4_tensor"]);
}

#[test]
fn a_stored_tuning_of_older_shaders_is_not_used_and_says_so() {
    let place = Place::new();
    place.run(&format!("{TRAIN} --out run")).succeeds();
    let run = fs::read_to_string(place.path("run/rungs.toml")).unwrap();
    place.run("tune --device software --image-size 8 --batch-size 1").succeeds();
    let older = |line: &str| match line.strip_prefix("\"dense.forward@") {
        Some(rest) => format!("\"dense.forward@0{}", rest.replace("lanes", "1_plain")),
        None => line.to_string(),
    };
    fs::write(stored(&place), run.lines().map(older).collect::<Vec<_>>().join("\n")).unwrap();
    let said = place.run(&format!("{TRAIN} --out again"));
    said.succeeds();
    assert!(said.stderr.contains("run `pawgrad tune` again"), "{}", said.stderr);
    assert_eq!(place.lines("again/rungs.toml"), place.lines("run/rungs.toml"));
}

#[test]
fn a_tuning_of_other_sizes_says_that_it_is_not_used() {
    let place = Place::new();
    place.run("tune --device software --image-size 8 --batch-size 1").succeeds();
    let said = place.run(&format!("{TRAIN} --out run"));
    said.succeeds();
    assert!(
        said.stderr.contains("ran with default rungs, as they were not tuned at these sizes"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_damaged_tuning_is_named_and_tune_replaces_it() {
    let place = Place::new();
    place.run("tune --device software --image-size 8 --batch-size 1").succeeds();
    fs::write(stored(&place), "rungs = 3").unwrap();
    place
        .run(&format!("{TRAIN} --out run"))
        .fails(2, &["cache/pawgrad/tuning", "pawgrad tune", "--tuning none"]);
    place.run(&format!("{TRAIN} --tuning none --out run")).succeeds();
    place.run("tune --device software --image-size 8 --batch-size 1").succeeds();
    let table = fs::read_to_string(stored(&place)).unwrap();
    assert!(table.contains("dense.forward@") && table.starts_with("# blake3 "));
    // Whatever is flipped, the table is not used as if nothing were.
    for at in [20, 100, table.len() / 2, table.len() - 3] {
        let mut flipped = table.clone().into_bytes();
        flipped[at] ^= 1;
        fs::write(stored(&place), flipped).unwrap();
        place
            .run(&format!("{TRAIN} --out flipped"))
            .fails(2, &["cache/pawgrad/tuning", "checksum", "pawgrad tune"]);
    }
}

#[test]
fn the_cpu_has_nothing_to_tune() {
    let place = Place::new();
    let said = place.run("tune --device cpu");
    assert!(said.succeeds().stdout.contains("nothing to tune"), "{}", said.stdout);
    assert!(!place.path("cache").exists());
}
