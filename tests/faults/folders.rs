//! The folder of a run: nobody else's is touched, and of what was killed nothing is in the way.

use crate::common::program::{Place, Said, files};
use crate::{ENDLESS, begin, ended, goes_on, send, steps_in, until, wait_for_steps};
use pawgrad::run::{Claim, is_running};
use std::fs;
use std::slice::from_mut;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

#[test]
fn a_run_folder_has_one_run() {
    let place = Place::new();
    let mut first = begin(&place, "--out run");
    wait_for_steps(&place, "run", from_mut(&mut first));
    let second = place.run(&format!("train --train-dir train --test-dir test {ENDLESS} --out run"));
    second.fails(8, &["run", &format!("process {}", first.id()), "--out"]);
    // Without a name each gets a folder of its own, also within one second.
    let mut others: Vec<_> = (0..3).map(|_| begin(&place, "")).collect();
    // What is there before is the folder that each takes for a moment at first, to see that it can.
    until("three runs train", || {
        others.iter_mut().for_each(goes_on);
        let runs = fs::read_dir(place.path("runs")).into_iter().flatten().flatten();
        runs.filter(|run| steps_in(&run.path()) >= 5).count() == 3
    });
    for child in others.into_iter().chain([first]) {
        send("-TERM", &child);
        let said = Said::of(ended(child));
        assert_eq!(said.code, 143, "{}", said.stderr);
    }
}

/// However close they are, one of them gets it, and who only looks whether a run goes on keeps nobody out.
#[test]
fn of_many_at_once_one_gets_the_folder() {
    let place = Place::new();
    for round in 0..50 {
        let folder = place.path(&format!("run{round}"));
        let all = Barrier::new(4);
        let claim = || {
            all.wait();
            let claim = Claim::new(Some(&folder));
            // Until all have tried.
            all.wait();
            claim.map(drop).map_err(|why| why.message)
        };
        let results = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(claim)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert_eq!(results.iter().flatten().count(), 1, "{results:?}");
        assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|why| why.contains("goes on")));
    }
    let (folder, ended) = (place.path("looked-at"), AtomicBool::new(false));
    fs::create_dir(&folder).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Relaxed) {
                is_running(&folder);
            }
        });
        let claims: Vec<_> = (0..2000).map(|_| Claim::new(Some(&folder)).map(drop)).collect();
        ended.store(true, Relaxed);
        claims.into_iter().for_each(|claim| claim.unwrap());
    });
}

/// Who tries a folder takes it away again if nothing is in it, between any two calls of another who tries it.
#[test]
fn a_folder_that_others_take_away_is_made_again() {
    /// Fewer for each claim than it tries, however the two are scheduled.
    const MOST: usize = 10;
    let place = Place::new();
    let folder = place.path("outer/run");
    let (begun, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut claim, mut taken) = (0, 0);
            while !ended.load(Relaxed) {
                if claim != begun.load(Relaxed) {
                    (claim, taken) = (begun.load(Relaxed), 0);
                }
                if taken < MOST && fs::remove_dir(&folder).is_ok() {
                    taken += 1;
                }
            }
        });
        let claim = |number| {
            begun.store(number, Relaxed);
            Claim::new(Some(&folder)).map(drop)
        };
        let claims: Vec<_> = (0..1000).map(claim).collect();
        ended.store(true, Relaxed);
        claims.into_iter().for_each(|claim| claim.unwrap());
    });
}

#[test]
fn who_looks_for_long_is_waited_for_and_then_named() {
    let place = Place::new();
    let folder = place.path("run");
    fs::create_dir(&folder).unwrap();
    let looks = fs::File::create(folder.join("running.lock")).unwrap();
    looks.lock_shared().unwrap();
    let why = Claim::new(Some(&folder)).map(drop).unwrap_err().message;
    assert!(why.contains("while it looks at it"), "{why}");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(1000));
            looks.unlock().unwrap();
        });
        drop(Claim::new(Some(&folder)).unwrap());
    });
}

/// Somebody deletes the folder of a run that goes on, and begins another there.
#[test]
fn a_folder_that_was_deleted_and_begun_anew_is_the_second_runs() {
    let place = Place::new();
    let mut first = begin(&place, "--out run");
    wait_for_steps(&place, "run", from_mut(&mut first));
    until("the folder is deleted", || {
        let _ = fs::remove_dir_all(place.path("run"));
        !place.path("run").exists()
    });
    let mut second = begin(&place, "--out run");
    let said = Said::of(ended(first));
    said.fails(8, &["run", "not this run's any more"]);
    wait_for_steps(&place, "run", from_mut(&mut second));
    assert!(place.path("run/running.lock").exists(), "the second has its lock");
    let third = place.run(&format!("train --train-dir train --test-dir test {ENDLESS} --out run"));
    third.fails(8, &[&format!("process {}", second.id())]);
    send("-TERM", &second);
    assert_eq!(Said::of(ended(second)).code, 143);
    assert!(!place.path("run/running.lock").exists());
}

