//! What happens around a run: signals, terminals that go away, full disks, little memory, odd files, two at once.
//!
//! A run that is ended saves, says so, and leaves with the code of its kind; nothing that was there before is damaged.
#![cfg(unix)]

#[path = "../common/mod.rs"]
mod common;
mod disks;
mod ends;
mod folders;
mod injected;
mod limits;
mod resume;
mod state;

use common::program::{Place, Said};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::slice::from_mut;
use std::time::{Duration, Instant};

/// A run that goes on until it is ended.
const ENDLESS: &str = "--image-size 8 --epochs 1000000 --batch-size 4 --device cpu --quiet";

fn begin(place: &Place, more: &str) -> Child {
    let line = format!("train --train-dir train --test-dir test {ENDLESS} {more}");
    place.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a run, that of one of these processes, has trained for some steps.
fn wait_for_steps(place: &Place, run: &str, processes: &mut [Child]) {
    until("steps are there", || {
        processes.iter_mut().for_each(goes_on);
        steps_in(&place.path(run)) >= 5
    });
}

fn steps_in(run: &Path) -> usize {
    fs::read_to_string(run.join("steps.jsonl")).unwrap_or_default().lines().count()
}

/// What has ended would be waited for in vain.
fn goes_on(process: &mut Child) {
    if let Some(status) = process.try_wait().unwrap() {
        let mut said = String::new();
        if let Some(mut stderr) = process.stderr.take() {
            stderr.read_to_string(&mut said).unwrap();
        }
        panic!("it ended with {status}: {said}");
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(120), "in two minutes not: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// What a run said that was asked to end.
fn ended(mut child: Child) -> Output {
    // It says little: pipes hold that.
    until("it ends", || child.try_wait().unwrap().is_some());
    child.wait_with_output().unwrap()
}

const SIGNALS: [(&str, i32, &str); 3] =
    [("-INT", 130, "interrupted"), ("-TERM", 143, "terminated"), ("-HUP", 129, "hung up")];

#[test]
fn a_signal_finishes_the_step_and_saves() {
    let place = Place::new();
    for (signal, code, words) in SIGNALS {
        let run = format!("run{code}");
        let mut child = begin(&place, &format!("--out {run}"));
        wait_for_steps(&place, &run, from_mut(&mut child));
        send(signal, &child);
        let said = Said::of(ended(child));
        assert_eq!(said.code, code, "{signal}: {}", said.stderr);
        assert!(
            said.stderr.contains("Stopping after this step") && said.stderr.contains(words),
            "{}",
            said.stderr
        );
        assert!(said.stdout.contains(&format!("Saved to {run}")), "{}", said.stdout);
        assert!(said.stdout.contains(&format!("Go on:   pawgrad train --resume {run}")), "{}", said.stdout);
        place
            .run(&format!("evaluate --device cpu --test-dir test --model {run}/model.safetensors"))
            .succeeds();
        assert!(!place.path(&format!("{run}/running.lock")).exists());
        // The history ends with the epoch that was cut short or just done.
        let epochs = place.lines(&format!("{run}/history.csv")).len() - 1;
        let steps = place.lines(&format!("{run}/steps.jsonl"));
        let last: serde_json::Value = serde_json::from_str(steps.last().unwrap()).unwrap();
        assert_eq!(last["epoch"].as_u64().unwrap() as usize, epochs - 1);
    }
}

/// Somebody reads what the program says, but stopped: it waits for room. The second signal is heard all the same.
#[test]
fn a_second_signal_leaves_though_nobody_reads() {
    let place = Place::new();
    let (_reader, writer) = std::io::pipe().unwrap();
    let line = format!("train --train-dir train --test-dir test {ENDLESS} --out run");
    let mut command = place.command(&line);
    let mut child = command.stdout(Stdio::null()).stderr(writer.try_clone().unwrap()).spawn().unwrap();
    wait_for_steps(&place, "run", from_mut(&mut child));
    // SAFETY: the calls change how this pipe is written to, and nothing else.
    let set = |flags: i32| assert_eq!(unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETFL, flags) }, 0);
    set(libc::O_NONBLOCK);
    while (&writer).write(&[b'x'; 4096]).is_ok() {}
    while (&writer).write(b"x").is_ok() {}
    set(0);
    send("-INT", &child);
    until("it is saved", || !place.path("run/running.lock").exists());
    assert!(child.try_wait().unwrap().is_none(), "it waits to say how it ended");
    send("-INT", &child);
    let status = ended(child).status;
    assert_eq!(status.code(), Some(130));
    place.run("evaluate --device cpu --test-dir test --model run/model.safetensors").succeeds();
}

/// As `nohup` starts programs.
#[test]
fn a_signal_that_was_to_be_ignored_goes_on_to_be() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_pawgrad");
    let script =
        format!("trap '' HUP; exec '{program}' train --train-dir train --test-dir test {ENDLESS} --out run");
    let mut child = Command::new("bash")
        .args(["-c", &script])
        .current_dir(place.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for_steps(&place, "run", from_mut(&mut child));
    send("-HUP", &child);
    let steps = || fs::read_to_string(place.path("run/steps.jsonl")).unwrap().lines().count();
    let then = steps();
    until("it goes on", || steps() > then + 20);
    send("-TERM", &child);
    assert_eq!(ended(child).status.code(), Some(143));
}

#[test]
fn nobody_who_listens_ends_a_run() {
    let place = Place::new();
    let train = "train --train-dir train --test-dir test --image-size 8 --epochs 2 --device cpu";
    let program = format!("'{}'", env!("CARGO_BIN_EXE_pawgrad"));
    for (name, redirected, codes) in [
        ("closed", "2>&-", [0, 0]),
        ("full", "2>/dev/full", [0, 0]),
        ("both", ">&- 2>&-", [0, 8]),
        // The results cannot be written, and that is said; the run is whole.
        ("full-results", ">/dev/full", [8, 8]),
    ] {
        let said = place.bash(&format!("{program} {train} --out {name} {redirected}"));
        assert!(codes.contains(&said.code), "{name}: {} {}", said.code, said.stderr);
        assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
        assert_eq!(place.lines(&format!("{name}/history.csv")).len(), 3, "{name}");
        assert!(!place.path(&format!("{name}/running.lock")).exists());
        place
            .run(&format!("evaluate --device cpu --test-dir test --model {name}/model.safetensors"))
            .succeeds();
    }
}

/// What ends a session sends both at once, and a reader of the results may be gone by then.
#[test]
fn the_end_of_a_session_saves_too() {
    let place = Place::new();
    let mut child = begin(&place, "--out run");
    wait_for_steps(&place, "run", from_mut(&mut child));
    drop((child.stdout.take(), child.stderr.take()));
    send("-TERM", &child);
    send("-HUP", &child);
    // Which of two that wait is heard first is the system's choice.
    assert!([143, 129].contains(&ended(child).status.code().unwrap()));
    place.run("evaluate --device cpu --test-dir test --model run/model.safetensors").succeeds();
    assert!(!place.path("run/running.lock").exists());
}

#[test]
fn what_cannot_be_held_is_refused_before_anything_is_taken() {
    let place = Place::new();
    place.run("summary --image-size 2048").succeeds();
    let said = place.bash(&format!(
        "ulimit -v 4000000; '{}' train --train-dir train --test-dir test --image-size 1024 --device cpu --out run",
        env!("CARGO_BIN_EXE_pawgrad")
    ));
    said.fails(5, &["1024x1024", "MiB", "parameters", "--image-size"]);
    assert!(!place.path("run").exists(), "nothing is left behind");
}

#[test]
fn models_are_regular_files_of_a_size_that_fits() {
    let place = Place::new();
    assert!(Command::new("mkfifo").arg(place.path("pipe")).status().unwrap().success());
    for (file, words) in [
        ("pipe", "no regular file"),
        ("/dev/zero", "no regular file"),
        ("train", "the folder train has no model.safetensors"),
        ("gone", "gone"),
    ] {
        let began = Instant::now();
        for line in [
            "predict --device cpu train/cats/0.png --model",
            "summary --model",
            "evaluate --device cpu --test-dir test --model",
        ] {
            place.run(&format!("{line} {file}")).fails(7, &[file, words]);
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{file}");
    }
    // It says that it is empty, and then has no end.
    if std::path::Path::new("/proc/kmsg").exists() {
        assert_eq!(place.run("summary --model /proc/kmsg").code, 7);
    }
    let file = fs::File::create(place.path("huge")).unwrap();
    file.set_len(1 << 40).unwrap();
    place.run("summary --model huge").fails(5, &["huge", "MiB"]);
}

/// Each flipped bit of a weight, of the network's description, or of the checksum itself.
#[test]
fn a_flipped_bit_is_noticed() {
    let place = Place::new();
    place.train("--out run --max-steps 1").succeeds();
    let good = fs::read(place.path("run/model.safetensors")).unwrap();
    let device = pawgrad::device::Device::cpu();
    let load = |bytes: &[u8]| pawgrad::model::Model::from_bytes(bytes, &device, true);
    load(&good).unwrap();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let mut state = 1u64;
    for _ in 0..400 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let place = header + (state >> 33) as usize % (good.len() - header);
        let mut bad = good.clone();
        bad[place] ^= 1 << (state >> 60 & 7);
        let why = load(&bad).err().unwrap_or_else(|| panic!("byte {place}: not noticed")).to_string();
        assert!(why.contains("checksum") || why.contains("holds"), "{why}");
    }
    let mut file = fs::File::create(place.path("bad")).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    file.write_all(&bad).unwrap();
    place.run("summary --model bad").fails(7, &["bad", "checksum"]);
}
