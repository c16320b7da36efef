//! Going on with a run, and beginning one like another: as a user does it.

use crate::common::program::Place;
use std::fs;

/// Three epochs of three steps; the last of them with two pictures.
const RUN: &str =
    "train --train-dir train --test-dir test --image-size 8 --batch-size 4 --seed 2 --device cpu --quiet";

fn same(place: &Place, run: &str, whole: &str) {
    for file in ["model.safetensors", "best.safetensors"] {
        let [run, whole] = [run, whole].map(|folder| fs::read(place.path(folder).join(file)).unwrap());
        assert!(run == whole, "{file}");
    }
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let place = Place::new();
    place.run(&format!("{RUN} --epochs 3 --out whole")).succeeds();
    // In the middle of the second epoch, with as many threads as there are; and on with one.
    place.run(&format!("{RUN} --epochs 3 --max-steps 5 --out run")).succeeds();
    assert_eq!(place.lines("run/steps.jsonl").len(), 5);
    let history = place.lines("run/history.csv");
    assert!(history[2].contains("NA,NA"), "{history:?}");
    place.run("train --resume run").fails(2, &["has done its 5 steps", "--max-steps"]);
    let said =
        place.command("train --resume run --max-steps 1000").env("RAYON_NUM_THREADS", "1").output().unwrap();
    let said = String::from_utf8_lossy(&said.stderr).to_string();
    assert!(said.contains("Going on with the run after step 5"), "{said}");
    same(&place, "run", "whole");
    let steps: Vec<serde_json::Value> =
        place.lines("run/steps.jsonl").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<_> = steps.iter().map(|step| step["step"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..10).collect::<Vec<_>>());
    let columns = |file: &str| -> Vec<String> {
        place.lines(file).iter().map(|line| line.split(',').take(5).collect::<Vec<_>>().join(",")).collect()
    };
    assert_eq!(columns("run/history.csv"), columns("whole/history.csv"));

    // More epochs than before: as if it had had them from the beginning.
    place.run("train --resume run").fails(2, &["has done its 3 epochs", "--epochs"]);
    let began = fs::metadata(place.path("run/config.toml")).unwrap().modified().unwrap();
    place.run("train --resume run --epochs 5 --quiet").succeeds();
    place.run(&format!("{RUN} --epochs 5 --out longer")).succeeds();
    same(&place, "run", "longer");
    let config = fs::read_to_string(place.path("run/config.toml")).unwrap();
    assert!(config.contains("epochs = 5") && config.contains("max_steps = 1000"), "{config}");
    assert_eq!(fs::metadata(place.path("run/config.toml")).unwrap().modified().unwrap(), began);
}

#[test]
fn what_a_run_was_last_given_to_do_outlives_a_kill() {
    let place = Place::new();
    place.run(&format!("{RUN} --epochs 3 --max-steps 5 --out run")).succeeds();
    // As a run leaves it that went on with more steps, and was killed before its next checkpoint.
    place.bash("sed -i 's/max_steps = 5/max_steps = 7/' run/config.toml; rm run/outcome.toml").succeeds();
    place.run("train --resume run --quiet").succeeds();
    assert_eq!(place.lines("run/steps.jsonl").len(), 7);
}

#[test]
fn a_killed_run_stays_one_where_it_cannot_go_on() {
    let place = Place::new();
    place.run(&format!("{RUN} --epochs 2 --max-steps 4 --out runs/run")).succeeds();
    // As a kill leaves it.
    place.bash("rm runs/run/outcome.toml; echo 'process 4 since then' > runs/run/running.lock").succeeds();
    place.run("train --resume run --seed 7").fails(2, &["cannot change"]);
    place.run("train --resume run --max-steps 3").fails(2, &["has done 4 steps already"]);
    let runs = place.run("runs");
    assert!(runs.succeeds().stdout.contains("killed after step 4"), "{}", runs.stdout);
    place.run("train --resume run --max-steps 9 --quiet").succeeds();
    assert!(!place.path("runs/run/running.lock").exists());
}

