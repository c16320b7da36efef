//! Names that a terminal would obey: it never gets to see them as they are.
#![cfg(unix)]

use super::models::{Parts, good};
use crate::common::program::{Place, Said};
use pawgrad::device::{Device, Limits};
use pawgrad::error::{escape, list, shown};
use pawgrad::model::layers::{Conv2d, Dense, Flatten, MaxPool2d};
use pawgrad::model::{Graph, Model, Network};
use pawgrad::train::plan::Plan;
use std::fs;

/// Sets the title of a terminal, clears it, begins a line that looks like ours, and turns the direction of writing.
const NASTY: &str = "\u{1b}]0;x\u{7}\u{1b}[2J\nerror: all is lost\r\u{9b}31m\u{202e}gnp.exe\u{2066}";

/// Asserts that a terminal only writes, and that no line begins as the name has it.
#[track_caller]
fn harmless(said: &Said) {
    for text in [&said.stdout, &said.stderr] {
        assert_eq!(escape(text), *text, "{text:?}");
        assert!(!text.contains("\nerror: all is lost"), "{text}");
    }
}

#[test]
fn a_text_is_spelled_out_and_shortened() {
    assert_eq!(shown("cats"), "cats");
    assert_eq!(shown("Öl ネコ 👩\u{200d}🚀"), "Öl ネコ 👩\u{200d}🚀");
    assert_eq!(
        shown(NASTY),
        "\\u001b]0;x\\u0007\\u001b[2J\\nerror: all is lost\\u000d\\u009b31m\\u202egnp.exe\\u2066"
    );
    assert_eq!(shown("\u{e0041}"), "\\udb40\\udc41");
    let long = shown("x".repeat(5000));
    assert!(long.chars().count() == 301 && long.contains("x…x"), "{long}");
    assert_eq!(shown("x".repeat(300)).len(), 300);
    let names: Vec<_> = (0..12).map(|number| number.to_string()).collect();
    assert_eq!(list(&names), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
    assert_eq!(list(&names[..2]), "0, 1");
    // What a terminal is shown of JSON is still the same JSON.
    let json = serde_json::json!({"path": NASTY}).to_string();
    assert_ne!(escape(&json), json);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&escape(&json)).unwrap()["path"], NASTY);
}

#[test]
fn names_of_classes_files_and_folders_are_harmless() {
    let place = Place::with_dogs_named(NASTY);
    let picture = place.path("test").join(NASTY).join("0.png");
    fs::write(place.path("test").join(NASTY).join(format!("bad{NASTY}.png")), "no picture").unwrap();
    let out = format!("out{NASTY}");
    let run = |line: &str, more: &[&str]| {
        let mut command = place.command(line);
        let said = Said::of(command.args(more).output().unwrap());
        harmless(&said);
        said
    };
    let short =
        "train --train-dir train --test-dir test --image-size 8 --epochs 1 --device cpu --verbose --out";
    let said = run(short, &[&out]);
    said.succeeds();
    assert!(said.stdout.contains("Saved to out\\u001b]0;"), "{}", said.stdout);
    assert!(said.stderr.contains("Passed over 1 of 11 files"), "{}", said.stderr);
    run(short, &[&out]).fails(8, &["not empty"]);
    run("train --device cpu --test-dir test --train-dir", &[NASTY]).fails(3, &["there is no folder"]);
    run("train --device cpu --test-dir train --train-dir", &["train/cats"]).fails(3, &["no class folders"]);
    // What clap says of an argument.
    assert_eq!(run("train", &[&format!("--x{NASTY}")]).code, 2);
    assert_eq!(run("predict --model", &[NASTY, NASTY]).code, 7);

    let model = format!("{out}/model.safetensors");
    run("evaluate --device cpu --test-dir test --model", &[&model]).succeeds();
    run("summary --model", &[&model]).succeeds();
    let nasty = picture.to_str().unwrap();
    let said = run("predict --device cpu --model", &[&model, nasty, "train/cats/0.png", "test"]);
    assert!(
        said.code == 0
            && said.stderr.contains("Passed over 1 of 13 files")
            && said.stdout.lines().count() > 3,
        "{}",
        said.stderr
    );
    let said = run("predict --json --device cpu --model", &[&model, nasty]);
    let prediction: serde_json::Value = serde_json::from_str(said.succeeds().stdout.trim_end()).unwrap();
    assert_eq!(prediction["path"], nasty);
    assert!(prediction["scores"].get(NASTY).is_some(), "{prediction}");
    let said = run("evaluate --json --device cpu --test-dir test --model", &[&model]);
    let evaluation: serde_json::Value = serde_json::from_str(said.succeeds().stdout.trim_end()).unwrap();
    assert_eq!(evaluation["classes"][0], NASTY);
}

