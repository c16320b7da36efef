//! Ends at random moments: kills, signals, a terminal that goes away.

use crate::common::program::{Place, files};
use crate::state::{SHORT, code, contents, whole, with_an_old_run};
use crate::{ENDLESS, begin, ended, goes_on, send, steps_in, until, wait_for_steps};
use pawgrad::random::generator;
use rand::RngExt;
use std::fs;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::slice::from_mut;
use std::time::{Duration, Instant};

/// Longest pause, in milliseconds, before a run that has a model is ended: it trains, and saves again and again.
const PAUSE: u64 = 200;

/// Milliseconds until a run has saved its first model on this machine, as busy as it is now.
fn until_a_model(place: &Place) -> u64 {
    let (began, child) = (Instant::now(), begin(place, "--out first"));
    until("a model is there", || place.path("first/model.safetensors").exists());
    send("-KILL", &child);
    child.wait_with_output().unwrap();
    began.elapsed().as_millis() as u64
}

/// A run that ends after a random time: every second one once it has a model, however long that takes on this machine; the
/// others after up to `longest` milliseconds, wherever they are then.
fn end_at_random(place: &Place, signal: &str, number: u64, longest: u64) -> (String, i32) {
    let run = format!("run{number}");
    let mut child = begin(place, &format!("--out {run}"));
    if has_a_model(number) {
        until("a model is there", || {
            goes_on(&mut child);
            place.path(&run).join("model.safetensors").exists()
        });
    }
    pause(signal, number, if has_a_model(number) { PAUSE } else { longest });
    send(signal, &child);
    let output = ended(child);
    let said = String::from_utf8_lossy(&output.stderr).to_string();
    assert!(!said.contains("panicked"), "{said}");
    (run, code(&output))
}

fn has_a_model(number: u64) -> bool {
    number.is_multiple_of(2)
}

fn pause(signal: &str, number: u64, longest: u64) {
    let after = generator(1, signal, number).random_range(0..longest);
    std::thread::sleep(Duration::from_millis(after));
}

#[test]
fn kills_leave_whole_files() {
    let (place, old) = with_an_old_run();
    let longest = until_a_model(&place);
    for number in 0..80 {
        let (run, code) = end_at_random(&place, "-KILL", number, longest);
        assert_eq!(code, 128 + 9);
        whole(&run, &place.path(&run), true);
        if has_a_model(number) {
            assert!(place.path(&run).join("model.safetensors").exists(), "{run}");
        }
    }
    assert!(contents(&place.path("old")) == old);
    // The next one begins as if nothing had been, with the pictures that the killed ones may have left in the cache.
    place.run(&format!("{SHORT} --out next")).succeeds();
    whole("next", &place.path("next"), false);
    assert_eq!(contents(&place.path("next"))["model.safetensors"], old["model.safetensors"]);
    for file in fs::read_dir(place.path("cache/pawgrad/pictures")).unwrap() {
        assert!(file.unwrap().file_name().to_str().unwrap().ends_with(".pictures"));
    }
}

/// Folders that nobody names: what was killed before its first step is taken away by the next run.
#[test]
fn kills_leave_no_empty_folders_in_runs() {
    let place = Place::new();
    let longest = until_a_model(&place);
    for number in 100..130 {
        let child = begin(&place, "");
        pause("-KILL", number, longest);
        send("-KILL", &child);
        assert_eq!(code(&ended(child)), 128 + 9);
    }
    let runs = || fs::read_dir(place.path("runs")).into_iter().flatten().map(|run| run.unwrap().path());
    runs().for_each(|run| whole("a killed run", &run, true));
    let said = place.run(SHORT);
    let new = said.succeeds().stdout.split("Saved to ").nth(1).unwrap().split(' ').next().unwrap();
    for run in runs() {
        // A kill between two calls, when the folder was made and nobody was named as its owner yet, leaves what could be
        // that of a run that begins just now.
        let is_anybodys =
            fs::read(run.join("running.lock")).unwrap_or_default().is_empty() && files(&run).len() < 2;
        assert!(is_anybodys || steps_in(&run) > 0, "{run:?} is left: {:?}", files(&run));
    }
    whole("the next", &place.path(new), false);
}

#[test]
fn signals_at_random_moments_save_or_leave_nothing() {
    let place = Place::new();
    let longest = until_a_model(&place);
    for number in 0..21 {
        let (signal, wanted) = [("-INT", 2), ("-TERM", 15), ("-HUP", 1)][number as usize % 3];
        let (run, code) = end_at_random(&place, signal, number, longest);
        // Before the first step the system ends it, with the same code as seen by a shell.
        assert_eq!(code, 128 + wanted, "{run}");
        whole(&run, &place.path(&run), true);
        if has_a_model(number) {
            assert!(place.path(&run).join("model.safetensors").exists(), "{run}");
        }
        if place.path(&run).join("history.csv").exists() {
            assert!(!files(&place.path(&run)).contains(&"running.lock".to_string()), "{run}");
        }
    }
}

/// A terminal that is closed: the program is hung up on, and nothing can be printed any more.
#[test]
fn a_dead_terminal_ends_a_run_with_everything_saved() {
    let place = Place::new();
    // Not for the programs that other tests start meanwhile: a terminal is closed when nobody has it any more.
    // SAFETY: the handle is new, and the name is copied before the next call.
    let (ours, name) = unsafe {
        let ours = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(ours >= 0 && libc::grantpt(ours) == 0 && libc::unlockpt(ours) == 0);
        let name = std::ffi::CStr::from_ptr(libc::ptsname(ours)).to_str().unwrap().to_string();
        (OwnedFd::from_raw_fd(ours), name)
    };
    let its = fs::File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(name).unwrap();
    let line = format!("train --train-dir train --test-dir test {ENDLESS} --out run").replace("--quiet", "");
    let mut command = place.command(&line);
    command.stdin(its.try_clone().unwrap()).stdout(its.try_clone().unwrap()).stderr(its.try_clone().unwrap());
    // SAFETY: both calls may be made between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::setsid();
            libc::ioctl(0, libc::TIOCSCTTY as _, 0);
            Ok(())
        });
    }
    let mut child = command.spawn().unwrap();
    drop((command, its));
    // Somebody reads, or the program would wait for room.
    let reader = {
        let mut ours = fs::File::from(ours.try_clone().unwrap());
        let steps = place.path("run/steps.jsonl");
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while fs::read_to_string(&steps).unwrap_or_default().lines().count() < 20 {
                use std::io::Read;
                if ours.read(&mut bytes).is_err() {
                    return;
                }
            }
        })
    };
    wait_for_steps(&place, "run", from_mut(&mut child));
    reader.join().unwrap();
    drop(ours);
    until(
        "it ends",
        || !matches!(fs::read_to_string(format!("/proc/{}/stat", child.id())), Ok(stat) if !stat.contains(") Z ")),
    );
    assert_eq!(child.wait().unwrap().code(), Some(129));
    whole("a dead terminal", &place.path("run"), false);
    assert!(place.path("run/model.safetensors").exists());
}
