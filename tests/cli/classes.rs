//! Any number of classes, in colour, of any sizes, with a network of one's own: as a user runs it.

use crate::common::program::{Place, files};
use image::{Rgb, RgbImage};
use serde_json::Value;
use std::fs;

const NETWORK: &str = "
[[layers]]
type = 'conv2d'
filters = 6
kernel_size = 3
padding = 'same'
use_bias = false

[[layers]]
type = 'batch_norm'

[[layers]]
type = 'leaky_relu'

[[layers]]
type = 'global_avg_pool'

[[layers]]
type = 'dense'
units = 'classes'
";

/// Pictures of three hues, 30, 10 and 5 of each, and a network for them.
fn place() -> Place {
    let place = Place::new();
    for (class, count, hue) in
        [("blue", 30, [30, 60, 200]), ("green", 10, [30, 190, 50]), ("red", 5, [210, 40, 40])]
    {
        for picture in 0..count {
            let pixel = |x: u32, y: u32| {
                let noise = (x * 7 + y * 13 + picture * 31) % 37;
                Rgb(hue.map(|part: u8| part + noise as u8))
            };
            let path = place.path(&format!("hues/{class}/{picture}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_fn(10, 9, pixel).save(path).unwrap();
        }
    }
    fs::write(place.path("my.toml"), NETWORK).unwrap();
    place
}

const TRAIN: &str = "train --train-dir hues --validation-split 0.2 --class-weights auto --color rgb --network my.toml \
                     --image-size 8 --batch-size 9 --epochs 30 --learning-rate 0.02 --seed 3 --device cpu --out run";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

#[test]
fn three_classes_of_very_different_size_are_trained_evaluated_and_predicted() {
    let place = place();
    let said = place.run(TRAIN);
    said.succeeds();
    for words in [
        "Found 45 pictures in hues: blue 30, green 10, red 5",
        "Kept from training, to test on: 9 of 45 pictures",
        // Of 24, 8 and 4: 36 / (3 * 24) and so on.
        "A picture counts in the loss: blue 0.500, green 1.500, red 3.000",
    ] {
        assert!(said.stderr.contains(words), "no \"{words}\" in {}", said.stderr);
    }
    let config = fs::read_to_string(place.path("run/config.toml")).unwrap();
    for line in [
        "validation_split = 0.2",
        "color = \"rgb\"",
        "class_weights = \"auto\"",
        "weights_of_classes = [0.5, 1.5, 3.0]",
        "network = \"my.toml\"",
        "training_pictures_per_class = [24, 8, 4]",
        "test_pictures_per_class = [6, 2, 1]",
    ] {
        assert!(config.contains(line), "no {line} in {config}");
    }

    // Without any options, those that were kept: the numbers of the last epoch.
    let evaluated = json(&place.run("evaluate --model run --device cpu --json").succeeds().stdout);
    let history = place.lines("run/history.csv");
    let last: Vec<f64> = history.last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert_eq!(evaluated["images"], 9);
    assert_eq!(evaluated["per_class"]["red"]["pictures"], 1);
    assert!((evaluated["accuracy"].as_f64().unwrap() - last[3]).abs() < 1e-6, "{evaluated} {last:?}");
    assert!((evaluated["loss"].as_f64().unwrap() - last[4]).abs() < 1e-5, "{evaluated} {last:?}");
    assert_eq!(evaluated["accuracy"], 1.0, "hues are easily told apart: {history:?}");
    let all = json(&place.run("evaluate --model run --test-dir hues --device cpu --json").succeeds().stdout);
    assert_eq!(all["images"], 45);

    let said = place.run("predict --model run --device cpu hues/green/0.png");
    let line = &said.succeeds().stdout;
    assert!(
        line.contains("green") && line.contains("blue") && line.contains("red"),
        "the others stand behind: {line}"
    );
    let said = place.run("predict --model run --device cpu --json hues/red/0.png");
    let scores = json(&said.succeeds().stdout)["scores"].as_object().unwrap().clone();
    let sum: f64 = scores.values().map(|score| score.as_f64().unwrap()).sum();
    assert!(scores.len() == 3 && (sum - 1.0).abs() < 1e-5, "{scores:?}");

    let said = place.run("summary --model run --graph net.svg");
    assert!(said.succeeds().stdout.contains("batch_norm1 (BatchNormalization)"), "{}", said.stdout);
    let svg = fs::read_to_string(place.path("net.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("batch_norm1"), "{svg}");
}

#[test]
fn the_same_pictures_are_kept_by_every_process() {
    let place = place();
    let train = TRAIN.replace("--epochs 30", "--epochs 1").replace("--class-weights auto", "");
    place.run(&train).succeeds();
    let evaluate = "evaluate --model run --test-dir hues --validation-split 0.2 --device cpu --json";
    let losses: Vec<_> =
        (0..10).map(|_| json(&place.run(evaluate).succeeds().stdout)["loss"].to_string()).collect();
    assert!(losses.iter().all(|loss| *loss == losses[0]), "{losses:?}");
    let others = evaluate.replace("0.2", "0.4");
    assert_ne!(json(&place.run(&others).succeeds().stdout)["loss"].to_string(), losses[0]);
    // Another seed of the training changes nothing about it.
    place.run(&train.replace("--seed 3", "--seed 4").replace("--out run", "--out other")).succeeds();
    let line = |run: &str| place.lines(&format!("{run}/history.csv"))[1].clone();
    assert_ne!(line("run"), line("other"));
    let evaluated = json(&place.run("evaluate --model run --device cpu --json").succeeds().stdout);
    assert_eq!(evaluated["loss"].to_string(), losses[0]);
}

#[test]
fn wrong_choices_are_named_and_leave_nothing() {
    let place = place();
    let before = files(place.dir.path());
    let wrong: [(&str, &str, &[&str]); 9] = [
        ("--validation-split 0.2", "--validation-split 0", &["--validation-split", "above 0 and below 1"]),
        ("--validation-split 0.2", "--validation-split 1", &["--validation-split", "above 0 and below 1"]),
        ("--validation-split 0.2", "--validation-split -0.5", &["--validation-split", "above 0 and below 1"]),
        ("--validation-split 0.2", "--validation-split NaN", &["--validation-split", "above 0 and below 1"]),
        ("--validation-split 0.2", "--validation-split 0.2 --test-dir hues", &["--test-dir"]),
        ("--class-weights auto", "--class-weights even", &["even", "auto"]),
        ("--color rgb", "--color blue", &["blue", "rgb"]),
        ("--network my.toml", "--network no.toml", &["no.toml", "default, small, batch_norm, residual"]),
        ("--network my.toml", "--network hues", &["hues"]),
    ];
    for (right, mistake, words) in wrong {
        place.run(&TRAIN.replace(right, mistake)).fails(2, words);
    }
    fs::write(place.path("my.toml"), NETWORK.replace("global_avg_pool", "max_pool3d")).unwrap();
    place.run(TRAIN).fails(2, &["my.toml, line 16", "max_pool3d", "global_avg_pool"]);
    fs::write(place.path("my.toml"), NETWORK.replace("filters = 6", "filters = 1000000000")).unwrap();
    place.run(TRAIN).fails(2, &["my.toml, line 2", "layer conv1", "filters is 1000000000"]);
    place.run("summary --network my.toml --graph net.svg").fails(2, &["my.toml, line 2", "layer conv1"]);
    fs::write(place.path("my.toml"), NETWORK).unwrap();
    for picture in 1..5 {
        fs::remove_file(place.path(&format!("hues/red/{picture}.png"))).unwrap();
    }
    place.run(TRAIN).fails(3, &["the class red has 1 picture", "none can be kept"]);
    let before: Vec<_> =
        before.into_iter().filter(|file| !file.contains("hues/red") || file.ends_with("red/0.png")).collect();
    assert_eq!(files(place.dir.path()), before);
}

#[test]
fn a_batch_that_is_not_to_be_split_is_named() {
    let place = place();
    place.run(&format!("{TRAIN} --micro-batch 3")).fails(2, &["batch_norm1 couples the pictures of a batch"]);
}
