//! The references' backward functions against finite differences, in f64.

mod common;

use pawgrad::check::{self, gradient};
use std::collections::BTreeSet;

#[test]
fn every_backward_reference_is_the_derivative_of_its_forward() {
    let cases = check::all();
    let mut failures = Vec::new();
    let mut checked = BTreeSet::new();
    for backward in cases.iter().filter(|case| case.call.name().contains(".backward_")) {
        let forward = gradient::forward_of(&cases, backward).expect("a forward case of the same sizes");
        checked.insert(backward.call.name().to_string());
        if !common::selected(backward.call.name()) {
            continue;
        }
        if let Err(report) = gradient::check(&cases, forward, backward) {
            failures.push(report);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert_eq!(checked, defined(), "every backward function of src/reference is in the table of cases");
}

/// `op.function` of every backward function in src/reference.
fn defined() -> BTreeSet<String> {
    let files = std::fs::read_dir("src/reference").unwrap().map(|file| file.unwrap().path());
    let of_file = |path: std::path::PathBuf| {
        let (op, text) = (path.file_stem().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap());
        let functions = text.lines().filter_map(|line| line.strip_prefix("pub fn backward_"));
        let names = functions.map(|rest| rest.split(['<', '(']).next().unwrap());
        names.map(|name| format!("{}.backward_{name}", op.to_str().unwrap())).collect::<Vec<_>>()
    };
    files.flat_map(of_file).collect()
}
