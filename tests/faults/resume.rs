//! Runs that are killed go on from their checkpoints to the bits that they would have had.

use crate::common::program::Place;
use crate::state::{SHORT, code, whole};
use pawgrad::error::ErrorKind;
use pawgrad::random::generator;
use pawgrad::run::Resumed;
use rand::RngExt;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Dropout, a last batch that is smaller, a best epoch on the way, and a checkpoint every few milliseconds. 10 pictures of each
/// epoch make 3 steps.
const RUN: &str = "train --train-dir train --test-dir test --image-size 8 --network small --batch-size 4 --seed 5 --quiet \
                   --checkpoint-minutes 0.0003 --learning-rate 0.003";

/// What a run leaves that does not depend on time: models, and columns of its steps and epochs.
fn lasting(run: &Path) -> BTreeMap<String, Vec<u8>> {
    let text = |name: &str| {
        fs::read_to_string(run.join(name)).unwrap_or_else(|why| panic!("{run:?}: {name}: {why}"))
    };
    let steps = text("steps.jsonl");
    let steps = steps.lines().map(|line| {
        let mut step: serde_json::Value = serde_json::from_str(line).unwrap();
        step.as_object_mut().unwrap().remove("seconds");
        format!("{step}\n")
    });
    let epochs = text("history.csv");
    let epochs = epochs.lines().map(|line| line.split(',').take(5).collect::<Vec<_>>().join(",") + "\n");
    let mut outcome: toml::Table = toml::from_str(&text("outcome.toml")).unwrap();
    outcome.remove("seconds");
    let model = |name: &str| fs::read(run.join(name)).unwrap();
    BTreeMap::from([
        ("model".to_string(), model("model.safetensors")),
        ("best".to_string(), model("best.safetensors")),
        ("steps".to_string(), steps.collect::<String>().into_bytes()),
        ("history".to_string(), epochs.collect::<String>().into_bytes()),
        ("outcome".to_string(), outcome.to_string().into_bytes()),
    ])
}

#[track_caller]
fn same(what: &str, run: &Path, undisturbed: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in lasting(run) {
        let is_text = ["steps", "history", "outcome"].contains(&name.as_str());
        let shown = if is_text { String::from_utf8_lossy(&bytes).to_string() } else { String::new() };
        assert!(bytes == undisturbed[&name], "{what}: {name} is another one\n{shown}");
    }
}

/// Runs a command, and kills it after so long. Whether it came to its end before.
fn killed_after(place: &Place, line: &str, pause: Duration) -> bool {
    let mut child = place.command(line).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while began.elapsed() < pause {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{said}");
    assert!([0, 137].contains(&code(&output)), "{said}");
    code(&output) == 0
}

/// Kills runs at random moments, some of them three times, and lets them go on.
fn kills(device: &str, more: &str, kills: usize) {
    let place = Place::new();
    let line = format!("{RUN} --device {device} {more}");
    place.run(&format!("{line} --out whole")).succeeds();
    let undisturbed = lasting(&place.path("whole"));
    // How long it takes when nothing has to be compiled any more.
    let began = Instant::now();
    place.run(&format!("{line} --out again")).succeeds();
    let longest = began.elapsed();
    same("again", &place.path("again"), &undisturbed);

    let mut random = generator(7, device, kills as u64);
    let (mut done, mut runs, mut went_on) = (0, 0, 0);
    while done < kills {
        runs += 1;
        let run = format!("run{runs}");
        let times = [1, 1, 3][runs % 3];
        let mut begun = false;
        for _ in 0..times {
            let resume = format!("train --resume {run} --quiet");
            let line = if begun { resume } else { format!("{line} --out {run}") };
            let pause = longest.mul_f64(random.random_range(0.05..1.0) / if begun { 2.0 } else { 1.0 });
            if killed_after(&place, &line, pause) {
                break;
            }
            done += 1;
            // A checkpoint that has its name is whole.
            whole(&run, &place.path(&run), true);
            // Killed when all was done, on its way out.
            if place.path(&run).join("outcome.toml").exists() {
                break;
            }
            begun = has_checkpoint(&place.path(&run));
            if !begun {
                let _ = fs::remove_dir_all(place.path(&run));
            }
        }
        if place.path(&run).join("outcome.toml").exists() {
            same(&run, &place.path(&run), &undisturbed);
        } else if begun {
            went_on += 1;
            place.run(&format!("train --resume {run} --quiet")).succeeds();
            same(&run, &place.path(&run), &undisturbed);
            whole(&run, &place.path(&run), false);
        }
        let _ = fs::remove_dir_all(place.path(&run));
    }
    println!("{kills} kills on {device}: {went_on} of {runs} runs went on to the same bits");
    assert!(went_on * 3 > runs, "{went_on} of {runs} had a checkpoint");
}

pub fn has_checkpoint(run: &Path) -> bool {
    fs::read_dir(run)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with("checkpoint-")))
}

