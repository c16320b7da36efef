//! Paths as people type them, models that are chosen for them, and what the program says of both.

mod common;

use common::program::{Place, Said, files};
use std::fs;
use std::io::Write;
use std::process::Stdio;

#[test]
fn a_similar_name_is_proposed() {
    let place = Place::new();
    place
        .run("train --train-dir trian --test-dir test --device cpu")
        .fails(3, &["trian; did you mean train?"]);
    fs::write(place.path("f"), "").unwrap();
    let other = place.run("summary --model x");
    other.fails(7, &["there is no file x"]);
    assert!(!other.stderr.contains("did you mean"), "{}", other.stderr);
    place.run("evaluate --test-dir tset --device cpu --model nothing").fails(7, &["no file nothing"]);
    place.train("--out run --max-steps 1").succeeds();
    let model = "--device cpu --model rnu/model.safetensor";
    place.run(&format!("predict {model} test")).fails(7, &["did you mean run/model.safetensors?"]);
    place.train("--out other --init-weights rin").fails(7, &["rin; did you mean run?"]);
    let said = place.run("predict --device cpu --model run tset/cats/0.pgn");
    said.fails(3, &["tset/cats/0.pgn: cannot be read", "did you mean test/cats/0.png?"]);
    place
        .run("evaluate --test-dir test --model run --device software --tuning run/config.tolm")
        .fails(2, &["run/config.toml?"]);
}

#[test]
fn quotes_and_the_own_folder_are_understood() {
    let place = Place::new();
    let line =
        "train --train-dir ~/train --test-dir 'test' --image-size 8 --max-steps 1 --device cpu --out \"run\"";
    Said::of(place.command(line).env("HOME", place.dir.path()).output().unwrap()).succeeds();
    assert!(place.path("run/model.safetensors").exists(), "{:?}", files(place.dir.path()));
    let line = "predict --device cpu --model ~/run '~/test/cats/0.png'";
    let said = Said::of(place.command(line).env("HOME", place.dir.path()).output().unwrap());
    assert_eq!(said.succeeds().stdout.lines().count(), 1);
}

#[test]
fn the_model_that_was_taken_is_named() {
    let place = Place::new();
    place.train("--out run").succeeds();
    let last = place.lines("run/history.csv").pop().unwrap();
    let accuracy = last.split(',').nth(3).unwrap().parse::<f64>().unwrap();
    let known = format!(
        "trained on train for 2 epochs; test accuracy of the last: {:.1} % in test",
        100.0 * accuracy
    );
    for line in ["predict test/cats/0.png", "predict --json test/cats/0.png", "evaluate --test-dir test"] {
        let best = "test accuracy of the best, epoch ";
        for (more, file, words) in [("", "best", best), ("--last", "model", known.as_str())] {
            let said = place.run(&format!("{line} --device cpu --model run {more}"));
            let model = format!("Model: run/{file}.safetensors, written 20");
            assert!(said.succeeds().stderr.contains(&model), "{}", said.stderr);
            assert!(said.stderr.contains(words), "no {words} in {}", said.stderr);
        }
    }
    assert!(place.run("summary --model run").succeeds().stdout.contains("dense1"));
    place.train("--out again --init-weights run --max-steps 1").succeeds();
    let said = place.run("predict --device cpu --model again test/cats/0.png");
    assert!(said.succeeds().stderr.contains("the last was cut short"), "{}", said.stderr);

    fs::copy(place.path("run/model.safetensors"), place.path("alone.safetensors")).unwrap();
    let said = place.run("predict --device cpu --model alone.safetensors test/cats/0.png");
    assert!(said.succeeds().stderr.contains("it lies in no run's folder"), "{}", said.stderr);
    place.run("predict --device cpu --model test test/cats/0.png").fails(7, &["the folder test has no"]);
}

#[test]
fn own_pictures_beside_bundled_tests_are_noted() {
    let place = Place::new();
    fs::create_dir(place.path("dataset")).unwrap();
    fs::rename(place.path("test"), place.path("dataset/test_set")).unwrap();
    let line = "train --train-dir train --image-size 8 --max-steps 1 --device cpu --out run --quiet";
    let said = place.run(line);
    for words in ["note: the test pictures are those of dataset/test_set", "like those of train"] {
        assert!(said.succeeds().stderr.contains(words), "{}", said.stderr);
    }
    let said = place.run("evaluate --device cpu --model run --json");
    assert!(said.succeeds().stderr.contains("note: the test pictures"), "{}", said.stderr);
    let named = place.run("evaluate --device cpu --model run --test-dir train");
    assert!(!named.succeeds().stderr.contains("note: the test pictures"), "{}", named.stderr);
}

