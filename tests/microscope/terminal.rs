//! `pawgrad microscope` as a person runs it: what is ignored is refused, and what is wrong is named with what there is.

use crate::common::program::Place;

#[test]
fn what_would_change_nothing_is_refused() {
    let place = Place::new();
    std::fs::copy("shaders/relu.wgsl", place.path("my.wgsl")).unwrap();
    for (line, words) in [
        ("my.wgsl --as relu.forward --counts", "--counts is for a kernel"),
        ("my.wgsl --as relu.forward --at 1,2", "--at is for a kernel"),
        ("my.wgsl --as relu.forward --thread 3", "--thread is for a kernel"),
        ("my.wgsl --as relu.forward --steps 3", "--steps is for a kernel"),
        ("relu.forward --counts --device software", "--device is for a file"),
        ("relu.forward --counts --steps 3", "--steps changes no counts"),
        ("relu.forward --counts --watch", "--watch is for a file"),
    ] {
        place.run(&format!("microscope {line}")).fails(2, &[words]);
    }
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let place = Place::new();
    std::fs::copy("shaders/dense.2_shared.wgsl", place.path("my.wgsl")).unwrap();
    for (line, words) in [
        (
            "my.wgsl --as dense.backwardx",
            "there is no kernel dense.backwardx; did you mean dense.backward_x?",
        ),
        ("my.wgsl --as dense", "there is no kernel dense: there are dense.forward, "),
        ("my.wgsl --as dense.forward --rung 2_shard", "there are 1_plain, 2_shared, 3_registers"),
        ("my.wgsl --as dense.forward --rung all", "there are 1_plain, 2_shared, 3_registers"),
        ("foo.forward", "there is no kernel foo.forward"),
        ("dense.forward --at 1,5", "name a layer with --layer"),
    ] {
        place.run(&format!("microscope {line}")).fails(2, &[words]);
    }
}

#[test]
fn a_shader_is_tried_in_the_place_of_its_own_rung() {
    let place = Place::new();
    for name in ["dense.2_shared.wgsl", "mine.wgsl"] {
        std::fs::copy("shaders/dense.2_shared.wgsl", place.path(name)).unwrap();
        let said = place.run(&format!("microscope {name} --as dense.backward_b"));
        for words in ["as dense.backward_b, 2_shared", "right: ", "name another with --rung: 1_plain"] {
            assert!(said.succeeds().stdout.contains(words), "{name}: no {words:?} in {}", said.stdout);
        }
    }
    let said = place.run("microscope mine.wgsl --as dense.backward_b --rung 2_shared");
    assert!(!said.succeeds().stdout.contains("tried in the place"), "{}", said.stdout);
}

#[test]
fn the_table_of_counts_explains_itself() {
    let place = Place::new();
    let said = place.run("microscope dense.forward --counts --layer dense1");
    for words in [
        "A call must move at least 8.92 MB of buffers.",
        "stores",
        "sectors (fewest)",
        "barriers",
        "instr.",
        "sectors    pieces of 32 bytes that these loads touch",
        "banks      how many times as long",
        "counted    share of the threads that were run",
    ] {
        assert!(said.succeeds().stdout.contains(words), "no {words:?} in {}", said.stdout);
    }
    // The lab and this table count alike.
    std::fs::copy("shaders/dense.wgsl", place.path("mine.wgsl")).unwrap();
    let table = place.run("microscope dense.forward --counts --layer dense1 --rung 1_plain --json");
    let lab = place.run("microscope mine.wgsl --as dense.forward --layer dense1 --json");
    let [table, lab] =
        [table, lab].map(|said| serde_json::from_str::<serde_json::Value>(&said.succeeds().stdout).unwrap());
    let passes = table["rungs"][0]["passes"].as_array().unwrap();
    let sum: f64 = passes.iter().map(|pass| pass["multiply_adds"].as_f64().unwrap()).sum();
    assert_eq!(lab["counts"]["original"]["multiply_adds"].as_f64(), Some(sum));
    assert_eq!(lab["counts"]["edited"], lab["counts"]["original"]);
}
