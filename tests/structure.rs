//! The layers of the crate: imports go one way, and what belongs to one place stays there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every source file, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files
}

/// The module of the crate that a file belongs to: `src/ops/relu.rs` is part of `ops`.
fn module(path: &Path) -> String {
    let part = path.components().nth(1).unwrap().as_os_str().to_str().unwrap();
    part.trim_end_matches(".rs").to_string()
}

/// What each module may use of the others: those above it, and of the shell's modules none by the core's.
const LAYERS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("random", &[]),
    ("reference", &[]),
    ("device", &["error"]),
    ("tensor", &["device", "error"]),
    ("cpu", &["reference"]),
    ("kernel", &["cpu", "reference", "tensor", "device", "error"]),
    ("tape", &["tensor", "device", "error"]),
    ("cases", &["kernel", "cpu", "reference", "tensor", "device", "error"]),
    ("ops", &["cases", "tape", "cpu", "kernel", "reference", "tensor", "device", "error"]),
    ("optim", &["ops", "reference", "tensor", "device", "error"]),
    ("data", &["reference", "error", "random"]),
    ("model", &["data", "ops", "tape", "tensor", "device", "error", "random"]),
    ("train", &["model", "optim", "data", "ops", "tape", "tensor", "device", "error"]),
    ("check", &["ops", "cases", "cpu", "kernel", "reference", "tensor", "device", "error"]),
    ("microscope", &["check", "model", "ops", "cases", "tape", "kernel", "tensor", "device", "error"]),
    // The shell.
    ("memory", &["train", "model", "data", "device", "error"]),
    ("files", &["memory", "data", "error"]),
    ("tuning", &["files", "device", "error"]),
    ("report", &["train", "model", "device", "error"]),
    ("run", &["report", "tuning", "files", "memory", "train", "model", "data", "device", "error"]),
    (
        "studio",
        &[
            "run",
            "report",
            "files",
            "memory",
            "microscope",
            "check",
            "cases",
            "train",
            "model",
            "data",
            "ops",
            "tape",
            "kernel",
            "tensor",
            "device",
            "error",
        ],
    ),
    (
        "commands",
        &[
            "studio",
            "run",
            "report",
            "tuning",
            "files",
            "memory",
            "microscope",
            "check",
            "train",
            "model",
            "data",
            "device",
            "error",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// Modules that build without the feature `cli`.
const CORE: [&str; 16] = [
    "error",
    "random",
    "reference",
    "device",
    "tensor",
    "cpu",
    "kernel",
    "tape",
    "cases",
    "ops",
    "optim",
    "model",
    "data",
    "train",
    "check",
    "microscope",
];

#[test]
fn imports_go_one_way() {
    for (index, (module, allowed)) in LAYERS.iter().enumerate() {
        let before: Vec<_> = LAYERS[..index].iter().map(|(name, _)| *name).collect();
        assert!(allowed.iter().all(|used| before.contains(used)), "{module} may use what comes behind it");
        assert!(
            !CORE.contains(module) || allowed.iter().all(|used| CORE.contains(used)),
            "{module} uses the shell"
        );
    }
    for (path, text) in sources() {
        let module = module(&path);
        let (_, allowed) =
            LAYERS.iter().find(|(name, _)| *name == module).unwrap_or_else(|| panic!("{module} is new"));
        for rest in text.split("crate::").skip(1) {
            let used: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let known = LAYERS.iter().any(|(name, _)| *name == used);
            assert!(
                !known || used == module || allowed.contains(&used.as_str()),
                "{path:?} uses crate::{used}"
            );
        }
    }
}

/// The module path of a file: `src/device/gpu.rs` is `[device, gpu]`, `src/device/mod.rs` is `[device]`.
fn module_path(path: &Path) -> Vec<String> {
    let parts = path.strip_prefix("src").unwrap().with_extension("");
    let parts = parts.iter().map(|part| part.to_str().unwrap().to_string());
    parts.filter(|part| part != "mod").collect()
}

/// The statements of a file, about, without comments, attributes and tests.
fn statements(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let is_code = |line: &&str| !line.trim_start().starts_with("//") && !line.trim_start().starts_with("#[");
    let lines = text.lines().filter(is_code).collect::<Vec<_>>().join("\n");
    lines.split_inclusive(';').map(|statement| statement.trim_start().to_string()).collect()
}

/// Whether a statement hands on what another file defines.
fn hands_on(statement: &str) -> bool {
    statement.starts_with("pub use ") || statement.starts_with("pub(crate) use ")
}

/// The code of a file; by re-exports and `mod` lines nothing is used.
fn code(text: &str) -> String {
    let declares = |statement: &String| {
        ["mod ", "pub mod ", "pub(crate) mod "].iter().any(|word| statement.starts_with(word))
    };
    statements(text).into_iter().filter(|statement| !hands_on(statement) && !declares(statement)).collect()
}

/// Every path that begins with `root::` in some code, braces expanded: `a::{b, c::d}` is `[a, b]` and `[a, c, d]`.
fn paths(code: &str, root: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(&format!("{root}::")) {
        let is_whole = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        if is_whole {
            expand(&code[at + root.len() + 2..], &mut Vec::new(), &mut found);
        }
    }
    found
}

/// Reads one path, or a list of them in braces, behind `before`; returns what follows.
fn expand<'a>(text: &'a str, before: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            match rest.strip_prefix('}') {
                Some(rest) => return rest,
                None => rest = expand(rest, before, found).trim_start().trim_start_matches(','),
            }
        }
    }
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        // `*`, or a variable of a macro: whatever it stands for, the path so far is used.
        found.push(before.clone());
        return &text[text.chars().next().map_or(0, char::len_utf8)..];
    }
    let rest = &text[name.len()..];
    before.push(name);
    let rest = match rest.strip_prefix("::") {
        Some(rest) if !rest.starts_with('<') => expand(rest, before, found),
        _ => {
            found.push(before.clone());
            rest
        }
    };
    before.pop();
    rest.split_once(" as ")
        .filter(|(name, _)| name.is_empty())
        .map_or(rest, |(_, rest)| rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'))
}

