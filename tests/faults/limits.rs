//! Too little memory, too few open files.

use crate::common::program::Place;
use crate::state::{SHORT, code, contents, whole, with_an_old_run};
use pawgrad::device::Device;
use pawgrad::model::layers::{Dense, Flatten, MaxPool2d};
use pawgrad::model::{Graph, Model, Network};
use std::fs;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pawgrad");

/// Address space of the program that does nothing, in KiB.
fn idle(place: &Place) -> usize {
    let steps = [50, 100, 200, 300, 400, 500, 600, 800, 1000, 2000];
    let enough = steps.into_iter().find(|mib| {
        let script = format!("ulimit -v {}; exec '{PROGRAM}' summary --image-size 8", mib * 1024);
        place.bash_output(&script).status.success()
    });
    enough.expect("2 GB are enough to do nothing") * 1024
}

/// With ever more address space: below what an idle program needs it may end in any way, above it trains, or says that it
/// cannot. No file is ever damaged.
#[test]
fn little_memory_is_no_crash() {
    let (place, old) = with_an_old_run();
    let idle = idle(&place);
    let mut codes = Vec::new();
    for step in 0..16 {
        // Four below, twelve from 256 MiB above on.
        let kib = match step {
            0..4 => idle * (step + 1) / 5,
            _ => idle + 256 * 1024 + (step - 4) * 64 * 1024,
        };
        let line = SHORT.replace("--image-size 8", "--image-size 64");
        let script = format!("ulimit -v {kib}; exec '{PROGRAM}' {line} --max-steps 2 --out run{step}");
        let output = place.bash_output(&script);
        let said = String::from_utf8_lossy(&output.stderr);
        if step >= 4 {
            assert!([0, 5].contains(&code(&output)), "{kib} KiB: {} {said}", code(&output));
            assert!(!said.contains("panicked"), "{said}");
        }
        whole(&format!("{kib} KiB"), &place.path(&format!("run{step}")), step < 4);
        assert!(contents(&place.path("old")) == old);
        codes.push(code(&output));
    }
    println!("idle: {idle} KiB; codes {codes:?}");
    assert_eq!(*codes.last().unwrap(), 0, "a GB more than idle is enough: {codes:?}");
}

/// With ever more address space: nothing fits, then fewer pictures at a time than usual, then 32.
#[test]
fn with_little_memory_fewer_pictures_are_computed_at_a_time() {
    let place = Place::new();
    // conv1 of 128x128 pictures takes 1 MiB for each of them, and the weights 32 MiB.
    place.run(&SHORT.replace("--image-size 8", "--image-size 128 --max-steps 1 --out run")).succeeds();
    // More pictures than 32, so that there are several batches.
    for number in 0..70u32 {
        let class = ["cats", "dogs"][number as usize % 2];
        let picture = image::GrayImage::from_fn(12, 12, |x, y| image::Luma([(number * 3 + x * y) as u8]));
        place.picture(&format!("many/{class}/{number}.png"), &picture);
    }
    let idle = idle(&place);
    for line in ["predict many", "evaluate --test-dir many"] {
        let line = format!("{line} --device cpu --model run/model.safetensors");
        let free = place.run(&line);
        assert!(!free.succeeds().stderr.contains("note:"), "{}", free.stderr);
        let (mut refused, mut fewer) = (0, 0);
        let mut at_a_time = 1;
        for step in 0.. {
            assert!(step < 100, "800 MiB more than an idle program has are not enough");
            let kib = idle + step * 8 * 1024;
            let said = place.bash(&format!("ulimit -v {kib}; exec '{PROGRAM}' {line}"));
            if said.code != 0 {
                said.fails(5, &["MiB", "are free"]);
                assert_eq!(fewer, 0, "{kib} KiB: {}", said.stderr);
                // What would fit is said, as soon as anything does.
                refused += usize::from(said.stderr.contains("for pictures of"));
                continue;
            }
            assert_eq!(said.stdout, free.stdout, "{kib} KiB");
            let Some(note) = said.stderr.split("memory is short, so ").nth(1) else { break };
            let batch: usize = note.split(' ').next().unwrap().parse().unwrap();
            assert!((at_a_time..32).contains(&batch), "{kib} KiB: {note}");
            at_a_time = batch;
            fewer += 1;
        }
        println!("{line}: {refused} limits say what would fit, at {fewer} fewer than 32 are computed");
        assert!(refused > 0 && fewer > 0, "{line}: {refused}, {fewer}");
    }
}