/// On an adapter what is too large is named, and so are kernels of a table of rungs.
#[test]
fn names_in_errors_of_an_adapter_are_harmless() {
    let place = Place::new();
    let run = |line: &str, words: &[&str]| {
        let said = place.run(line);
        harmless(&said);
        said.fails(if line.contains("--tuning") { 2 } else { 5 }, words);
    };
    // What the first layer keeps is over the 128 MiB that a software adapter binds.
    let graph = Graph::new().add(NASTY, Conv2d::new(200, 3), &["input"]);
    let graph = graph.then(MaxPool2d::new(64)).then(Flatten {}).then(Dense::new(1));
    let classes = ["cats", "dogs"].map(str::to_string).to_vec();
    let device = Device::cpu();
    let model = Model::new(Network::new(classes, 512, graph), &device, 1, true).unwrap();
    fs::write(place.path("wide"), pollster::block_on(model.to_bytes()).unwrap()).unwrap();
    let named = "\\nerror: all is lost";
    run("predict --device software train/cats/0.png --model wide", &[named, "of one picture"]);
    // The same with the other limits.
    for (max_binding, micro_batch, words) in
        [(1000, None, "over the limit of 1000"), (512 << 20, Some(9), "a micro-batch of 9")]
    {
        let limits = Limits { max_binding, ..*device.limits() };
        let why = Plan::new(&model, &limits, 9, micro_batch).unwrap_err().message;
        assert!(why.contains(words) && why.contains(named) && !why.contains('\n'), "{why}");
    }

    let train =
        "train --train-dir train --test-dir test --image-size 8 --max-steps 1 --device software --out";
    place.run(&format!("{train} run")).succeeds();
    let rungs = fs::read_to_string(place.path("run/rungs.toml")).unwrap();
    let (head, _) = rungs.split_once("[rungs]\n").unwrap();
    // A key ends with the first space.
    let key = serde_json::json!(NASTY.replace(' ', "\t")).to_string();
    fs::write(place.path("rungs.toml"), format!("{head}[rungs]\n{key} = \"x\"\n")).unwrap();
    run(&format!("{train} other --tuning rungs.toml"), &["this program has no \\u001b", "\\nerror:\\tall"]);
}

#[test]
fn what_a_model_file_says_is_harmless() {
    let place = Place::new();
    let parts = Parts::of(&good());
    let summary = |bytes: &[u8]| {
        fs::write(place.path("odd.safetensors"), bytes).unwrap();
        let said = place.run("summary --model odd.safetensors");
        harmless(&said);
        said
    };
    let quoted = serde_json::json!(NASTY).to_string();
    let replace = |at: &str| super::mutate::replaced(&parts.network, at, &quoted);
    summary(&parts.with_network(&replace("/classes/0"))).succeeds();
    summary(&parts.with_network(&replace("/nodes/0/name"))).fails(7, &["odd.safetensors"]);
    for place in ["/nodes/0/type", "/nodes/1/inputs/0", "/nodes/0/padding", "/head", "/preprocessing/resize"]
    {
        summary(&parts.with_network(&replace(place))).fails(7, &["odd.safetensors", "\\u"]);
    }
    summary(&parts.with_network(&parts.network.to_string().replace("\"head\"", &quoted))).fails(7, &["\\u"]);
    let header = parts.header.to_string().replace("\"conv1.bias\"", &quoted);
    summary(&parts.with_header(&header)).fails(7, &["conv1.bias", "missing"]);
    let two = format!("{{{quoted}:1,{quoted}:2}}");
    summary(&parts.with_header(&two)).fails(7, &["odd.safetensors"]);
}