/// What each part of a folder (a file, or a folder in it) uses of its other parts. The folder's own `mod.rs` is a part
/// too: it is used where something is taken that it defines itself, and not only hands on.
fn uses_inside(folder: &[String], sources: &[(PathBuf, String)]) -> BTreeMap<String, BTreeSet<String>> {
    let inside: Vec<_> = sources
        .iter()
        .map(|(path, text)| (module_path(path), text))
        .filter(|(path, _)| path.starts_with(folder))
        .collect();
    let parts: BTreeSet<_> = inside.iter().filter_map(|(path, _)| path.get(folder.len()).cloned()).collect();
    let handed_on = |name: &str| {
        let (_, text) = inside.iter().find(|(path, _)| path == folder)?;
        let exports = statements(text).into_iter().filter(|statement| hands_on(statement)).map(|statement| {
            let mut found = Vec::new();
            let (_, path) = statement.split_once("use ").expect("it is a use");
            expand(path, &mut Vec::new(), &mut found);
            found
        });
        exports
            .flatten()
            .find(|path| path.last().is_some_and(|last| last == name))
            .map(|path| path[0].clone())
    };
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in &inside {
        let from = path.get(folder.len()).map_or("mod", String::as_str);
        let code = code(text);
        let mut used: Vec<Vec<String>> = paths(&code, "crate");
        used.extend(paths(&code, "super").into_iter().map(|mut rest| {
            let mut whole = path[..path.len().saturating_sub(1)].to_vec();
            while rest.first().is_some_and(|first| first == "super") {
                rest.remove(0);
                whole.pop();
            }
            whole.extend(rest);
            whole
        }));
        if from == "mod" {
            for part in &parts {
                used.extend(
                    paths(&code, part)
                        .into_iter()
                        .map(|rest| [folder, std::slice::from_ref(part), &rest].concat()),
                );
            }
        }
        for used in used.iter().filter(|used| used.starts_with(folder) && used.len() > folder.len()) {
            let name = &used[folder.len()];
            let to = if parts.contains(name) {
                name.clone()
            } else {
                handed_on(name).unwrap_or("mod".to_string())
            };
            if to != from {
                uses.entry(from.to_string()).or_default().insert(to);
            }
        }
    }
    uses
}

/// A way from `at` back to a part that is on the way already.
fn circle(uses: &BTreeMap<String, BTreeSet<String>>, way: &mut Vec<String>) -> Option<String> {
    let at = way.last().expect("a way has a start").clone();
    for next in uses.get(&at).into_iter().flatten() {
        if way.contains(next) {
            return Some(format!("{} -> {next}", way.join(" -> ")));
        }
        way.push(next.clone());
        if let Some(found) = circle(uses, way) {
            return Some(found);
        }
        way.pop();
    }
    None
}