#[test]
fn killed_runs_go_on_to_the_same_bits() {
    kills("cpu", "--epochs 40", 16);
}

#[test]
fn a_killed_run_stops_early_at_the_same_epoch() {
    kills("cpu", "--epochs 200 --early-stop 6 --monitor val_accuracy --min-delta 0.01", 8);
}

#[test]
fn killed_runs_go_on_on_an_adapter() {
    kills("software", "--epochs 12", 6);
}

#[test]
#[ignore = "long: tests/faults/long runs it"]
fn a_hundred_kills() {
    kills("cpu", "--epochs 40", 60);
    kills("software", "--epochs 12", 40);
}

/// Whatever happens to the newest checkpoint, the one before is taken, and that is said; where none is whole, no run goes on.
#[test]
fn a_damaged_checkpoint_is_never_gone_on_from() {
    let place = Place::new();
    place.run(&format!("{RUN} --device cpu --epochs 3 --out run")).succeeds();
    let undisturbed = lasting(&place.path("run"));
    let run = place.path("run");
    let newest = run.join("checkpoint-00000009.safetensors");
    let bytes = fs::read(&newest).unwrap();
    let before = {
        let resumed = Resumed::open(&run, false).unwrap();
        assert_eq!(resumed.position.step, 9);
        let mut all: Vec<_> = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        all.retain(|name| name.to_str().unwrap().starts_with("checkpoint-"));
        all.sort();
        let name = all[all.len() - 2].to_str().unwrap();
        name["checkpoint-".len()..][..8].parse::<u32>().unwrap()
    };
    let mut random = generator(8, "damage", 0);
    for number in 0..500 {
        let mut damaged = bytes.clone();
        // The header is a small part of the file, and the most delicate one.
        let end = if number % 2 == 0 { 4000 } else { bytes.len() };
        let place = random.random_range(0..end);
        match number % 4 {
            0 | 1 => damaged[place] ^= 1 << random.random_range(0..8),
            _ => damaged.truncate(place),
        }
        fs::write(&newest, &damaged).unwrap();
        let resumed = Resumed::open(&run, true).unwrap_or_else(|why| panic!("{number} at {place}: {why}"));
        assert_eq!(resumed.position.step, before, "{number} at {place}");
        let notes = resumed.notes();
        assert!(notes[0].contains("checkpoint-00000009.safetensors"), "{number} at {place}: {notes:?}");
    }
    // The last of these goes on to the same end.
    let said = place.run("train --resume run");
    let words = "checkpoint-00000009.safetensors: ";
    assert!(said.succeeds().stderr.contains(words), "{}", said.stderr);
    same("damaged", &run, &undisturbed);
    for entry in fs::read_dir(&run).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("checkpoint-") {
            fs::write(&path, b"no checkpoint").unwrap();
        }
    }
    let why = Resumed::open(&run, true).err().unwrap();
    assert_eq!(why.kind, ErrorKind::Model);
    place.run("train --resume run --quiet").fails(7, &["no whole checkpoint", "--init-weights"]);
    same("without checkpoints", &run, &undisturbed);
}

/// A run that an error of the disk ended goes on when there is room again.
#[test]
fn a_run_on_a_disk_that_was_full_goes_on() {
    let place = Place::new();
    place.run(&format!("{SHORT} --out whole")).succeeds();
    place.run(&format!("{SHORT} --epochs 1 --out run").replace("--epochs 2 ", "")).succeeds();
    // Whatever is written must fit a file of this size: the next checkpoint does not.
    let program = env!("CARGO_BIN_EXE_pawgrad");
    let size = fs::metadata(place.path("run/checkpoint-00000003.safetensors")).unwrap().len();
    let resume = "train --resume run --epochs 2 --quiet";
    let said =
        place.bash_output(&format!("trap '' XFSZ; ulimit -f {}; exec '{program}' {resume}", size / 1024 - 1));
    let words = String::from_utf8_lossy(&said.stderr);
    assert_eq!(code(&said), 8, "{words}");
    assert!(words.contains("checkpoint-00000006.safetensors cannot be written"), "{words}");
    assert!(words.contains("Go on:  pawgrad train --resume run"), "{words}");
    whole("a full disk", &place.path("run"), false);
    place.run(resume).succeeds();
    same("room again", &place.path("run"), &lasting(&place.path("whole")));
}
