//! What a run may leave behind, however it ended: whole files, and nothing else.

use crate::common::program::{Place, files};
use pawgrad::device::Device;
use pawgrad::model::{Model, SavedModel};
use pawgrad::train::Checkpoint;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

/// A short run, of two epochs with three steps each.
pub const SHORT: &str =
    "train --train-dir train --test-dir test --image-size 8 --epochs 2 --batch-size 4 --seed 1 --device cpu";

/// The exit code; that of a shell where a signal ended the program.
pub fn code(output: &Output) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap())
}

/// Asserts that a program ended with one of its own codes, without a panic.
#[track_caller]
pub fn ended_by_itself(what: &str, output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{what}: {said}");
    assert!((0..=9).contains(&code(output)), "{what}: {} {said}", code(output));
}

/// Asserts that all files of a run's folder are whole. `may_be_cut`: the program was killed, so that its lock, the file that
/// it was writing, and half of a step's line may be there.
#[track_caller]
pub fn whole(what: &str, run: &Path, may_be_cut: bool) {
    if !run.exists() {
        return;
    }
    for name in files(run) {
        let bytes = fs::read(run.join(&name)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        match name.as_str() {
            "config.toml" | "outcome.toml" | "rungs.toml" => {
                drop(toml::from_str::<toml::Table>(&text).unwrap())
            }
            "model.safetensors" | "best.safetensors" => {
                assert!(SavedModel::read(&bytes).unwrap().has_checksum());
                Model::from_bytes(&bytes, &Device::cpu(), true).unwrap_or_else(|why| panic!("{what}: {why}"));
            }
            "history.csv" => {
                assert!(
                    text.ends_with('\n') && text.lines().all(|line| line.split(',').count() == 7),
                    "{what}: {text}"
                );
            }
            "curves.svg" => {
                assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"), "{what}")
            }
            "steps.jsonl" => {
                assert!(may_be_cut || text.is_empty() || text.ends_with('\n'), "{what}: {text}");
                for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                    serde_json::from_str::<serde_json::Value>(line)
                        .unwrap_or_else(|why| panic!("{what}: {why}: {line}"));
                }
            }
            name if name.starts_with("checkpoint-") => {
                let checkpoint =
                    Checkpoint::read(&bytes).unwrap_or_else(|why| panic!("{what}: {name}: {why}"));
                assert_eq!(name, format!("checkpoint-{:08}.safetensors", checkpoint.position.step), "{what}");
            }
            // A picture that could not be opened is passed over, and listed.
            "skipped.csv" => assert!(text.ends_with('\n') && text.lines().count() > 1, "{what}: {text}"),
            "running.lock" => assert!(may_be_cut, "{what}: the lock is left"),
            other => assert!(may_be_cut && other.starts_with('.'), "{what}: {other} is left"),
        }
    }
    let has = |name: &str| run.join(name).exists();
    assert!(!has("history.csv") || has("model.safetensors"), "{what}: a history without its model");
}

/// All files below a folder, with what they hold.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    files(folder).into_iter().map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

/// A place with a run that ended well; nothing that happens to others may change it.
pub fn with_an_old_run() -> (Place, BTreeMap<String, Vec<u8>>) {
    let place = Place::new();
    place.run(&format!("{SHORT} --out old")).succeeds();
    let old = contents(&place.path("old"));
    assert_eq!(old.len(), 9);
    (place, old)
}
