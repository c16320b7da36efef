//! The lab: an edited shader is tried by the server, and can do no harm there.

use crate::common::studio::Studio;
use serde_json::{Value, json};
use std::time::Instant;

const KERNEL: &str = "dense.backward_b";
const RUNG: &str = "2_shared";

fn source(studio: &Studio) -> String {
    let sources = studio.json(&format!("/api/source?kernel={KERNEL}"));
    let of_rung = sources["shader"].as_array().unwrap().iter().find(|shader| shader["rung"] == RUNG);
    of_rung.unwrap()["source"].as_str().unwrap().to_string()
}

fn tried(studio: &Studio, text: &str) -> Value {
    let answer = studio.post("/api/lab", json!({"kernel": KERNEL, "rung": RUNG, "text": text}));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The text after an edit of what occurs once.
fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

#[test]
fn an_edited_shader_is_judged() {
    let studio = Studio::new();
    let text = source(&studio);
    let right = tried(&studio, &text);
    assert_eq!(right["trial"]["verdict"], "right", "{right}");
    assert_eq!(right["counts"]["edited"], right["counts"]["original"], "{right}");

    let wrong = tried(&studio, &edited(&text, "{ db[o] = sum; }", "{ db[o] = sum * 2.0; }"));
    assert_eq!((&wrong["trial"]["verdict"], &wrong["trial"]["name"]), (&json!("wrong"), &json!("db")));
    assert_eq!(wrong["trial"]["got"].as_f64().unwrap(), 2.0 * wrong["trial"]["expected"].as_f64().unwrap());
    assert!(wrong["trial"]["line"].is_u64() && wrong["trial"]["thread"].is_u64(), "{wrong}");

    let store = "    staged_rows[own.y * PITCH + own.x] = share;\n    workgroupBarrier();\n";
    let racy = tried(&studio, &edited(&text, store, &store.replace("    workgroupBarrier();\n", "")));
    assert_eq!(racy["trial"]["verdict"], "found", "{racy}");
    let findings = racy["trial"]["findings"].as_array().unwrap();
    let race = findings.iter().find(|finding| finding["kind"] == "race").unwrap();
    let lines: Vec<_> = race["lines"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    let with_lines: Vec<_> = lines.iter().map(|line| text.lines().nth(*line as usize - 1).unwrap()).collect();
    assert!(
        with_lines.iter().any(|line| line.contains("staged_rows[own.y * PITCH + own.x] = share;")),
        "{race}"
    );

    let begun = Instant::now();
    let endless = tried(
        &studio,
        &edited(
            &text,
            "    var share = 0.0;",
            "    var share = 0.0; loop { share += 1.0; if (share < 0.0) { break; } }",
        ),
    );
    assert_eq!(endless["trial"]["findings"][0]["kind"], "endless", "{endless}");
    println!("an endless shader took {:.2} s", begun.elapsed().as_secs_f64());

    let invalid = tried(&studio, &edited(&text, "    var share = 0.0;", "    var share = ;"));
    assert_eq!(invalid["trial"]["verdict"], "refused");
    let line = invalid["trial"]["line"].as_u64().unwrap();
    assert!(text.lines().nth(line as usize - 1).unwrap().contains("var share"), "{invalid}");
}

#[test]
fn the_lab_takes_no_more_than_it_should() {
    let studio = Studio::new();
    let text = source(&studio);
    let asked = |kernel: &str, rung: &str, text: &str| {
        studio.post("/api/lab", json!({"kernel": kernel, "rung": rung, "text": text}))
    };
    asked(KERNEL, RUNG, &" ".repeat(200_000)).refuses(422, "bytes");
    asked("dense.sideways", RUNG, &text).refuses(422, "there is no kernel dense.sideways");
    asked(KERNEL, "9_best", &text)
        .refuses(422, "there is no rung 9_best of dense.backward_b: there are 1_plain, 2_shared");
    let mut more = json!({"kernel": KERNEL, "rung": RUNG, "text": text});
    more["path"] = json!("/etc/passwd");
    studio.post("/api/lab", more).refuses(422, "path");
    // Memory, threads, lengths: what a text asks for is bounded.
    for (from, to) in [
        (
            "var<workgroup> staged_rows: array<f32, TILE * PITCH>",
            "var<workgroup> staged_rows: array<f32, 1000000000>",
        ),
        ("const TILE = 16u;", "const TILE = 60000u;"),
        (
            "@group(0) @binding(0) var<uniform> p: Params;",
            "struct Large { batch: u32, in_features: u32, out_features: u32, rest: array<vec4<u32>, 30000000> }\n\
             @group(0) @binding(0) var<uniform> p: Large;",
        ),
    ] {
        let answer = asked(KERNEL, RUNG, &edited(&text, from, to));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["trial"]["verdict"], "refused", "{to}");
    }
    // A parser goes into each of these, and a stack is finite: the server would end, and a training with it.
    let start = "    var share = 0.0;\n";
    for (deep, words) in [
        (format!("{start}    let deep = 1u{};\n", "+1u".repeat(40_000)), "operators"),
        (
            format!("{start}    if (own.x > 9u) {{ }}{}\n", " else if (own.x > 8u) { }".repeat(4_000)),
            "`else`",
        ),
        (format!("{start}    let deep = {}1u;\n", "~".repeat(100_000)), "operators"),
    ] {
        let answer = asked(KERNEL, RUNG, &edited(&text, start, &deep));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["trial"]["verdict"], "refused");
        assert!(answer.json()["trial"]["what"].as_str().unwrap().contains(words), "{}", answer.text());
    }
    // Nothing here is endless; all of it would take minutes.
    let long = |condition: &str, turns: u32| {
        format!(
            "{start}    if ({condition}) {{ for (var i = 0u; i < {turns}u; i++) {{ share += f32(i & p.batch) * 0.0; }} }}\n"
        )
    };
    for (condition, turns, words) in [
        ("true", 200_000, "steps in this loop, the original at most "),
        // Each case is small enough for itself.
        ("true", 20_000, "all trials together take more than 800,000,000 instructions, the original "),
        ("group.x > 0u", 20_000, "take more than 80,000,000 instructions, the original "),
        // One thread that is as good as endless.
        ("own.x + own.y == 0u", 1 << 22, r#""kind":"endless""#),
    ] {
        let answer = asked(KERNEL, RUNG, &edited(&text, start, &long(condition, turns)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains(words), "{condition}: {}", answer.text());
    }
    // Right in every small case, and too long where it is counted.
    for (turns, words) in [
        (1 << 22, "a thread took more than 4,194,304 steps in this loop, the original at most "),
        (1 << 18, "all threads together take more than 268,435,456 instructions, the original "),
    ] {
        let slow = edited(&text, start, &long("p.in_features == 16384u && p.batch == 8u", turns));
        asked(KERNEL, RUNG, &slow).refuses(422, words);
    }
    // Strangers are no visitors of the lab.
    let body = json!({"kernel": KERNEL, "rung": RUNG, "text": text}).to_string();
    studio.post_with("/api/lab", "Content-Type: application/json", body.as_bytes()).refuses(403, "");
}

/// A studio with a model, and a layer of it as it is named to be timed.
fn with_model() -> (Studio, Value) {
    let studio = Studio::new();
    studio.train(1);
    assert_eq!(studio.wait_for("end")["end"], "finished");
    studio.post("/api/folders", json!({"path": "test"}));
    let picture = studio.post("/api/pictures", json!({"path": "test/cats/0.png"})).json();
    let of = json!({"picture": picture["picture"], "layer": "dense2"});
    (studio, of)
}

fn timed(studio: &Studio, text: &str, device: &str, of: Value) -> crate::common::studio::Answer {
    let body = json!({"kernel": KERNEL, "rung": RUNG, "text": text, "device": device, "of": of});
    studio.post("/api/lab/time", body)
}

#[test]
fn a_right_shader_is_timed_and_no_other() {
    let (studio, of) = with_model();
    let text = source(&studio);
    // At the size of a layer of the model, and at the exercises'.
    for (of, layer, pictures) in [(of.clone(), "dense2", 1), (Value::Null, "dense1", 8)] {
        let answer = timed(&studio, &text, "software", of);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = answer.json();
        assert_eq!(
            (&answer["layer"]["name"], &answer["layer"]["pictures"]),
            (&json!(layer), &json!(pictures))
        );
        assert!(answer["device"].as_str().unwrap().len() > 5, "{answer}");
        let seconds = |which: &str, what: &str| answer["times"][which][what].as_f64().unwrap();
        for which in ["edited", "original"] {
            let [low, median, high] = ["low", "median", "high"].map(|what| seconds(which, what));
            assert!(0.0 < low && low <= median && median <= high, "{answer}");
        }
        let [ratio, low, high] =
            ["ratio", "ratio_low", "ratio_high"].map(|what| answer["times"][what].as_f64().unwrap());
        assert_eq!(ratio, seconds("edited", "median") / seconds("original", "median"));
        assert!(low > 0.0 && low <= high, "{answer}");
    }
    // Whatever the page says: what is wrong, races or has no end is refused before any device sees it.
    let wrong = edited(&text, "{ db[o] = sum; }", "{ db[o] = sum * 2.0; }");
    timed(&studio, &wrong, "software", of.clone()).refuses(422, "not right: no device runs it");
    // Right in small cases; at the layer's size a thread has no end. (dense2 of this model has 64 features, dense1 128.)
    let late = edited(
        &text,
        "    var share = 0.0;",
        "    var share = 0.0; loop { if (p.out_features != 128u || p.batch != 1u) { break; } share += 1.0; if (share < 0.0) { break; } }",
    );
    assert_eq!(timed(&studio, &late, "software", of.clone()).status, 200);
    let mut large = of.clone();
    large["layer"] = json!("dense1");
    timed(&studio, &late, "software", large.clone()).refuses(422, "at this size no device runs it");
    // Measured by what the original takes there.
    timed(&studio, &late, "software", large).refuses(422, "steps in this loop, the original at most ");
    // A device without shaders, none at all, and another kernel's layer.
    timed(&studio, &text, "cpu", of.clone()).refuses(422, "shaders do not run on the CPU");
    timed(&studio, &text, "no such adapter", of.clone()).refuses(422, "no such adapter");
    let mut other = of.clone();
    other["layer"] = json!("conv1");
    timed(&studio, &text, "software", other).refuses(422, "does not run for conv1");
    timed(&studio, &" ".repeat(200_000), "software", Value::Null).refuses(422, "bytes");
    let body = json!({"kernel": KERNEL, "rung": RUNG, "text": text, "device": "software"}).to_string();
    studio.post_with("/api/lab/time", "Content-Type: application/json", body.as_bytes()).refuses(403, "");
}

/// A shader is counted at the layer that is open, and at no other of the same kernel.
#[test]
fn a_shader_is_counted_at_the_layer_that_is_open() {
    let (studio, of) = with_model();
    let text = std::fs::read_to_string("shaders/conv2d.wgsl").unwrap();
    let counted = |layer: &str| {
        let mut of = of.clone();
        of["layer"] = json!(layer);
        let body = json!({"kernel": "conv2d.forward", "rung": "1_plain", "text": text, "of": of});
        studio.post("/api/lab", body).json()
    };
    // Pictures of 8x8, of which one is looked at: by hand, 3 * size - 2 rows of windows, and as many columns.
    for (layer, inputs, outputs, size) in [("conv1", 1, 64, 8), ("conv2", 64, 128, 4), ("conv3", 128, 256, 2)]
    {
        let answer = counted(layer);
        assert_eq!(
            (&answer["layer"]["name"], &answer["layer"]["pictures"]),
            (&json!(layer), &json!(1)),
            "{answer}"
        );
        let by_hand = f64::from(inputs * outputs * (3 * size - 2) * (3 * size - 2));
        let share = answer["counts"]["edited"]["multiply_adds"].as_f64().unwrap() / by_hand;
        assert!((share - 1.0).abs() < 0.01, "{layer}: {share}");
    }
    let mut other = of.clone();
    other["layer"] = json!("dense1");
    let body = json!({"kernel": "conv2d.forward", "rung": "1_plain", "text": text, "of": other});
    studio.post("/api/lab", body).refuses(422, "does not run for dense1");
}

/// The sizes of a layer are remembered, and are those of the model that is named, as it is now.
#[test]
fn a_shader_is_counted_in_the_newest_run() {
    let (studio, of) = with_model();
    let text = source(&studio);
    let counted = || {
        let body = json!({"kernel": KERNEL, "rung": RUNG, "text": text, "of": of});
        studio.post("/api/lab", body).json()
    };
    let (first, again) = (counted(), counted());
    assert_eq!(
        (&first["layer"]["image_size"], &first["layer"]["name"]),
        (&json!(8), &json!("dense2")),
        "{first}"
    );
    assert_eq!(first, again);
    let train = "train --train-dir train --test-dir test --image-size 16 --batch-size 4 --epochs 1 --seed 1 --device cpu";
    assert_eq!(studio.place.run(train).code, 0);
    let larger = counted();
    assert_eq!(larger["layer"]["image_size"], 16, "{larger}");
    assert_ne!(larger["layer"]["run"], first["layer"]["run"]);
    // Saved again by a run of the same name.
    let [old, new] = [&first, &larger]
        .map(|answer| format!("runs/{}/best.safetensors", answer["layer"]["run"].as_str().unwrap()));
    std::fs::copy(studio.place.path(&old), studio.place.path(&new)).unwrap();
    assert_eq!(counted()["layer"]["image_size"], 8);
}

#[test]
fn what_is_no_number_is_a_word() {
    let studio = Studio::new();
    let text = start("01_relu").replace("    // Your line.", "    y[i] = max(x[i], 0.0);");
    let body = json!({"kernel": "relu.forward", "rung": "1_plain", "text": text});
    let answer = studio.post("/api/lab", body).json();
    assert_eq!(
        (&answer["trial"]["expected"], &answer["trial"]["got"]),
        (&json!("NaN"), &json!(0.0)),
        "{answer}"
    );
}

#[test]
fn nothing_is_timed_while_a_run_is_in_progress() {
    let (studio, of) = with_model();
    let text = source(&studio);
    studio.train(10_000);
    timed(&studio, &text, "software", of.clone()).refuses(409, "is in progress");
    studio.post("/api/stop", json!({}));
    assert_eq!(studio.wait_for("end")["end"], "stopped");
    assert_eq!(timed(&studio, &text, "software", of).status, 200);
}

fn start(name: &str) -> String {
    std::fs::read_to_string(format!("docs/exercises/{name}.wgsl")).unwrap()
}

fn solution(name: &str) -> String {
    std::fs::read_to_string(format!("tests/exercises/{name}.wgsl")).unwrap()
}

#[test]
fn exercises_are_listed_with_their_tasks_and_judged_as_at_the_terminal() {
    let studio = Studio::new();
    let listed = studio.json("/api/exercises");
    let listed = listed.as_array().unwrap();
    let files = std::fs::read_dir("docs/exercises").unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<_> =
        files.filter_map(|name| Some(name.to_str()?.strip_suffix(".wgsl")?.to_string())).collect();
    names.sort();
    assert_eq!(listed.len(), names.len());
    for ((exercise, name), number) in listed.iter().zip(&names).zip(1..) {
        let (said, text) = (|part: &str| exercise[part].as_str().unwrap(), start(name));
        let (head, hint) = text.split_once("// Hint: ").unwrap();
        let (_, rest) = hint.split_once("\n//\n").unwrap();
        // What the page shows beside the text is no part of it.
        let title = head.lines().next().unwrap();
        assert_eq!((&exercise["number"], said("text")), (&json!(number), &*format!("{title}\n//\n{rest}")));
        // As the file has it, but for line ends.
        let flat = text.replace("\n// ", " ");
        for part in ["title", "task", "hint"] {
            assert!(said(part).len() > 5 && flat.contains(said(part)), "{name}: {part} {}", exercise[part]);
        }
        let of_text = said("text").replace("\n// ", " ");
        assert!(!of_text.contains("Hint") && !of_text.contains(said("hint")), "{name}");
        assert!(!of_text.contains(said("task")), "{name}");
        assert!(!said("task").contains("Hint") && !said("hint").contains("goal:"), "{exercise}");
        assert!(text.contains(&format!("// exercise: {} {}\n", said("kernel"), said("rung"))), "{exercise}");
        let goals = exercise["goals"].as_array().unwrap();
        assert!(
            goals.iter().all(|goal| text.contains(&format!("// goal: {}\n", goal.as_str().unwrap()))),
            "{goals:?}"
        );
        assert_eq!(goals.len(), text.matches("// goal: ").count(), "{name}");
    }
    // One that is wrong at first, and one that is right and misses a goal.
    for (number, goals) in [(1, 0), (12, 1)] {
        let (exercise, name) = (&listed[number - 1], &names[number - 1]);
        let tried = |text: &str| {
            let body = json!({"kernel": exercise["kernel"], "rung": exercise["rung"], "text": text});
            studio.post("/api/lab", body).json()
        };
        let (first, solved) = (tried(&start(name)), tried(&solution(name)));
        assert_eq!(
            (&first["is_solved"], &solved["is_solved"]),
            (&json!(false), &json!(true)),
            "{first} {solved}"
        );
        assert_eq!(solved["goals"].as_array().unwrap().len(), goals, "{solved}");
        // The same numbers as the terminal's, which counts at these sizes.
        std::fs::write(studio.place.path("mine.wgsl"), start(name)).unwrap();
        let said = studio.place.run("microscope mine.wgsl --json");
        let terminal: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!((&terminal["goals"], &terminal["counts"]), (&first["goals"], &first["counts"]), "{name}");
    }
    // Whoever is right without being an exercise has solved none.
    assert_eq!(tried(&studio, &source(&studio))["is_solved"], json!(false));
    let head = format!("GET /api/exercises HTTP/1.1\nHost: 127.0.0.1:{}\nConnection: close", studio.port);
    studio.as_stranger(&head, b"").refuses(403, "token");
}

#[test]
fn no_solution_is_part_of_the_program() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_pawgrad")).unwrap();
    let begin = "struct Params".as_bytes();
    let begins: Vec<_> =
        program.windows(begin.len()).enumerate().filter(|(_, part)| *part == begin).collect();
    let has = |text: &str| begins.iter().any(|&(at, _)| program[at..].starts_with(text.as_bytes()));
    let code = |text: &str| text[text.find("struct Params").unwrap()..].to_string();
    for file in std::fs::read_dir("tests/exercises").unwrap() {
        let name = file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_string();
        assert!(has(&code(&start(&name))), "the start of {name} is a part of the program");
        assert!(!has(&code(&solution(&name))), "{name}");
    }
}
