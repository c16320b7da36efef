//! Errors of the system at every call of a short run that writes, renames, removes or opens something.
//!
//! `strace` makes single calls fail (tests/run installs it).

use crate::common::program::Place;
use crate::state::{SHORT, code, contents, ended_by_itself, whole, with_an_old_run};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output, Stdio};

/// Calls, and the error that each is answered with.
const CALLS: [(&str, &str); 12] = [
    ("write", "ENOSPC"),
    ("fsync", "EIO"),
    ("fdatasync", "EIO"),
    ("ftruncate", "EIO"),
    ("linkat", "ENOSPC"),
    ("renameat", "EIO"),
    ("rename", "EIO"),
    ("unlink", "EIO"),
    ("rmdir", "EIO"),
    ("mkdir", "ENOSPC"),
    ("openat", "EMFILE"),
    ("getdents64", "EIO"),
];

/// A short run under strace.
fn traced(place: &Place, run: &str, log: &str, more: &[&str]) -> Output {
    let program = place.command(&format!("{SHORT} --out {run}"));
    let calls = CALLS.map(|(call, _)| call).join(",");
    let mut command = Command::new("strace");
    command.args(["-f", "--seccomp-bpf", "-o", log, "-e", &format!("trace={calls}")]).args(more);
    command.arg(program.get_program()).args(program.get_args()).current_dir(place.path(""));
    for (key, value) in program.get_envs() {
        command.env(key, value.unwrap());
    }
    // One thread: what each thread does is counted for itself.
    command.env("RAYON_NUM_THREADS", "1").stdin(Stdio::null());
    command.output().expect("the tests of injected errors need strace (tests/run installs it)")
}

/// The calls of the main thread of a run that goes well, one by one: name, arguments.
fn calls(place: &Place) -> Vec<(String, String)> {
    let output = traced(place, "plain", "calls.log", &[]);
    assert_eq!(code(&output), 0, "strace must be allowed here: {}", String::from_utf8_lossy(&output.stderr));
    let log = fs::read_to_string(place.path("calls.log")).unwrap();
    let main = log.split_whitespace().next().unwrap().to_string();
    let of_main = log.lines().filter_map(|line| line.strip_prefix(&main)?.trim_start().split_once('('));
    of_main
        .filter(|(name, _)| CALLS.iter().any(|(call, _)| call == name))
        .map(|(name, arguments)| (name.to_string(), arguments.to_string()))
        .collect()
}

/// Runs that each meet one error: `when` says from which call on, in strace's words.
fn inject(is_tried: impl Fn(&str, &str) -> bool, when: impl Fn(usize) -> String) {
    let (place, old) = with_an_old_run();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut codes, mut tried) = (BTreeMap::<i32, usize>::new(), 0);
    let calls = calls(&place);
    // What the loader of the system opens comes before the program begins.
    let begin = calls.iter().rposition(|(_, arguments)| arguments.contains(".so")).unwrap_or(0);
    for (index, (call, arguments)) in calls.iter().enumerate() {
        let number = numbers.entry(call).or_default();
        *number += 1;
        if index <= begin || !is_tried(call, arguments) {
            continue;
        }
        let (_, error) = CALLS.iter().find(|(known, _)| known == call).unwrap();
        let what = format!("{error} at {call} number {number} ({arguments})");
        // Cached pictures, or none, as in the run whose calls were counted.
        let _ = fs::remove_dir_all(place.path("cache"));
        let _ = fs::remove_dir_all(place.path("run"));
        let inject = format!("inject={call}:error={error}:when={}", when(*number));
        let output = traced(&place, "run", "/dev/null", &["-e", &inject]);
        ended_by_itself(&what, &output);
        // Where nothing can be removed, something stays.
        whole(&what, &place.path("run"), call == "unlink" || call == "rmdir" || when(*number).contains('+'));
        if code(&output) == 0 {
            assert!(place.path("run/model.safetensors").exists(), "{what}");
        }
        assert!(contents(&place.path("old")) == old, "{what}: it changed another run");
        *codes.entry(code(&output)).or_default() += 1;
        tried += 1;
    }
    println!("{tried} errors; exit codes {codes:?}");
    assert!(tried > 8, "{calls:?}");
}

/// Each once: what is tried again succeeds.
#[test]
fn one_error_at_every_call() {
    inject(
        |call, arguments| call != "openat" || !["\"/sys", "\"/proc"].iter().any(|of| arguments.contains(of)),
        |number| number.to_string(),
    );
}

#[test]
#[ignore = "long: tests/faults/long runs it"]
fn one_error_at_every_call_that_asks_about_the_machine() {
    inject(
        |call, arguments| call == "openat" && ["\"/sys", "\"/proc"].iter().any(|of| arguments.contains(of)),
        |number| number.to_string(),
    );
}

/// From each on, for good: as when a disk is full, or went away.
#[test]
#[ignore = "long: tests/faults/long runs it"]
fn errors_from_every_call_on() {
    inject(
        |call, arguments| {
            let of_the_machine = ["\"/sys", "\"/proc"].iter().any(|of| arguments.contains(of));
            // Where nothing can be printed any more, nothing can be said about it.
            !of_the_machine
                && !(call == "write" && (arguments.starts_with("1,") || arguments.starts_with("2,")))
        },
        |number| format!("{number}+"),
    );
}

#[test]
fn a_write_that_fails_once_is_tried_again_and_said() {
    let place = Place::new();
    let calls = calls(&place);
    for (of, file) in
        [("{\\\"step", "steps.jsonl"), ("__metadata__", "model.safetensors"), ("epoch,acc", "history.csv")]
    {
        let writes: Vec<_> = calls.iter().filter(|(call, _)| call == "write").collect();
        let number = 1 + writes.iter().position(|(_, arguments)| arguments.contains(of)).unwrap();
        let inject = format!("inject=write:error=ENOSPC:when={number}");
        let _ = fs::remove_dir_all(place.path("run"));
        let _ = fs::remove_dir_all(place.path("cache"));
        let output = traced(&place, "run", "/dev/null", &["-e", &inject]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(code(&output), 0, "{file}: {said}");
        assert!(
            said.contains(file) && said.contains("tried again") && said.contains("MiB are free"),
            "{said}"
        );
        // But for the times.
        for file in ["model.safetensors", "config.toml"] {
            assert_eq!(
                fs::read(place.path("run").join(file)).unwrap(),
                fs::read(place.path("plain").join(file)).unwrap()
            );
        }
        assert_eq!(place.lines("run/steps.jsonl").len(), 6, "{file}");
        whole(file, &place.path("run"), false);
    }
}