/// They lie there decoded, a MiB each here, while a model that needs little looks at a few of them.
#[test]
fn all_pictures_of_an_evaluation_must_fit() {
    let place = Place::new();
    let graph = Graph::new().then(MaxPool2d::new(512)).then(Flatten {}).then(Dense::new(1));
    let classes = ["cats", "dogs"].map(str::to_string).to_vec();
    let model = Model::new(Network::new(classes, 1024, graph), &Device::cpu(), 1, true).unwrap();
    fs::write(place.path("model"), pollster::block_on(model.to_bytes()).unwrap()).unwrap();
    let links = |folder: &str, count: usize| {
        for (class, count) in [("cats", count - 1), ("dogs", 1)] {
            fs::create_dir_all(place.path(&format!("{folder}/{class}"))).unwrap();
            for number in 0..count {
                let link = place.path(&format!("{folder}/{class}/{number}.png"));
                fs::hard_link(place.path(&format!("test/{class}/0.png")), link).unwrap();
            }
        }
    };
    let kib = idle(&place) + 450 * 1024;
    let evaluate = |folder: &str| {
        let line = format!("evaluate --device cpu --model model --test-dir {folder}");
        place.bash(&format!("ulimit -v {kib}; exec '{PROGRAM}' {line}"))
    };
    links("many", 600);
    let said = evaluate("many");
    // And one more on each thread that decodes.
    let pictures = format!("pictures {} MiB", 600 + rayon::current_num_threads());
    said.fails(5, &["evaluating 600 pictures of 1024x1024", &pictures, "pictures would fit"]);
    let fits = said.stderr.split(" pictures would fit").next().unwrap().rsplit(' ').next().unwrap();
    let fits: usize = fits.parse().unwrap();
    assert!((20..600).contains(&fits), "{fits}");
    // Of what is free, little comes and goes.
    links("fewer", fits - 5);
    evaluate("fewer").succeeds();
}

/// A machine with more cores than threads can be had for: fewer compute, and they compute the same.
#[test]
fn where_not_all_threads_can_start_fewer_do() {
    let place = Place::new();
    let model = |name: &str| fs::read(place.path(&format!("{name}/model.safetensors"))).unwrap();
    place.run(&format!("{SHORT} --out free")).succeeds();
    // Of 4000 stacks of 2 MiB a hundred are let in here, or some tens.
    for (name, kib) in [("hundred", 1_000_000), ("tens", idle(&place) + 200 * 1024)] {
        let script =
            format!("ulimit -v {kib}; export RAYON_NUM_THREADS=4000; exec '{PROGRAM}' {SHORT} --out {name}");
        let said = place.bash(&script);
        assert!(said.succeeds().stderr.contains(" of 4000 threads compute"), "{kib} KiB: {}", said.stderr);
        assert!(model(name) == model("free"), "{name}");
    }
}

#[test]
fn few_open_files_are_no_crash() {
    let (place, old) = with_an_old_run();
    let mut codes = Vec::new();
    for limit in [4, 6, 8, 10, 12, 16, 24, 48] {
        let output =
            place.bash_output(&format!("ulimit -n {limit}; exec '{PROGRAM}' {SHORT} --out run{limit}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{limit}: {said}");
        // The loader opens files too.
        let own = (0..=9).contains(&code(&output)) || limit < 6;
        assert!(own, "{limit}: {} {said}", code(&output));
        whole(&format!("{limit} files"), &place.path(&format!("run{limit}")), false);
        codes.push(code(&output));
    }
    println!("codes {codes:?}");
    assert!(contents(&place.path("old")) == old && codes.last() == Some(&0), "{codes:?}");
}
