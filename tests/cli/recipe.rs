//! Training by a recipe, as a user does it.

use crate::common::program::{Place, Said};
use std::fs;

/// Three epochs of three steps; the last of them with two pictures. In parts of the batch, with everything on.
const RUN: &str = "train --train-dir train --test-dir test --image-size 8 --color rgb --batch-size 4 --micro-batch 3 --seed 2 \
                   --recipe best --augment strong --quiet";

fn models(place: &Place, run: &str) -> [Vec<u8>; 2] {
    ["model.safetensors", "best.safetensors"].map(|file| fs::read(place.path(run).join(file)).unwrap())
}

#[test]
fn a_recipe_goes_on_to_the_same_bits_in_any_number_of_threads() {
    for device in ["cpu", "software"] {
        let place = Place::new();
        let train = |more: &str, threads: &str| {
            let line = format!("{RUN} --device {device} --epochs 3 {more}");
            Said::of(place.command(&line).env("RAYON_NUM_THREADS", threads).output().unwrap()).succeeds();
        };
        train("--out whole", "2");
        train("--out again", "1");
        assert!(models(&place, "whole") == models(&place, "again"), "another number of threads on {device}");
        // The average, and the place in the schedule, survive a break in the middle of an epoch.
        train("--max-steps 5 --out run", "2");
        place.run("train --resume run --max-steps 1000 --quiet").succeeds();
        assert!(models(&place, "whole") == models(&place, "run"), "a break on {device}");
        if device == "software" {
            continue;
        }
        // What was trained is another model for each ingredient that is left out.
        for (number, without) in [
            "--init glorot",
            "--normalize none",
            "--schedule constant",
            "--warmup 1 --schedule cosine",
            "--weight-decay 0",
            "--clip-norm 0",
            "--label-smoothing 0",
            "--average 0",
            "--flip off",
            "--erase 0",
            "--hue 0",
        ]
        .into_iter()
        .enumerate()
        {
            train(&format!("{without} --out other{number}"), "2");
            assert!(
                models(&place, "whole") != models(&place, &format!("other{number}")),
                "{without} on {device}"
            );
        }
    }
}

#[test]
fn what_a_recipe_says_is_kept_and_used_again() {
    let place = Place::new();
    place.run(&format!("{RUN} --device cpu --epochs 3 --zoom 0.3 --average 0.9 --out run")).succeeds();
    let config = fs::read_to_string(place.path("run/config.toml")).unwrap();
    for line in ["[recipe]", "schedule = \"one_cycle\"", "average = 0.9", "zoom = 0.3", "hue = 0.03"] {
        assert!(config.contains(line), "{line}: {config}");
    }
    place.run("train --config run --quiet --out like").succeeds();
    assert!(models(&place, "run") == models(&place, "like"));
    // Without one, the file says nothing of it.
    place.run("train --train-dir train --test-dir test --image-size 8 --max-steps 1 --quiet --device cpu --out plain").succeeds();
    assert!(!fs::read_to_string(place.path("plain/config.toml")).unwrap().contains("recipe"));

    // A model is tested as it was in training: the average, with the pictures' mean and deviation.
    let loss = place.lines("run/history.csv")[1..]
        .iter()
        .map(|line| line.split(',').nth(4).unwrap().parse::<f64>().unwrap())
        .fold(f64::INFINITY, f64::min);
    let said = place.run("evaluate --model run --test-dir test --device cpu --json");
    let of_best: serde_json::Value = serde_json::from_str(&said.succeeds().stdout).unwrap();
    assert!((of_best["loss"].as_f64().unwrap() - loss).abs() < 1e-6, "{of_best} {loss}");
}

