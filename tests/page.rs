//! The modules of the studio's page, read as text.

use std::collections::BTreeMap;

/// Every module of the page, and the modules that it imports.
fn modules() -> BTreeMap<String, Vec<String>> {
    let paths = std::fs::read_dir("src/studio/page").unwrap().map(|entry| entry.unwrap().path());
    let scripts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "js"));
    let imports = |text: &str| {
        let after_from = text.split("from \"./").skip(1);
        after_from.map(|rest| rest.split('"').next().unwrap().to_string()).collect()
    };
    scripts
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            (name, imports(&std::fs::read_to_string(&path).unwrap()))
        })
        .collect()
}

#[test]
fn modules_of_the_page_import_in_no_circle() {
    let modules = modules();
    assert!(modules["main.js"].len() > 10, "imports are not found any more: {:?}", modules["main.js"]);
    let mut rest = modules.clone();
    while !rest.is_empty() {
        let before = rest.len();
        let left = rest.clone();
        rest.retain(|_, imports| imports.iter().any(|import| left.contains_key(import)));
        assert!(rest.len() < before, "these import each other in a circle, or lead to one: {rest:#?}");
    }
}