#[test]
fn files_of_a_folder_do_not_use_each_other_in_a_circle() {
    let sources = sources();
    let mut folders: BTreeSet<Vec<String>> = BTreeSet::new();
    for (path, _) in &sources {
        let parts = module_path(path);
        folders.extend((1..parts.len()).map(|len| parts[..len].to_vec()));
    }
    assert!(folders.len() > 8, "{folders:?}");
    let mut circles = Vec::new();
    for folder in &folders {
        let uses = uses_inside(folder, &sources);
        for start in uses.keys() {
            if let Some(found) = circle(&uses, &mut vec![start.clone()]) {
                circles.push(format!("src/{}: {found}", folder.join("/")));
                break;
            }
        }
    }
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

/// The test above finds what it is there to find.
#[test]
fn circles_are_found() {
    let file = |path: &str, text: &str| (PathBuf::from(path), text.to_string());
    let uses = |one: &str, other: &str, own: &str| {
        let sources = [file("src/a/one.rs", one), file("src/a/other.rs", other), file("src/a/mod.rs", own)];
        let uses = uses_inside(&["a".to_string()], &sources);
        uses.keys().find_map(|start| circle(&uses, &mut vec![start.clone()]))
    };
    let own = "mod one;\npub mod other;\npub use other::{Other, self as x};\n";
    assert_eq!(uses("use super::other::{Other, y};", "fn f() {}", own), None);
    assert!(
        uses("use super::{Other};", "fn f() { super::one::g(); }", own).is_some(),
        "over a name that is handed on"
    );
    assert!(
        uses("use crate::a::Mine;", "", &format!("{own}use one::One;\nstruct Mine;")).is_some(),
        "with mod.rs"
    );
    assert_eq!(uses("use crate::a::Mine;", "", &format!("{own}struct Mine;")), None);
    assert_eq!(
        uses("use super::other::X;", "// super::one::Y\n#[cfg(test)]\nmod tests { use super::one::Z; }", own),
        None
    );
}

/// Errors of the core state facts; only the command line knows its options.
#[test]
fn only_commands_speak_of_options() {
    for (path, text) in sources() {
        if module(&path) == "commands" {
            continue;
        }
        for (number, line) in
            text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            let option = line.match_indices("--").any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + 2..].chars().next();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '-')
                    && after.is_some_and(|c| c.is_ascii_lowercase())
            });
            assert!(!option, "{path:?}:{}: {line}", number + 1);
        }
    }
}

/// The core stands alone: none of the crates that serve the shell is in its tree.
#[test]
fn the_core_needs_none_of_the_shells_crates() {
    let tree = |features: &[&str]| {
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo
            .args(["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--offline"])
            .args(features);
        let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_string).collect::<BTreeSet<_>>()
    };
    let (core, all) = (tree(&["--no-default-features"]), tree(&[]));
    for shell in ["axum", "tokio", "clap", "plotly", "plotters", "indicatif", "sysinfo", "walkdir", "open"] {
        assert!(all.contains(shell), "{shell} is not used any more: take it off this list");
        assert!(!core.contains(shell), "the core needs {shell}");
    }
    assert!(core.contains("wgpu") && core.contains("safetensors"), "{core:?}");
}

#[test]
fn wgpu_appears_only_where_the_gpu_is() {
    for (path, text) in sources() {
        let allowed = ["device", "kernel", "tensor"].contains(&module(&path).as_str());
        assert!(allowed || !text.contains("wgpu::"), "{path:?} uses wgpu");
    }
}

/// Only one place waits for the device, and not in a browser, which cannot: there an await alone completes.
#[test]
fn one_native_function_waits_for_the_device() {
    let sources = sources();
    let polls: Vec<_> = sources.iter().filter(|(_, text)| text.contains(".poll(")).collect();
    let [(path, text)] = &polls[..] else { panic!("{:?}", polls.iter().map(|poll| &poll.0)) };
    assert_eq!((path.as_path(), text.matches(".poll(").count()), (Path::new("src/device/connection.rs"), 1));
    let before = text.split(".poll(").next().unwrap();
    let function = before.rfind("fn ").unwrap();
    assert!(before[..function].ends_with("#[cfg(not(target_arch = \"wasm32\"))]\n    pub "), "{before}");
}

#[test]
fn shaders_are_included_only_by_ops() {
    for (path, text) in sources() {
        let included = text.split("include_str!(").skip(1).filter_map(|rest| rest.split(')').next());
        let shaders = included.filter(|file| file.contains("shaders")).count();
        assert!(module(&path) == "ops" || shaders == 0, "{path:?} includes a shader");
    }
}

#[test]
fn threads_files_and_clocks_stay_out_of_the_core() {
    for (path, text) in sources() {
        if ["tape", "ops", "cases", "kernel", "model", "optim", "reference"].contains(&module(&path).as_str())
        {
            let words = [
                "std::thread",
                "std::fs",
                "File::",
                "std::path",
                "std::time",
                "web_time",
                "Instant",
                "rayon",
                "gemm::",
                "pollster",
            ];
            for word in words {
                assert!(!text.contains(word), "{path:?} uses {word}");
            }
        }
    }
}

#[test]
fn every_module_is_on_the_map() {
    let map = fs::read_to_string("src/lib.rs").unwrap();
    for (path, _) in sources() {
        let module = module(&path);
        if module != "lib" && module != "main" {
            assert!(map.contains(&format!("//! {module}")), "src/lib.rs's map has no line for {module}");
        }
    }
}

#[test]
fn files_stay_small() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        let limit = 270;
        assert!(lines <= limit, "{path:?} has {lines} lines: give it a folder");
    }
}
