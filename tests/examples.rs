//! The examples as programs: each ends well and says what it claims. `cargo test` builds them; `cargo test --test examples`
//! alone does not.

mod common;

use common::program::{Place, Said};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// When a file was changed.
fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|about| about.modified()).ok()
}

/// The files that an executable was made from, as cargo lists them beside it.
fn made_from(program: &Path) -> Vec<PathBuf> {
    let list = std::fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let (_, files) = list.split_once(": ").unwrap_or_default();
    // A space in a path has a backslash before it.
    let files = files.trim().replace("\\ ", "\0");
    files.split(' ').map(|file| PathBuf::from(file.replace('\0', " "))).collect()
}

/// The program of an example: it lies beside the folder of this test's own program.
fn example(name: &str) -> Command {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().unwrap().with_file_name("examples").join(name);
    let program = program.with_extension(std::env::consts::EXE_EXTENSION);
    let (built, code) = (changed(&program), made_from(&program));
    assert!(
        built.is_some() && code.len() > 10 && code.iter().all(|file| changed(file) <= built),
        "{} is missing, or older than its code: run `cargo test --release --no-run` first",
        program.display()
    );
    Command::new(program)
}

fn run(name: &str) -> Said {
    let said = Said::of(example(name).output().unwrap());
    said.succeeds();
    said
}

/// The numbers behind each `word` of a text.
fn numbers(text: &str, word: &str) -> Vec<f64> {
    let behind = text.split(word).skip(1);
    behind.map(|rest| rest.split_whitespace().next().unwrap().parse().unwrap()).collect()
}

#[test]
fn tape_prints_a_function_and_its_gradient() {
    let said = run("tape");
    assert!(said.stdout.contains("y      [-0.7310586, 0.5, 2.880797]"), "{}", said.stdout);
    assert!(said.stdout.contains("dy/dx  [1.19661"), "{}", said.stdout);
}

#[test]
fn xor_is_learned() {
    let said = run("xor");
    let losses = numbers(&said.stdout, "loss");
    assert!(losses.len() > 3 && losses.is_sorted_by(|a, b| a > b), "{}", said.stdout);
    let answers: Vec<_> = numbers(&said.stdout, "->").iter().map(|answer| answer.round()).collect();
    assert_eq!(answers, [0.0, 1.0, 1.0, 0.0], "{}", said.stdout);
}

#[test]
fn a_network_of_ones_own_is_described_and_trained() {
    let said = run("own_network");
    assert!(
        said.stdout.contains("conv2 (Conv2D)         (batch, 8, 8, 8)            296"),
        "{}",
        said.stdout
    );
    assert!(numbers(&said.stdout, "accuracy")[0] > 0.9, "{}", said.stdout);
}

#[test]
fn an_op_of_ones_own_passes_every_check_on_the_cpu_and_in_its_shader() {
    let said = Said::of(example("own_op").arg("software").output().unwrap());
    said.succeeds();
    assert_eq!(said.stdout.matches("checks passed").count(), 2, "{}", said.stdout);
    assert!(numbers(&said.stdout, "off by")[0] < 1e-6, "{}", said.stdout);
}

#[test]
fn predict_says_what_the_program_says() {
    let place = Place::new();
    place.train("--out run").succeeds();
    for picture in ["test/cats/0.png", "test/dogs/1.png"] {
        let mut command = example("predict");
        command.args(["run/model.safetensors", picture]).current_dir(place.dir.path());
        let said = Said::of(command.output().unwrap());
        said.succeeds();
        let program = place.run(&format!("predict --device cpu --model run/model.safetensors {picture}"));
        // `cats: 51.3 %` here, `test/cats/0.png: cats (51.3 %)` there, perhaps on another device.
        let (class, score) = said.stdout.trim().split_once(": ").unwrap();
        assert!(program.stdout.contains(&format!(": {class} (")), "{} {}", said.stdout, program.stdout);
        let wanted = numbers(&program.stdout, &format!(": {class} ("))[0];
        let score: f64 = score.trim_end_matches(" %").parse().unwrap();
        assert!((wanted - score).abs() < 0.2, "{} {}", said.stdout, program.stdout);
    }
}

#[test]
fn predict_says_what_is_wrong() {
    for (arguments, words) in [
        (&[][..], "usage: predict MODEL PICTURE"),
        (&["Cargo.toml", "README.md"], "not a whole safetensors file"),
        (&["no such file", "README.md"], "No such file"),
    ] {
        let said = Said::of(example("predict").args(arguments).output().unwrap());
        assert!(said.code != 0 && said.stderr.contains(words), "{}", said.stderr);
        assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
    }
}