#[test]
fn without_pictures_the_program_says_how_to_draw_some() {
    let place = Place::new();
    let draw = ["pawgrad dataset draw", "--out DIR", "--train-dir", "dataset/"];
    place.run("train --device cpu").fails(3, &draw);
    place.run("train --device cpu --train-dir train").fails(3, &draw);
    place.train("--out run --max-steps 1").succeeds();
    place.run("evaluate --device cpu --model run").fails(3, &draw);
}

#[test]
fn a_prediction_of_many_ends_with_totals() {
    let place = Place::new();
    place.train("--out run --max-steps 1").succeeds();
    for name in ["one", "two"] {
        fs::write(place.path(&format!("test/{name}.png")), "").unwrap();
    }
    fs::write(place.path("test/three.txt"), "a text").unwrap();
    let whole = fs::read(place.path("test/cats/0.png")).unwrap();
    fs::write(place.path("test/cut.png"), &whole[..whole.len() / 2]).unwrap();
    let said = place.run("predict --device cpu --model run test");
    let passed = "Passed over 4 of 14 files:\n  2 × empty file\n";
    said.fails(3, &["10 pictures: cats ", passed, "1 × a text file", "1 of 14 files could not be used"]);
    let of_class =
        |class: &str| said.stdout.lines().filter(|line| line.contains(&format!(": {class} ("))).count();
    let totals = format!("10 pictures: cats {}, dogs {}", of_class("cats"), of_class("dogs"));
    assert!(said.stderr.contains(&totals), "no {totals} in {}", said.stderr);
    place.bash("mkdir few && cp test/cats/0.png test/one.png few").succeeds();
    let few = place.run("predict --device cpu --model run few");
    assert!(few.succeeds().stderr.contains("\n1 picture: cats "), "{}", few.stderr);
    assert!(few.stderr.contains("Passed over 1 of 2 files"), "{}", few.stderr);
    let one = place.run("predict --device cpu --model run test/cats/0.png");
    assert!(!one.succeeds().stderr.contains("1 picture"), "{}", one.stderr);
}

#[test]
fn a_picture_comes_from_the_standard_input() {
    let place = Place::new();
    place.train("--out run --max-steps 1").succeeds();
    let predict = |bytes: &[u8], line: &str| {
        let mut command = place.command(&format!("predict --device cpu --model run {line}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that refuses does not read to the end.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        Said::of(child.wait_with_output().unwrap())
    };
    let picture = fs::read(place.path("test/dogs/0.png")).unwrap();
    let said = predict(&picture, "- test/dogs/0.png");
    let lines: Vec<_> = said.succeeds().stdout.lines().collect();
    assert_eq!(lines[0].strip_prefix("-: "), lines[1].strip_prefix("test/dogs/0.png: "), "{lines:?}");
    predict(&picture[..picture.len() / 2], "-").fails(3, &["skipped -: truncated"]);
    fs::write(place.path("f"), "").unwrap();
    predict(b"", "-").fails(3, &["skipped -: empty file\n", "1 of 1 file could not"]);
    predict(&picture, "- -").fails(2, &["standard input"]);
    // As a file of this size.
    predict(&vec![0; (256 << 20) + 1], "-")
        .fails(3, &["skipped -: needs 257 MiB of memory, and may take 256"]);
}

#[test]
fn a_check_of_pictures_says_what_training_says() {
    let place = Place::new();
    fs::create_dir_all(place.path("alone")).unwrap();
    place.bash("cp -r train/cats alone/cats && mkdir alone/notes my").succeeds();
    for size in ["4", "-4", "many"] {
        let say = |line: &str| {
            let said = place.run(&format!("{line} --image-size {size}"));
            assert_eq!(said.code, 2, "{}", said.stderr);
            said.stderr.lines().next().unwrap().to_string()
        };
        assert_eq!(say("dataset check train").replace("PIXELS", "N"), say("train"));
    }
    let said = place.run("dataset check alone");
    said.fails(3, &["found 1 folder that cannot be used"]);
    assert!(said.stdout.starts_with("alone has only one class"), "{}", said.stdout);
    place.bash("mkdir train/notes").succeeds();
    let said = place.run("dataset check train");
    assert!(said.stdout.contains("Passed over 1 folder: notes"), "{}", said.stdout);
    let help = place.run("--help");
    assert!(help.stdout.contains("look at your own before training"), "{}", help.stdout);
    let mut command = place
        .command("train --train-dir train --test-dir test --image-size 8 --max-steps 1 --device cpu --out");
    let said = Said::of(command.arg("my/first run").output().unwrap());
    let proposed = "pawgrad predict --model 'my/first run/model.safetensors' PICTURE";
    assert!(said.succeeds().stdout.contains(proposed), "{}", said.stdout);
}
