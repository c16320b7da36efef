//! Disks that are full.

use crate::begin;
use crate::common::program::{Place, Said};
use crate::state::{SHORT, code, contents, whole};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Set in the process of a test that has a small disk.
const INSIDE: &str = "PAWGRAD_TEST_HAS_DISK";

/// Where mounts end with the process: root may have such a place, and others as root among users of their own.
const NAMESPACES: [&[&str]; 2] = [&["--mount"], &["--mount", "--user", "--map-root-user"]];

/// Runs the test of this name once more, with a disk of so many bytes in the folder "disk" of the scenario's place.
fn on_a_disk(size: &str, test: &str, scenario: impl FnOnce(&Place)) {
    if std::env::var_os(INSIDE).is_some() {
        let place = Place::new();
        fs::create_dir(place.path("disk")).unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "none"]).arg(place.path("disk"));
        assert!(mount.status().unwrap().success());
        return scenario(&place);
    }
    let inside = |namespace: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(namespace);
        command
    };
    let can_mount = |namespace: &&[&str]| {
        let tried = inside(namespace).args(["mount", "-t", "tmpfs", "none", "/tmp"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let Some(namespace) = NAMESPACES.into_iter().find(can_mount) else {
        let is_said = std::env::var_os("PAWGRAD_WITHOUT_DISKS").is_some();
        assert!(
            is_said,
            "a full disk is a small one that is mounted in a namespace (unshare of util-linux), which is not allowed here even \
             to root of a user namespace. Set PAWGRAD_WITHOUT_DISKS=1 to go without, as tests/run does, which then says so"
        );
        // With its own standard error: the test's harness shows only what failing tests said.
        let _ = writeln!(std::io::stderr(), "NOT RUN: {test}, as PAWGRAD_WITHOUT_DISKS is set.");
        return;
    };
    let mut again = inside(namespace);
    let test = format!("disks::{test}");
    again.arg(std::env::current_exe().unwrap()).args(["--exact", &test, "--nocapture"]).env(INSIDE, "1");
    let said = Said::of(again.output().unwrap());
    assert!(said.code == 0 && said.stdout.contains("1 passed"), "{}{}", said.stdout, said.stderr);
}

#[test]
fn a_disk_that_is_too_small_is_found_out_before_training() {
    on_a_disk("1m", "a_disk_that_is_too_small_is_found_out_before_training", |place| {
        let said = place.run(&format!("{SHORT} --out disk/run"));
        said.fails(8, &["disk/run", "MiB", "free", "--out"]);
        assert!(!said.stderr.contains("Epoch") && !place.path("disk/run").exists(), "{}", said.stderr);
    });
}

/// A run has 15 times its model's size at most; after two epochs 8 of them are there.
#[test]
fn a_run_that_goes_on_needs_no_room_for_what_it_has() {
    on_a_disk("60m", "a_run_that_goes_on_needs_no_room_for_what_it_has", |place| {
        place.run(&format!("{SHORT} --out disk/run")).succeeds();
        let size = fs::metadata(place.path("disk/run/model.safetensors")).unwrap().len();
        let leave = |times: u64| {
            let rest = format!(
                "rm -f disk/filler; fallocate -l $(($(df --output=avail -B1 disk | tail -1) - {})) disk/filler",
                times * size
            );
            place.bash(&rest).succeeds();
        };
        leave(5);
        let before = contents(&place.path("disk/run"));
        place.run("train --resume disk/run --epochs 3").fails(8, &["disk/run", "MiB", "free"]);
        assert!(contents(&place.path("disk/run")) == before);
        leave(10);
        place.run("train --resume disk/run --epochs 3").succeeds();
    });
}

#[test]
fn a_disk_that_fills_up_ends_the_run_and_keeps_what_was_saved() {
    on_a_disk("120m", "a_disk_that_fills_up_ends_the_run_and_keeps_what_was_saved", fill_up);
}

fn fill_up(place: &Place) {
    let child = begin(place, "--out disk/run");
    let has_model = || place.path("disk/run/model.safetensors").exists();
    crate::until("a model is there", has_model);
    let fill = || fill(place);
    // Room is made before the last try: it goes on.
    fill();
    let began = Instant::now();
    std::thread::sleep(Duration::from_millis(2000));
    fs::remove_file(place.path("disk/filler")).unwrap();
    let epochs =
        || fs::read_to_string(place.path("disk/run/history.csv")).unwrap_or_default().lines().count();
    let then = epochs();
    crate::until("it goes on", || epochs() > then + 1);
    println!("went on after {:?}", began.elapsed());
    // And now for good.
    let mut rest = Vec::new();
    while place.path("disk/run/running.lock").exists() {
        fill();
        rest.push(());
        std::thread::sleep(Duration::from_millis(50));
        assert!(rest.len() < 2000, "it did not end");
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), 8, "{said}");
    assert!(
        said.contains("tried again")
            && said.contains("No space left")
            && said.contains("all steps are in disk/run"),
        "{said}"
    );
    whole("a full disk", &place.path("disk/run"), false);
    place.run("evaluate --device cpu --test-dir test --model disk/run/model.safetensors").succeeds();
}

/// Of a line that does not fit, a part does.
#[test]
fn a_full_disk_leaves_no_half_of_a_line() {
    on_a_disk("40m", "a_full_disk_leaves_no_half_of_a_line", |place| {
        // An epoch so long that only steps are written.
        for number in 5..4000 {
            let [from, to] = [0, number].map(|number| place.path(&format!("train/cats/{number}.png")));
            fs::hard_link(from, to).unwrap();
        }
        let line = SHORT.replace("--batch-size 4", "--batch-size 1 --quiet --out disk/run");
        let child = place.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let steps = || fs::read_to_string(place.path("disk/run/steps.jsonl")).unwrap_or_default();
        crate::until("it trains", || steps().lines().count() > 10);
        fill(place);
        crate::until("a part of a line is written", || !steps().ends_with('\n'));
        let then = steps().lines().count();
        fs::remove_file(place.path("disk/filler")).unwrap();
        crate::until("it goes on", || steps().lines().count() > then + 100);
        fill(place);
        let said = Said::of(child.wait_with_output().unwrap());
        said.fails(8, &["disk/run/steps.jsonl", "tried again", "No space left"]);
        assert!(steps().lines().count() > then + 100);
        whole("a full disk", &place.path("disk/run"), false);
    });
}

/// Takes what is left of the disk.
fn fill(place: &Place) {
    let mut file = fs::File::options().append(true).create(true).open(place.path("disk/filler")).unwrap();
    while file.write_all(&[1; 4096]).is_ok() {}
}