#[test]
fn a_run_that_diverged_goes_on_from_before() {
    let place = Place::new();
    place.run(&format!("{RUN} --epochs 2 --out run")).succeeds();
    let resume = "train --resume run --quiet --epochs 4";
    let said = place.run(&format!("{resume} --learning-rate 1e30 --allow-different-bits"));
    said.fails(
        9,
        &["diverged in step", "Go on:  pawgrad train --resume run --learning-rate", "--allow-different-bits"],
    );
    place.run(resume).succeeds();
    place.run(&format!("{RUN} --epochs 4 --out whole")).succeeds();
    same(&place, "run", "whole");
}

#[test]
fn what_would_change_the_bits_is_named_and_refused() {
    let place = Place::new();
    place.run(&format!("{RUN} --epochs 2 --max-steps 4 --out run")).succeeds();
    let before = place.bash("cat run/* | sha256sum").stdout.clone();
    let resume = "train --resume run --max-steps 100 --quiet";
    for (more, words) in [
        ("--batch-size 5", &["batch_size = 4, not 5", "cannot change", "--init-weights"][..]),
        ("--seed 3", &["seed = 2, not 3", "cannot change"]),
        ("--image-size 16", &["image_size = 8, not 16", "cannot change"]),
        ("--network small", &["network = default, not small"]),
        ("--no-shuffle", &["shuffle = true, not false"]),
        ("--validation-split 0.2", &["validation_split = none, not 0.2"]),
        ("--learning-rate 0.01", &["learning_rate = 0.001, not 0.01", "--allow-different-bits"]),
        ("--monitor val_accuracy", &["monitor = val_loss, not val_accuracy", "cannot change"]),
        ("--epochs 1", &["is in epoch 2 already"]),
        ("--early-stop 3", &["early_stop = none, not 3", "--allow-different-bits"]),
        ("--device software", &["the run began on the CPU with", "llvmpipe", "--allow-different-bits"]),
    ] {
        place.run(&format!("{resume} {more}")).fails(2, words);
    }
    for (line, code, words) in [
        ("train --resume nowhere", 2, &["there is no run nowhere"][..]),
        ("train --resume train", 2, &["train is no folder of a run"]),
        ("train --resume run --out other", 2, &["--out"]),
        ("train --allow-different-bits", 2, &["--resume"]),
    ] {
        place.run(line).fails(code, words);
    }
    // Other pictures; the same pictures elsewhere are the same.
    place.bash("cp -r train moved; cp -r test elsewhere; cp train/cats/0.png train/dogs/more.png").succeeds();
    place
        .run(resume)
        .fails(2, &["the training pictures are not those of the run: it had 10, now there are 11"]);
    assert_eq!(place.bash("cat run/* | sha256sum").stdout, before, "nothing was touched");
    place.run(&format!("{resume} --train-dir moved --test-dir elsewhere")).succeeds();
    place
        .run(&format!("{RUN} --epochs 2 --train-dir moved --out whole").replacen("--train-dir train ", "", 1))
        .succeeds();
    same(&place, "run", "whole");
}