#[test]
fn what_would_change_the_bits_of_a_recipe_is_named() {
    let place = Place::new();
    place.run(&format!("{RUN} --device cpu --epochs 2 --out run")).succeeds();
    for (options, words) in [
        (
            "--epochs 3",
            &["epochs = 2, not 3", "goes down towards the last one", "--allow-different-bits"][..],
        ),
        ("--epochs 2 --weight-decay 0", &["recipe.weight_decay = 0.05, not 0.0", "--allow-different-bits"]),
        ("--erase 0", &["recipe.augment.erase = 0.25, not 0.0", "--allow-different-bits"]),
        ("--normalize none", &["recipe.normalize = data, not none", "cannot change on the way"]),
        ("--average 0", &["recipe.average", "cannot change on the way"]),
    ] {
        place.run(&format!("train --resume run {options}")).fails(2, words);
    }
    // Killed before its next checkpoint, it has the epochs that its checkpoint knows of.
    place.bash("sed -i 's/epochs = 2/epochs = 9/' run/config.toml; rm run/outcome.toml").succeeds();
    let said = place.run("train --resume run --device cpu");
    assert!(said.succeeds().stderr.contains("the run was given epochs = 9"), "{}", said.stderr);
    assert_eq!(place.lines("run/history.csv").len(), 3);
    place.run("train --resume run --epochs 3 --erase 0 --allow-different-bits --quiet").succeeds();
    assert_eq!(place.lines("run/history.csv").len(), 4);

    // A plain run says nothing of its recipe, and is one all the same.
    let plain = RUN.replace("--recipe best --augment strong", "");
    place.run(&format!("{plain} --device cpu --epochs 2 --out plain")).succeeds();
    for (options, words) in [
        (
            "--epochs 3 --weight-decay 0.01",
            &["recipe.weight_decay = 0.0, not 0.01", "--allow-different-bits"][..],
        ),
        ("--epochs 3 --average 0.9", &["recipe.average = 0.0, not 0.9", "cannot change on the way"]),
    ] {
        place.run(&format!("train --resume plain {options}")).fails(2, words);
    }
    place
        .run("train --resume plain --epochs 3 --weight-decay 0.01 --allow-different-bits --quiet")
        .succeeds();
    place.run("train --resume plain --epochs 4 --weight-decay 0 --allow-different-bits --quiet").succeeds();
}

/// A model goes on with the pixels that it knows, whatever the recipe.
#[test]
fn weights_keep_what_their_pixels_were_moved_by() {
    let place = Place::new();
    place.run(&format!("{RUN} --device cpu --epochs 2 --out first")).succeeds();
    let plain = RUN.replace("--recipe best --augment strong", "").replace("--quiet", "");
    // Hardly a step further.
    let more = "--device cpu --epochs 1 --learning-rate 1e-12 --init-weights first/model.safetensors";
    for (number, recipe) in ["", "--normalize data"].into_iter().enumerate() {
        let said = place.run(&format!("{plain} {recipe} {more} --out second{number}"));
        assert!(said.succeeds().stderr.contains("of the weights' own training"), "{}", said.stderr);
        let loss = |run: &str, row: usize| -> f64 {
            place.lines(&format!("{run}/history.csv"))[row].split(',').nth(4).unwrap().parse().unwrap()
        };
        let (before, after) = (loss("first", 2), loss(&format!("second{number}"), 1));
        assert!((before - after).abs() < 1e-5, "{before} {after}");
    }
}

#[test]
fn a_run_that_was_cut_short_has_its_last_model() {
    let place = Place::new();
    let plain = RUN.replace("--recipe best --augment strong", "");
    place.run(&format!("{plain} --device cpu --epochs 3 --max-steps 8 --early-stop 5 --out run")).succeeds();
    let last = place.run("evaluate --model run --last --test-dir test --device cpu");
    assert!(last.succeeds().stderr.contains("the last was cut short"), "{}", last.stderr);
}

