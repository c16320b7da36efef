//! Errors of the system at every call of a short run that writes, renames, removes or opens something.
//!
//! `strace` makes single calls fail (tests/run installs it).

use crate::common::program::Place;
use crate::resume::has_checkpoint;
use crate::state::{SHORT, code, contents, ended_by_itself, whole, with_an_old_run};
use std::collections::{BTreeMap, BTreeSet};
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
    command.env("RAYON_NUM_THREADS", "1").env_remove("LD_LIBRARY_PATH").stdin(Stdio::null());
    command.output().expect("the tests of injected errors need strace (tests/run installs it)")
}

/// One call of a run that goes well.
struct Call {
    name: String,
    /// Which call of this name it is in its thread, from 1 on: strace counts so.
    number: usize,
    /// Its arguments and its result.
    line: String,
}

/// All calls of a run that goes well, without those of the system's loader.
fn calls(place: &Place) -> Vec<Call> {
    let _ = fs::remove_dir_all(place.path("cache"));
    let output = traced(place, "plain", "calls.log", &[]);
    assert_eq!(code(&output), 0, "strace must be allowed here: {}", String::from_utf8_lossy(&output.stderr));
    let mut numbers = BTreeMap::<(String, String), usize>::new();
    let mut calls = Vec::new();
    for line in fs::read_to_string(place.path("calls.log")).unwrap().lines() {
        let (thread, line) = line.split_once(' ').unwrap();
        let Some((name, line)) = line.trim_start().split_once('(') else { continue };
        if CALLS.iter().any(|(call, _)| *call == name) {
            let number = numbers.entry((thread.to_string(), name.to_string())).or_default();
            *number += 1;
            calls.push(Call { name: name.to_string(), number: *number, line: line.to_string() });
        }
    }
    let of_loader = calls.iter().rposition(|call| call.line.contains(".so")).map_or(0, |last| last + 1);
    // Any thread's call of a number fails: not those that the loader makes.
    let most = calls[..of_loader].iter().map(|call| call.number).max().unwrap_or(0);
    calls.drain(..of_loader);
    calls.retain(|call| call.name != "openat" || call.number > most);
    calls
}

/// Runs that each meet one error: `when` says from which call on, in strace's words.
fn inject(is_tried: impl Fn(&Call) -> bool, when: impl Fn(usize) -> String) {
    let (place, old) = with_an_old_run();
    let mut codes = BTreeMap::<i32, usize>::new();
    let (mut tried, mut hits, mut went_on) = (BTreeSet::new(), 0, 0);
    for call in calls(&place).iter().filter(|call| is_tried(call)) {
        if !tried.insert((call.name.clone(), call.number)) {
            continue;
        }
        let Call { name, number, line } = call;
        let (_, error) = CALLS.iter().find(|(known, _)| known == name).unwrap();
        let what = format!("{error} at {name} number {number} ({line}");
        // Cached pictures, or none, as in the run whose calls were counted.
        let _ = fs::remove_dir_all(place.path("cache"));
        let _ = fs::remove_dir_all(place.path("run"));
        let inject = format!("inject={name}:error={error}:when={}", when(*number));
        let output = traced(&place, "run", "injected.log", &["-e", &inject]);
        let log = fs::read_to_string(place.path("injected.log")).unwrap_or_default();
        hits += usize::from(log.contains("(INJECTED)"));
        ended_by_itself(&what, &output);
        // Where nothing can be removed, something stays.
        whole(&what, &place.path("run"), name == "unlink" || name == "rmdir" || when(*number).contains('+'));
        if code(&output) == 0 {
            assert!(place.path("run/model.safetensors").exists(), "{what}");
        } else if has_checkpoint(&place.path("run")) && !has_finished(&place) {
            // Where the disk is well again, it goes on to what it would have been.
            went_on += 1;
            place.run("train --resume run --quiet").succeeds();
            for name in ["model.safetensors", "best.safetensors"] {
                assert!(contents(&place.path("run"))[name] == old[name], "{what}: {name} is another one");
            }
            whole(&what, &place.path("run"), false);
        }
        assert!(contents(&place.path("old")) == old, "{what}: it changed another run");
        *codes.entry(code(&output)).or_default() += 1;
    }
    println!("{hits} errors of {} tried; exit codes {codes:?}; {went_on} runs went on", tried.len());
    // A run that takes another way, as with a cache, may make fewer calls.
    assert!(
        tried.len() > 8 && hits * 10 >= tried.len() * 9,
        "only {hits} of {} errors were met",
        tried.len()
    );
}

/// A run may be whole though what it says of that cannot be printed.
fn has_finished(place: &Place) -> bool {
    let outcome = fs::read_to_string(place.path("run/outcome.toml"));
    outcome.is_ok_and(|outcome| outcome.contains("kind = \"finished\""))
}

/// Whether a call asks about the machine or the time, and not for the program's own files.
fn is_about_the_machine(call: &Call) -> bool {
    ["\"/sys", "\"/proc", "\"/usr/share/zoneinfo"].iter().any(|of| call.line.contains(of))
}

/// Each once: what is tried again succeeds.
#[test]
fn one_error_at_every_call() {
    inject(|call| !is_about_the_machine(call), |number| number.to_string());
}

#[test]
#[ignore = "long: tests/faults/long runs it"]
fn one_error_at_every_call_that_asks_about_the_machine() {
    inject(is_about_the_machine, |number| number.to_string());
}

/// From each on, for good: as when a disk is full, or went away.
#[test]
#[ignore = "long: tests/faults/long runs it"]
fn errors_from_every_call_on() {
    inject(|call| !is_about_the_machine(call), |number| format!("{number}+"));
}

/// A folder that cannot be listed may hold anything.
#[test]
fn a_folder_that_cannot_be_listed_is_not_taken_for_empty() {
    let (place, old) = with_an_old_run();
    // Only calls about this folder fail.
    let run = place.path("old");
    let output = traced(
        &place,
        "old",
        "/dev/null",
        &["-P", run.to_str().unwrap(), "-e", "inject=getdents64:error=EIO"],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), 8, "{said}");
    assert!(said.contains("old cannot be listed: Input/output error"), "{said}");
    assert!(contents(&run) == old, "the old run is untouched");
}

#[test]
fn a_write_that_fails_once_is_tried_again_and_said() {
    let place = Place::new();
    let calls = calls(&place);
    for (of, file) in
        [("{\\\"step", "steps.jsonl"), ("__metadata__", "model.safetensors"), ("epoch,acc", "history.csv")]
    {
        let number = calls.iter().find(|call| call.name == "write" && call.line.contains(of)).unwrap().number;
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
