//! The layers of the crate: imports go one way, and what belongs to one place stays there.

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
            } else {
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

/// What each module may use of the others.
const LAYERS: [(&str, &[&str]); 19] = [
    ("error", &[]),
    ("random", &[]),
    ("reference", &[]),
    ("device", &["error"]),
    ("tensor", &["device", "error"]),
    ("cpu", &["reference"]),
    ("kernel", &["cpu", "reference", "tensor", "device", "error"]),
    ("cases", &["kernel", "cpu", "reference", "tensor", "device", "error"]),
    ("tape", &["tensor", "device", "error"]),
    ("ops", &["tape", "cases", "cpu", "kernel", "reference", "tensor", "device", "error"]),
    ("optim", &["ops", "reference", "tensor", "device", "error"]),
    ("model", &["ops", "tape", "tensor", "device", "error", "random"]),
    ("data", &["error", "random"]),
    ("check", &["ops", "cases", "cpu", "kernel", "reference", "tensor", "device", "error"]),
    ("train", &["model", "optim", "data", "ops", "tape", "tensor", "device", "error"]),
    (
        "studio",
        &["train", "check", "cases", "model", "data", "ops", "tape", "kernel", "tensor", "device", "error"],
    ),
    ("commands", &["studio", "train", "check", "model", "data", "device", "error"]),
    ("lib", &[]),
    ("main", &[]),
];

#[test]
fn imports_go_one_way() {
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

#[test]
fn wgpu_appears_only_where_the_gpu_is() {
    for (path, text) in sources() {
        let allowed = ["device", "kernel", "tensor"].contains(&module(&path).as_str());
        assert!(allowed || !text.contains("wgpu::"), "{path:?} uses wgpu");
    }
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
            for word in ["std::thread", "std::fs", "std::time", "rayon", "gemm", "pollster"] {
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
        // The case table is one list, which is read row by row.
        let limit = 270;
        assert!(lines <= limit, "{path:?} has {lines} lines: give it a folder");
    }
}