#[test]
fn with_consent_a_run_goes_on_to_other_bits() {
    let place = Place::new();
    place.run(&format!("{RUN} --epochs 2 --max-steps 4 --out run")).succeeds();
    let line = "train --resume run --max-steps 100 --quiet --allow-different-bits --learning-rate 0.01 --device software";
    let said = place.run(line);
    said.succeeds();
    for words in ["learning_rate = 0.001, not 0.01", "llvmpipe", "The bits will differ"] {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    assert_eq!(place.lines("run/steps.jsonl").len(), 6);
    // Within rounding, where nothing but the device differs.
    place.run(&format!("{RUN} --epochs 2 --out cpu")).succeeds();
    place.run(&format!("{RUN} --epochs 2 --max-steps 3 --out both")).succeeds();
    place
        .run("train --resume both --max-steps 100 --quiet --allow-different-bits --device software")
        .succeeds();
    let loss = |run: &str| -> f64 {
        let last = place.lines(&format!("{run}/history.csv")).pop().unwrap();
        last.split(',').nth(4).unwrap().parse().unwrap()
    };
    let (cpu, both) = (loss("cpu"), loss("both"));
    assert!((cpu - both).abs() < 1e-5 * cpu, "{cpu} {both}");
}

#[test]
fn a_run_like_another_begins_from_its_settings() {
    let place = Place::new();
    let odd = "--no-shuffle --class-weights auto --monitor val_accuracy --min-delta 0.01 --micro-batch 2 --network small";
    place.run(&format!("{RUN} --epochs 2 {odd} --out run")).succeeds();
    place.run("train --config run/config.toml --quiet --out again").succeeds();
    same(&place, "again", "run");
    // But for the folder, which no settings name.
    let config = |run: &str| fs::read_to_string(place.path(run).join("config.toml")).unwrap();
    assert_eq!(config("again"), config("run"));
    place.run("train --config run --epochs 1 --quiet --out shorter").succeeds();
    assert_eq!(place.lines("shorter/history.csv").len(), 2);
    fs::write(
        place.path("mine.toml"),
        "train_dir = 'train'\ntest_dir = 'test'\nepochs = 1\nimage_size = 8\n",
    )
    .unwrap();
    place.run("train --config mine.toml --device cpu --quiet --out mine").succeeds();
    fs::write(place.path("mine.toml"), "epoch = 1").unwrap();
    place.run("train --config mine.toml").fails(2, &["mine.toml", "unknown field `epoch`"]);
    place.run("train --config none.toml").fails(2, &["none.toml"]);
}

#[test]
fn the_best_epoch_is_kept_and_used() {
    let place = Place::new();
    // So fast that the losses go up and down.
    let said = place
        .run(&format!("{RUN} --epochs 60 --learning-rate 0.02 --early-stop 3 --monitor val_loss --out run"));
    said.succeeds();
    let losses: Vec<f64> = place.lines("run/history.csv")[1..]
        .iter()
        .map(|line| line.split(',').nth(4).unwrap().parse().unwrap())
        .collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    assert_eq!(losses.len(), best + 1 + 3, "{losses:?}");
    assert!(
        said.stdout.contains(&format!("Stopped early: epoch {} was the best", best + 1)),
        "{}",
        said.stdout
    );
    // The best one's model took the place of the last one's, as with Keras's restore_best_weights.
    let read = |file: &str| fs::read(place.path("run").join(file)).unwrap();
    assert!(read("best.safetensors") == read("model.safetensors"));
    let evaluated = place.run("evaluate --model run --test-dir test --device cpu --json");
    assert!(evaluated.stderr.contains(&format!("the best, epoch {}", best + 1)), "{}", evaluated.stderr);
    let loss =
        |said: &str| serde_json::from_str::<serde_json::Value>(said).unwrap()["loss"].as_f64().unwrap();
    assert!((loss(&evaluated.stdout) - losses[best]).abs() < 1e-6);
    let last = place.run("evaluate --model run --last --test-dir test --device cpu");
    assert!(last.succeeds().stderr.contains(&format!("the best, epoch {}", best + 1)), "{}", last.stderr);
    place.run("train --resume run").fails(2, &["stopped early, 3 epochs after its best", "--early-stop"]);

    // Nor does it matter whether patience ran out.
    let patient =
        format!("{RUN} --epochs {} --learning-rate 0.02 --early-stop 50 --out patient", losses.len());
    place.run(&patient).succeeds();
    same(&place, "patient", "run");
    let last = place.run("evaluate --model patient --last --test-dir test --device cpu");
    assert!(last.succeeds().stderr.contains(&format!("the best, epoch {}", best + 1)), "{}", last.stderr);

    // Without it, both are there, and each can be asked for.
    let longer = format!("{RUN} --epochs {} --learning-rate 0.02 --out longer", losses.len());
    let said = place.run(&longer);
    assert!(said.succeeds().stdout.contains(&format!("The best was epoch {}", best + 1)), "{}", said.stdout);
    let of = |more: &str| {
        let said = place.run(&format!("evaluate --model longer --test-dir test --device cpu --json {more}"));
        loss(&said.succeeds().stdout)
    };
    assert!((of("") - losses[best]).abs() < 1e-6);
    let last = place.run("evaluate --model longer --last --test-dir test --device cpu");
    assert!(last.succeeds().stderr.contains("test accuracy of the last:"), "{}", last.stderr);
    assert!((of("--last") - losses[losses.len() - 1]).abs() < 1e-6);
    place
        .run("evaluate --model longer/model.safetensors --last --test-dir test --device cpu")
        .fails(2, &["--last", "is a file"]);
}