#[test]
fn ingredients_that_make_no_sense_are_named() {
    let place = Place::new();
    for (options, words) in [
        ("--label-smoothing 1", &["--label-smoothing 1 must be at least 0 and below 1"][..]),
        ("--average 1", &["--average 1 must be"]),
        ("--average nan", &["--average NaN must be"]),
        ("--weight-decay -1", &["--weight-decay -1 must be a number, 0 or more"]),
        ("--clip-norm 1e39", &["--clip-norm"]),
        ("--warmup -1", &["--warmup -1"]),
        ("--clip-norm 1e-50", &["--clip-norm"]),
        ("--label-smoothing 0.99999999999", &["--label-smoothing"]),
        ("--weight-decay 2000", &["--weight-decay 2000 times the learning rate"]),
        ("--zoom 1", &["--zoom 1", "below 1"]),
        ("--rotation 181", &["--rotation 181", "at most 180"]),
        ("--erase 1.5", &["--erase 1.5"]),
        ("--recipe better", &["better", "plain, best"]),
        ("--schedule linear", &["linear", "constant, cosine, one_cycle, plateau"]),
    ] {
        place.run(&format!("train --train-dir train --test-dir test {options}")).fails(2, words);
    }
    assert!(!place.path("runs").exists());
}

#[test]
fn what_augmentation_makes_of_pictures_is_shown() {
    let place = Place::new();
    place.run(&format!("{RUN} --device cpu --epochs 1 --show-augment sheet.png --out run")).succeeds();
    let sheet = image::open(place.path("sheet.png")).unwrap().to_rgb8();
    // Six pictures of 8 pixels, each in nine columns, with gaps of 4.
    assert_eq!(sheet.dimensions(), (4 + 9 * 12, 4 + 6 * 12));
    let cell = |row: u32, column: u32| -> Vec<u8> {
        let pixels = (0..64).map(|at| sheet.get_pixel(4 + column * 12 + at % 8, 4 + row * 12 + at / 8).0);
        pixels.flatten().collect()
    };
    for row in 0..6 {
        assert!((1..9).any(|column| cell(row, column) != cell(row, 0)), "row {row}");
    }
    // Without augmentation all columns are alike.
    place
        .run(
            &format!("{RUN} --device cpu --epochs 1 --show-augment plain.png --out other")
                .replace("best --augment strong", "plain"),
        )
        .succeeds();
    let plain = image::open(place.path("plain.png")).unwrap().to_rgb8();
    for (column, x) in (0..9).flat_map(|column| (0..8).map(move |x| (column, x))) {
        assert_eq!(plain.get_pixel(4 + column * 12 + x, 5), plain.get_pixel(4 + x, 5));
        assert_eq!(plain.get_pixel(4 + x, 5), sheet.get_pixel(4 + x, 5), "the pictures themselves");
    }
    place
        .run(&format!("{RUN} --device cpu --show-augment nowhere/sheet.png --out lost"))
        .fails(8, &["no folder nowhere", "--show-augment"]);
    assert!(!place.path("lost").exists());
}

#[test]
fn a_picture_and_its_mirror_image_get_one_answer() {
    let place = Place::new();
    // So slowly that no score is close to 0 or 1.
    place.run(&format!("{RUN} --device cpu --epochs 2 --learning-rate 0.0003 --out run")).succeeds();
    let picture = image::open(place.path("train/dogs/0.png")).unwrap();
    // In the size of the network, so that nothing is resized.
    let small = picture.resize_exact(8, 8, image::imageops::FilterType::Triangle);
    small.save(place.path("own.png")).unwrap();
    small.fliph().save(place.path("mirrored.png")).unwrap();
    let scores = |more: &str| -> Vec<f64> {
        let said = place.run(&format!("predict own.png mirrored.png --model run --device cpu --json {more}"));
        let lines = said
            .succeeds()
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|line| line["scores"]["dogs"].as_f64().unwrap()).collect()
    };
    let [plain, both] = [scores(""), scores("--tta")];
    assert!((plain[0] - plain[1]).abs() > 1e-4, "{plain:?}");
    assert!((both[0] - both[1]).abs() < 1e-6, "{both:?}");
    let logit = |p: f64| (p / (1.0 - p)).ln();
    let mean = (logit(plain[0]) + logit(plain[1])) / 2.0;
    assert!((logit(both[0]) - mean).abs() < 1e-4, "{plain:?} {both:?}");
    let loss = |more: &str| {
        let said = place.run(&format!("evaluate --model run --test-dir test --device cpu --json {more}"));
        serde_json::from_str::<serde_json::Value>(&said.succeeds().stdout).unwrap()["loss"].as_f64().unwrap()
    };
    assert!(loss("") != loss("--tta"));
}