/// A folder of somebody else stays as it is.
#[test]
fn a_refused_folder_is_untouched() {
    let place = Place::new();
    fs::create_dir(place.path("mine")).unwrap();
    fs::write(place.path("mine/running.lock"), "precious").unwrap();
    fs::write(place.path("mine/other"), "precious").unwrap();
    place.train("--out mine").fails(8, &["not empty"]);
    // Also where it is the only file, and has the name of ours.
    for (folder, text) in [("alone", "precious"), ("short", "p"), ("bytes", "\0")] {
        fs::create_dir(place.path(folder)).unwrap();
        fs::write(place.path(folder).join("running.lock"), text).unwrap();
        place.train(&format!("--out {folder}")).fails(8, &[folder, "not empty"]);
        assert_eq!(fs::read_to_string(place.path(folder).join("running.lock")).unwrap(), text);
    }
    fs::create_dir(place.path("link")).unwrap();
    std::os::unix::fs::symlink(place.path("mine/other"), place.path("link/running.lock")).unwrap();
    place.train("--out link").fails(8, &["running.lock"]);
    for file in ["mine/running.lock", "mine/other"] {
        assert_eq!(fs::read_to_string(place.path(file)).unwrap(), "precious");
    }
}

/// The next run in the folder of one that was killed while it was prepared takes it over.
#[test]
fn a_killed_run_leaves_nothing_in_the_way() {
    let place = Place::new();
    fs::create_dir(place.path("run")).unwrap();
    fs::write(place.path("run/running.lock"), "process 1 since 2020-01-01 00:00:00\n").unwrap();
    place.train("--out run --max-steps 1").succeeds();
    assert!(!place.path("run/running.lock").exists());
}

#[test]
fn what_was_killed_before_its_first_step_goes_and_nothing_else() {
    let place = Place::new();
    let dead = "process 1 since 2020-01-01 00:00:00\n";
    let lock = ("running.lock", dead);
    let config = ("config.toml", "seed = 1\n");
    let left = |run: &str, files: &[(&str, &str)]| {
        fs::create_dir_all(place.path(run)).unwrap();
        files.iter().for_each(|(name, text)| fs::write(place.path(run).join(name), text).unwrap());
    };
    left("runs/killed-1", &[lock]);
    left("runs/killed-2", &[lock, config, (".config.toml.aB3dE6", ""), ("steps.jsonl", "")]);
    left("again", &[lock, config, ("steps.jsonl", "")]);
    left("runs/begins-just-now", &[("running.lock", "")]);
    left("runs/ended-by-itself", &[config, ("steps.jsonl", "")]);
    left("runs/has-steps", &[lock, config, ("steps.jsonl", "{}\n")]);
    left("runs/has-more", &[lock, ("notes", "precious")]);
    left("runs/has-other", &[lock, (".config.toml.backup1", "precious")]);
    left("runs/goes-on", &[lock, config, ("steps.jsonl", "")]);
    left("elsewhere", &[lock, config]);
    std::os::unix::fs::symlink(place.path("elsewhere"), place.path("runs/link")).unwrap();
    let held = fs::File::open(place.path("runs/goes-on/running.lock")).unwrap();
    held.lock().unwrap();

    place.train("--out again --max-steps 1").succeeds();
    assert_eq!(place.lines("again/steps.jsonl").len(), 1);
    place.train("--out runs/goes-on").fails(8, &["a run goes on"]);
    place.train("--max-steps 1").succeeds();
    let names =
        ["begins-just-now", "ended-by-itself", "goes-on", "has-more", "has-other", "has-steps", "link"];
    assert_eq!(files(&place.path("runs"))[1..], names);
    assert_eq!(files(&place.path("runs/goes-on")), ["config.toml", "running.lock", "steps.jsonl"]);
    assert_eq!(files(&place.path("runs/has-steps")), ["config.toml", "running.lock", "steps.jsonl"]);
    assert_eq!(files(&place.path("elsewhere")), ["config.toml", "running.lock"]);
}
