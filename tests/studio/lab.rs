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
    asked("dense.sideways", RUNG, &text).refuses(422, "there is no rung");
    asked(KERNEL, "9_best", &text).refuses(422, "there is no rung");
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
        ("true", 20_000, "far too many instructions, in the smallest case too"),
        ("group.x > 0u", 20_000, "take more than 80000000 instructions"),
    ] {
        let answer = asked(KERNEL, RUNG, &edited(&text, start, &long(condition, turns)));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains(words), "{condition}: {}", answer.text());
    }
    // Right in every small case, and too long where it is counted.
    let slow = edited(&text, start, &long("p.batch * p.in_features == 131072u", 1 << 22));
    asked(KERNEL, RUNG, &slow).refuses(422, "take more than");
    // Strangers are no visitors of the lab.
    let body = json!({"kernel": KERNEL, "rung": RUNG, "text": text}).to_string();
    studio.post_with("/api/lab", "Content-Type: application/json", body.as_bytes()).refuses(403, "");
}
