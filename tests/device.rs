//! The device: reading back, profiles, memory that is counted, and the order of its files.

mod common;

use pawgrad::device::Device;
use pawgrad::ops::add::accumulate;
use pawgrad::ops::relu::relu;
use pawgrad::tape::Tape;
use pawgrad::tensor::{Kind, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn devices() -> [Device; 2] {
    [Device::cpu(), common::software()]
}

/// Runs one pass.
fn run(device: &Device, x: &Tensor) -> Tensor {
    let tape = Tape::new(device, accumulate);
    relu(&tape, &tape.constant(x)).unwrap().tensor
}

#[test]
fn values_read_later_are_those_of_then() {
    for device in devices() {
        let x = Tensor::from_f32(&device, &[2], &[1.0, -2.0]).unwrap();
        let n = Tensor::from_u32(&device, &[3], &[3, 4, 5]).unwrap();
        let y = run(&device, &x);
        let pending = Tensor::read_later(&[&y, &n.rows(1..3)]).unwrap();
        n.fill_zero();
        // In the other order than they were asked for.
        assert_eq!(pollster::block_on(n.read_u32()).unwrap(), [0, 0, 0]);
        let (values, _) = pollster::block_on(pending.wait()).unwrap();
        assert_eq!(values, [vec![1f32.to_bits(), 0], vec![4, 5]]);
    }
}

#[test]
fn a_profile_holds_every_pass_of_every_submit_once() {
    for device in devices() {
        let x = Tensor::from_f32(&device, &[2], &[1.0, -2.0]).unwrap();
        let take = || pollster::block_on(device.take_spans()).unwrap();
        let passes = |count: usize| {
            for _ in 0..count {
                run(&device, &x);
                device.submit().unwrap();
            }
        };
        passes(1);
        device.start_profile().unwrap();
        assert_eq!(take(), []);
        passes(3);
        let spans = take();
        assert_eq!(spans.len(), 3);
        assert!(spans.is_sorted_by(|a, b| a.start + a.seconds <= b.start), "{spans:?}");
        assert_eq!(take(), []);
        // Recorded and not submitted: the end of the profile submits it.
        run(&device, &x);
        assert_eq!(pollster::block_on(device.stop_profile()).unwrap().len(), 1);
        passes(1);
        assert_eq!(take(), []);
    }
}

#[test]
fn live_bytes_are_those_of_the_tensors_that_are_alive() {
    for device in devices() {
        assert_eq!(device.live_bytes(), 0);
        let a = Tensor::zeros(&device, &[10, 10], Kind::F32).unwrap();
        let view = a.rows(2..3).reshape(&[2, 5]);
        assert_eq!(device.live_bytes(), 400, "a view shares the memory");
        drop(a);
        assert_eq!(device.live_bytes(), 400, "the view holds on to it");
        drop(view);
        assert_eq!(device.live_bytes(), 0);
        let b = Tensor::zeros(&device, &[60], Kind::U32).unwrap();
        assert_eq!(device.live_bytes(), 240, "what was asked for, not the larger memory that was there");
        assert_eq!(device.peak_bytes(), 400);
        drop(b);
    }
}

/// The files of src/device with their text.
fn files() -> BTreeMap<String, String> {
    let text = |path| fs::read_to_string(path).unwrap();
    let files = fs::read_dir("src/device").unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_string(), text(path))).collect()
}

/// Only one place waits for the device, and not in a browser, which cannot: there an await alone completes.
#[test]
fn one_native_function_waits_for_the_device() {
    let polls: Vec<_> = files().into_iter().filter(|(_, text)| text.contains(".poll(")).collect();
    let [(file, text)] = &polls[..] else { panic!("{:?}", polls.iter().map(|poll| &poll.0)) };
    let before = text.split(".poll(").next().unwrap();
    assert_eq!((file.as_str(), text.matches(".poll(").count()), ("connection", 1));
    let function = before.rfind("fn ").unwrap();
    assert!(before[..function].ends_with("#[cfg(not(target_arch = \"wasm32\"))]\n    pub "), "{before}");
}

/// The first names of the paths behind `word`: of `super::{Limits, pool::Pool}` those are `Limits` and `pool`.
fn names<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let first = |path: &'a str| path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
    let paths = text.split(word).skip(1);
    paths
        .flat_map(|path| match path.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap().split(", ").map(first).collect(),
            None => vec![first(path)],
        })
        .collect()
}

/// Who reads a file needs those that it uses, and none of them needs it.
#[test]
fn no_files_use_each_other_in_a_circle() {
    let files = files();
    // What `mod.rs` passes on belongs to the file that defines it.
    let passed_on = files["mod"].lines().filter(|line| line.starts_with("pub") && line.contains(" use "));
    let passed_on: Vec<(&str, Vec<&str>)> =
        passed_on.map(|line| (names(line, " use ")[0], names(line, "::"))).collect();
    let defines = |name: &str| match passed_on.iter().find(|(_, names)| names.contains(&name)) {
        Some((file, _)) => file.to_string(),
        None if files.contains_key(name) => name.to_string(),
        None => "mod".to_string(),
    };
    let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in &files {
        let used = match file.as_str() {
            "mod" => names(text, "\nuse ").into_iter().filter(|name| files.contains_key(*name)).collect(),
            _ => names(text, "super::"),
        };
        uses.insert(file, used.into_iter().map(defines).collect());
    }
    assert!(uses["gpu"].contains("readback") && uses["adapters"].contains("mod"), "{uses:?}");
    // Takes away whatever uses nothing that is left: a circle stays.
    while let Some(file) =
        uses.keys().copied().find(|file| !uses[file].iter().any(|used| uses.contains_key(used.as_str())))
    {
        uses.remove(file);
    }
    assert!(uses.is_empty(), "in a circle, or using one: {uses:?}");
}
