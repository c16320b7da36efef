//! The lists of wrong edits in tests/mutants, without making the edits: they fit the code, and leave out no kernel.
//! `tests/mutants/run` makes them.

use pawgrad::check::all;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One wrong edit.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    kernel: String,
    file: String,
    within: Option<String>,
    wrong: String,
    from: String,
    to: String,
}

#[derive(serde::Deserialize)]
struct List {
    mutant: Vec<Mutant>,
}

/// All wrong edits, by the op whose list they are in.
fn lists() -> BTreeMap<String, Vec<Mutant>> {
    let paths = fs::read_dir("tests/mutants").unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let list: List = toml::from_str(&fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|why| panic!("{path:?}: {why}"));
            (path.file_stem().unwrap().to_str().unwrap().to_string(), list.mutant)
        })
        .collect()
}

/// The bodies of the functions of a name: from the line that declares it to the brace that closes it, which is
/// indented as that line is. As in `tests/mutants/run`.
fn functions<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let declaration = line.trim_start_matches(' ');
        let without_pub = match declaration.strip_prefix("pub") {
            Some(rest) => rest.trim_start_matches(|c: char| c != ' ').trim_start(),
            None => declaration,
        };
        let after_name = without_pub.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
        let is_name = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if after_name.is_some_and(is_name) {
            let indent = line.len() - declaration.len();
            let end = format!("\n{}}}", " ".repeat(indent));
            let len = text[start..].find(&format!("{end}\n")).expect("a brace that closes the function");
            found.push(&text[start..start + len + end.len()]);
        }
        start += line.len();
    }
    found
}

#[test]
fn every_wrong_edit_has_one_place() {
    for mutant in lists().into_values().flatten() {
        let Mutant { kernel, file, within, wrong, from, to } = &mutant;
        let name = format!("{kernel}, {file}: {wrong}");
        assert!(from != to, "{name}: changes nothing");
        let text = fs::read_to_string(file).unwrap_or_else(|why| panic!("{name}: {why}"));
        let place = match within {
            None => text.as_str(),
            Some(function) => {
                let found = functions(&text, function);
                assert!(found.len() == 1, "{name}: {} functions are named {function}", found.len());
                found[0]
            }
        };
        let times = place.matches(from.as_str()).count();
        assert!(times == 1, "{name}: {from:?} occurs {times} times");
    }
}

#[test]
fn every_kernel_has_wrong_edits_of_its_shader_and_of_its_reference() {
    let kernels: BTreeSet<&str> = all().iter().map(|case| case.call.name()).collect();
    let mut missing = Vec::new();
    for kernel in &kernels {
        let (op, _) = kernel.split_once('.').unwrap();
        let list = lists().remove(op).unwrap_or_default();
        let of_kernel = |folder: &str| {
            list.iter().any(|mutant| mutant.kernel == *kernel && mutant.file.starts_with(folder))
        };
        missing.extend(
            ["shaders/", "src/reference/"]
                .into_iter()
                .filter(|folder| !of_kernel(folder))
                .map(|folder| format!("{kernel} in {folder}")),
        );
    }
    assert!(missing.is_empty(), "no wrong edit of {missing:#?}");

    for (list, mutants) in lists() {
        for mutant in mutants {
            if list == "fuzz" {
                assert!(kernels.contains(mutant.kernel.as_str()), "fuzz.toml: no kernel {}", mutant.kernel);
                continue;
            }
            if list == "studio" || list == "faults" {
                continue;
            }
            assert!(kernels.contains(mutant.kernel.as_str()), "{list}.toml: no kernel {}", mutant.kernel);
            assert!(mutant.kernel.starts_with(&format!("{list}.")), "{list}.toml lists {}", mutant.kernel);
        }
    }
}

/// Where the checks are whose removal a list is about, beginnings of paths.
const CHECKS: [(&str, &[&str]); 2] = [
    (
        "studio",
        &[
            "src/studio/",
            "src/commands/serve.rs",
            "src/data/regular.rs",
            "src/data/paths.rs",
            "src/run/",
            "src/microscope/",
        ],
    ),
    (
        "faults",
        &[
            "src/run/",
            "src/memory",
            "src/model/",
            "src/train/",
            "src/data/",
            "src/files.rs",
            "src/error/",
            "src/commands/",
        ],
    ),
];

/// There the name is that of a test.
#[test]
fn every_check_that_is_removed_has_its_test() {
    let text = ["tests", "src"].map(|folder| texts(Path::new(folder))).concat();
    // Unit tests are indented.
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    for (list, places) in CHECKS {
        for Mutant { kernel, file, .. } in &lists()[list] {
            assert!(places.iter().any(|place| file.starts_with(place)), "{list}.toml: {file}");
            let declared = ["#[test]", &format!("fn {kernel}() {{")];
            let times = lines.windows(2).filter(|two| *two == declared).count();
            assert_eq!(times, 1, "{list}.toml: tests of the name {kernel}");
        }
    }
}

/// A build in a copy needs what the program embeds.
#[test]
fn copies_of_the_tree_hold_every_folder_that_is_embedded() {
    let run = fs::read_to_string("tests/mutants/run").unwrap();
    let copied = run.lines().find(|line| line.starts_with("TREE = ")).unwrap();
    let text = texts(Path::new("src"));
    let embedded = text.lines().filter_map(|line| line.strip_prefix("#[folder = \"")?.strip_suffix("\"]"));
    let tops: BTreeSet<&str> = embedded.map(|folder| folder.split('/').next().unwrap()).collect();
    assert!(tops.contains("src"), "{tops:?}");
    for top in tops {
        assert!(copied.contains(&format!("\"{top}\"")), "{top} is not copied: {copied}");
    }
}

/// The text of all Rust files below a folder.
fn texts(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let text = |path: PathBuf| match path.extension() {
        Some(extension) if extension == "rs" => fs::read_to_string(path).unwrap(),
        _ if path.is_dir() => texts(&path),
        _ => String::new(),
    };
    entries.map(text).collect()
}
