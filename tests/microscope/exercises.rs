//! The exercises in docs/exercises: each fails as its text says, each can be solved, and no solution stands in the docs.

use pawgrad::check::{self, Case, Table};
use pawgrad::microscope::compile;
use pawgrad::microscope::finding::Kind;
use pawgrad::microscope::lab::{
    BATCH, Beside, Exercise, IMAGE_SIZE, Metric, Reached, Settings, Trial, Verdict, beside, nearest, rungs,
    trial,
};
use pawgrad::microscope::limits::Limits;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const STARTS: &str = "docs/exercises";
const SOLUTIONS: &str = "tests/exercises";

/// How a start fails.
#[derive(Debug, PartialEq, Eq)]
enum Fails {
    /// A value is not what it should be.
    Wrong,
    /// The sanitizer finds this first.
    Found(Kind),
    /// It is right, and misses its first goal.
    Misses(Metric),
}

const EXERCISES: [(&str, Fails); 16] = [
    ("01_relu", Fails::Wrong),
    ("02_edge", Fails::Found(Kind::OutOfBounds)),
    ("03_bias", Fails::Wrong),
    ("04_first_maximum", Fails::Wrong),
    ("05_read_once", Fails::Misses(Metric::Accesses)),
    ("06_register", Fails::Misses(Metric::Accesses)),
    ("07_race", Fails::Found(Kind::Race)),
    ("08_second_barrier", Fails::Found(Kind::Race)),
    ("09_not_all_come", Fails::Found(Kind::Barrier)),
    ("10_cells_of_nobody", Fails::Found(Kind::Uninitialised)),
    ("11_neighbours", Fails::Misses(Metric::Sectors)),
    ("12_banks", Fails::Misses(Metric::Conflicts)),
    ("13_half_wait", Fails::Misses(Metric::Active)),
    ("14_deeper", Fails::Misses(Metric::Barriers)),
    ("15_four_sums", Fails::Misses(Metric::Shared)),
    ("16_climb", Fails::Misses(Metric::Accesses)),
];

fn read(folder: &str, name: &str) -> String {
    let path = Path::new(folder).join(format!("{name}.wgsl"));
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn names(folder: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let shaders = files.filter(|path| path.extension().is_some_and(|ending| ending == "wgsl"));
    shaders.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string()).collect()
}

fn exercise(name: &str, text: &str) -> Exercise {
    let exercise = Exercise::of(text).unwrap_or_else(|why| panic!("{name}: {why}"));
    exercise.unwrap_or_else(|| panic!("{name} does not say what it is an exercise of"))
}

fn tried(kernel: &str, rung: &str, text: &str) -> Trial {
    trial(kernel, rung, text, Settings::default()).unwrap()
}

/// As the lab counts it.
fn counted(kernel: &str, rung: &str, text: &str) -> Beside {
    let cases = check::table(Table::Network { image_size: IMAGE_SIZE, batch: BATCH });
    let case: &Case = cases.iter().find(|case| case.call.name() == kernel).unwrap();
    beside(case, rung, text, 32).unwrap()
}

#[test]
fn every_exercise_is_on_the_list() {
    let listed: BTreeSet<_> = EXERCISES.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names(STARTS), listed);
    assert_eq!(names(SOLUTIONS), listed);
    let page = fs::read_to_string(Path::new(STARTS).join("README.md")).unwrap();
    for name in &listed {
        assert!(page.contains(&format!("({name}.wgsl)")), "docs/exercises/README.md does not name {name}");
    }
}

#[test]
fn starts_fail_as_their_texts_say() {
    EXERCISES.par_iter().for_each(|(name, fails)| {
        let text = read(STARTS, name);
        let Exercise { kernel, rung, goals } = exercise(name, &text);
        assert!(
            text.starts_with("// Exercise ") && text.contains("\n// Hint: "),
            "{name} has no title or no hint"
        );
        let trial = tried(&kernel, &rung, &text);
        match (&trial.verdict, fails) {
            (Verdict::Wrong(_), Fails::Wrong) => {}
            (Verdict::Found { findings, .. }, Fails::Found(kind)) => {
                assert_eq!(findings[0].kind, *kind, "{name}")
            }
            (Verdict::Right, Fails::Misses(metric)) => {
                assert!(trial.right > 0, "{name}");
                let counts = counted(&kernel, &rung, &text);
                assert_eq!(goals[0].metric, *metric, "{name}");
                // Clearly, and not by luck.
                let Reached { count, reached, .. } = goals[0].reached(&counts);
                let count = count.unwrap();
                let far = if goals[0].at_most { count / goals[0].number } else { goals[0].number / count };
                assert!(!reached && far > 1.05, "{name}: {} is {count}", goals[0].words);
            }
            (other, fails) => panic!("{name} should fail by {fails:?}, and is {other:?}"),
        }
    });
}

#[test]
fn solutions_are_right_and_reach_all_goals() {
    EXERCISES.par_iter().for_each(|(name, _)| {
        let text = read(SOLUTIONS, name);
        let Exercise { kernel, rung, goals } = exercise(name, &text);
        assert_eq!(exercise(name, &read(STARTS, name)), exercise(name, &text), "{name}");
        let trial = tried(&kernel, &rung, &text);
        assert!(matches!(trial.verdict, Verdict::Right) && trial.right > 0, "{name}: {trial:?}");
        let counts = counted(&kernel, &rung, &text);
        for goal in &goals {
            let Reached { count, reached, .. } = goal.reached(&counts);
            assert!(reached, "{name}: {} is {count:?}", goal.words);
        }
    });
}

/// Lines of code, without spaces at their ends, comments and empty lines.
fn code(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).collect()
}

#[test]
fn no_solution_stands_in_the_docs() {
    let page = fs::read_to_string(Path::new(STARTS).join("README.md")).unwrap();
    for (name, _) in &EXERCISES {
        let (start, solution) = (read(STARTS, name), read(SOLUTIONS, name));
        let of_start = code(&start);
        // What only a solution has. `}` and a barrier alone give nothing away.
        let own: Vec<_> =
            code(&solution).into_iter().filter(|line| !of_start.contains(line) && line.len() > 24).collect();
        for line in &own {
            assert!(!page.contains(line) && !start.contains(line), "{name}: the docs say {line}");
        }
        let whole = code(&solution).join("\n");
        for other in names(STARTS) {
            assert!(code(&read(STARTS, &other)).join("\n") != whole, "{other} solves {name}");
        }
    }
}

/// A question of docs/exercises/README.md: what does a change do to the counts?
struct Question {
    kernel: &'static str,
    rung: &'static str,
    file: &'static str,
    /// What the page shows, each with what stood there before.
    edits: &'static [(&'static str, &'static str)],
    /// What grows or shrinks, and by how much at least.
    grows: &'static [(Metric, f64)],
    shrinks: &'static [(Metric, f64)],
    stays: &'static [Metric],
}

const QUESTIONS: [Question; 5] = [
    Question {
        kernel: "dense.forward",
        rung: "2_shared",
        file: "shaders/dense.2_shared.wgsl",
        edits: &[("const PITCH = 17u;", "const PITCH = 16u;")],
        grows: &[(Metric::Conflicts, 1.1)],
        shrinks: &[],
        stays: &[Metric::Accesses, Metric::Sectors, Metric::Shared, Metric::Barriers],
    },
    Question {
        kernel: "dense.forward",
        rung: "2_shared",
        file: "shaders/dense.2_shared.wgsl",
        edits: &[(
            "staged_columns[own.x * PITCH + own.y] = load_w_feature(first_o + own.y, i + own.x);",
            "staged_columns[own.y * PITCH + own.x] = load_w_feature(first_o + own.x, i + own.y);",
        )],
        grows: &[(Metric::Sectors, 1.5)],
        shrinks: &[],
        stays: &[Metric::Accesses, Metric::Shared, Metric::Conflicts, Metric::Barriers],
    },
    Question {
        kernel: "relu.forward",
        rung: "2_four",
        file: "shaders/relu.2_four.wgsl",
        edits: &[
            (
                "return vec4(first, first + 256u, first + 512u, first + 768u);",
                "return vec4(first, first + 1u, first + 2u, first + 3u);",
            ),
            (
                "return (group.y * groups.x + group.x) * 1024u + thread;",
                "return (group.y * groups.x + group.x) * 1024u + thread * 4u;",
            ),
        ],
        grows: &[(Metric::Sectors, 2.0)],
        shrinks: &[],
        stays: &[Metric::Accesses],
    },
    Question {
        kernel: "dense.backward_w",
        rung: "1_plain",
        file: "shaders/dense.wgsl",
        edits: &[
            (
                "let o = element / p.in_features;\n    let i = element % p.in_features;",
                "let o = element % p.out_features;\n    let i = element / p.out_features;",
            ),
            ("dw[element] = sum;", "dw[o * p.in_features + i] = sum;"),
        ],
        grows: &[(Metric::Sectors, 1.2)],
        shrinks: &[],
        stays: &[Metric::Accesses],
    },
    Question {
        kernel: "dense.backward_b",
        rung: "2_shared",
        file: "shaders/dense.2_shared.wgsl",
        edits: &[(
            "for (var i = 0u; i < TILE; i++) {\n        sum += staged_rows[i * PITCH + own.x];",
            "for (var i = 0u; i < select(0u, TILE, own.y == 0u); i++) {\n        sum += staged_rows[i * PITCH + own.x];",
        )],
        grows: &[],
        shrinks: &[(Metric::Shared, 2.0), (Metric::Instructions, 1.5), (Metric::Active, 1.02)],
        stays: &[Metric::Accesses, Metric::Barriers],
    },
];

#[test]
fn predictions_can_be_checked() {
    let page = fs::read_to_string(Path::new(STARTS).join("README.md")).unwrap();
    QUESTIONS.par_iter().enumerate().for_each(|(number, question)| {
        let mut text = fs::read_to_string(question.file).unwrap();
        for (from, to) in question.edits {
            assert!(text.contains(from), "{} has no {from}", question.file);
            text = text.replacen(from, to, 1);
            for line in to.lines().map(str::trim) {
                assert!(page.contains(line), "docs/exercises/README.md does not show {line}");
            }
        }
        let trial = tried(question.kernel, question.rung, &text);
        assert!(matches!(trial.verdict, Verdict::Right), "question {}: {trial:?}", number + 1);
        let Beside { edited, original, .. } = counted(question.kernel, question.rung, &text);
        let times = |metric: Metric| edited.get(metric) / original.get(metric);
        for &(metric, least) in question.grows {
            assert!(times(metric) >= least, "question {}: {metric:?} {}", number + 1, times(metric));
        }
        for &(metric, least) in question.shrinks {
            assert!(1.0 / times(metric) >= least, "question {}: {metric:?} {}", number + 1, times(metric));
        }
        for &metric in question.stays {
            assert_eq!(edited.get(metric), original.get(metric), "question {}: {metric:?}", number + 1);
        }
    });
}

#[test]
fn a_kernel_that_takes_long_in_large_cases_is_right() {
    let text = fs::read_to_string("shaders/conv2d.wgsl").unwrap();
    let trial = trial("conv2d.backward_w", "1_plain", &text, Settings::default()).unwrap();
    assert!(matches!(trial.verdict, Verdict::Right) && trial.right > 0, "{trial:?}");
}

/// With sums in an array that a loop goes through, each term takes a few steps more: right in every case, and in the longest
/// sum a thread takes more steps than in most.
fn in_loops() -> String {
    let text = read(SOLUTIONS, "15_four_sums");
    let body = text.find("            let at = k * PITCH + own.y;").unwrap();
    let end = body + text[body..].find("        }\n").unwrap();
    let in_a_loop = "            let column = staged_columns[k * PITCH + own.x];
            for (var j = 0u; j < 4u; j++) {
                sums[j] += staged_rows[k * PITCH + own.y + 4u * j] * column;
            }
";
    let text = [&text[..body], in_a_loop, &text[end..]].concat();
    text.replace("var sums = vec4<f32>();", "var sums = array<f32, 4>(0.0, 0.0, 0.0, 0.0);")
}

/// What is right is right in all cases that the original can be tried in, however many steps it takes; and what is tried
/// follows from the original alone.
#[test]
fn a_slower_text_is_tried_in_the_same_cases() {
    let (kernel, rung) = ("dense.forward", "2_shared");
    let quick = tried(kernel, rung, &read(SOLUTIONS, "15_four_sums"));
    let slow = tried(kernel, rung, &in_loops());
    assert!(matches!(slow.verdict, Verdict::Right) && slow.right > 4, "{slow:?}");
    assert_eq!((quick.right, quick.cases), (slow.right, slow.cases));
    // Nothing but the original says what is too much.
    let limits = Limits { steps: 1, instructions: 1, original: None };
    let slow = trial(kernel, rung, &in_loops(), Settings { limits, ..Settings::default() }).unwrap();
    assert!(matches!(slow.verdict, Verdict::Right), "{slow:?}");
    assert_eq!(quick.right, slow.right);
}

#[test]
fn what_seems_to_have_no_end_is_measured_by_the_original() {
    let text = read(SOLUTIONS, "15_four_sums").replace("k < TILE; k++", "k < TILE; k += 0u");
    let Verdict::Found { findings, .. } = tried("dense.forward", "2_shared", &text).verdict else { panic!() };
    assert_eq!(findings[0].kind, Kind::Endless);
    let what = &findings[0].what;
    assert!(what.contains("more than 262,144 steps in this loop, the original at most "), "{what}");
    assert!(what.ends_with(" in all: perhaps no end"), "{what}");
}

/// What the texts say of NaN is so: a careless form is wrong for it alone, and the lab says what it should be.
#[test]
fn trials_have_nans() {
    let with_max = read(STARTS, "01_relu").replace("    // Your line.", "    y[i] = max(x[i], 0.0);");
    let Verdict::Wrong(wrong) = tried("relu.forward", "1_plain", &with_max).verdict else { panic!() };
    assert!(wrong.expected.is_nan() && wrong.got == 0.0 && wrong.case.contains("NaN"), "{wrong:?}");
    assert_eq!(serde_json::to_value(&wrong).unwrap()["expected"], "NaN");
    let careful = read(SOLUTIONS, "04_first_maximum");
    let careless = careful.replace(" || (is_nan(v) && !is_nan(best))", "");
    assert_ne!(careless, careful);
    let Verdict::Wrong(wrong) = tried("max_pool2d.forward", "1_plain", &careless).verdict else { panic!() };
    assert!(wrong.expected.is_nan() && wrong.case.contains("NaN"), "{wrong:?}");
    for name in names(STARTS) {
        let text = read(STARTS, &name).replace("\n// ", " ");
        assert!(!text.contains("trials have no"), "{name}");
    }
}

/// A mistake in the first pass shows in the second, which nobody touched.
#[test]
fn the_pass_before_is_named_where_the_mistake_is() {
    let text = read(SOLUTIONS, "15_four_sums");
    let wrong = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        match tried("dense.forward", "2_shared", &text.replacen(from, to, 1)).verdict {
            Verdict::Wrong(wrong) => wrong.hint,
            other => panic!("{other:?}"),
        }
    };
    let hint = wrong("staged_rows[at + 8u]", "staged_rows[at + 4u]").unwrap();
    assert!(hint.contains("as in the original") && hint.contains("forward_partial left"), "{hint}");
    assert_eq!(wrong("y[element] = sum + b", "y[element] = sum - b"), None);
}

/// Lines and names may be others, and nothing else: what a register or a binding holds at first is no part of the code.
#[test]
fn what_does_the_same_is_told_from_what_only_has_the_same_code() {
    let text = "@group(0) @binding(0) var<storage, read> x: array<u32>;
        @group(0) @binding(1) var<storage, read> w: array<u32>;
        @group(0) @binding(2) var<storage, read_write> y: array<u32>;
        var<workgroup> staged: array<u32, 64>;
        @compute @workgroup_size(64)
        fn main(@builtin(local_invocation_index) own: u32, @builtin(global_invocation_id) id: vec3<u32>) {
            let sum = x[id.x] + 3u;
            staged[own] = sum * w[id.x];
            y[id.x] = staged[own];
        }";
    let is_same = |edits: &[(&str, &str)]| {
        let other = edits.iter().fold(text.to_string(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        let [one, other] = [text, &other].map(|text| compile(text, "main", &[]).unwrap());
        one.does_the_same(&other)
    };
    assert!(is_same(&[("sum", "total"), ("staged", "kept"), ("let", "\n// more\nlet")]));
    let others: [&[(&str, &str)]; 6] = [
        &[("local_invocation_index", "subgroup_invocation_id")],
        &[("global_invocation_id", "local_invocation_id")],
        &[("read> x:", "read> z:"), ("x[", "z[")],
        &[("storage, read> x:", "storage, read_write> x:")],
        &[("3u", "4u")],
        &[("workgroup_size(64)", "workgroup_size(32)")],
    ];
    for edits in others {
        assert!(!is_same(edits), "{edits:?}");
    }
}

/// A shader, and what was made of it, is tried in the place of its own rung.
#[test]
fn a_text_is_most_like_its_own_rung() {
    let mut seen = BTreeSet::new();
    for case in check::all() {
        let kernel = case.call.name();
        for source in case.call.sources().into_iter().filter(|source| source.fits) {
            let Some(plan) = case.call.plan(source.rung) else { continue };
            if !seen.insert((kernel, source.rung)) {
                continue;
            }
            let edited = plan.text.replacen("    let ", "    let more = 1u;\n    let ", 1);
            let found = nearest(kernel, &edited).unwrap();
            // Two rungs may have one shader, and differ in the plan.
            let of_found = case.call.plan(found).map(|plan| plan.text);
            assert!(
                found == source.rung || of_found.as_ref() == Some(&plan.text),
                "{kernel} {}: {found}",
                source.rung
            );
        }
    }
    assert!(seen.len() > 60, "{}", seen.len());
    assert!(nearest("dense.sideways", "").is_err() && rungs("dense.forward").unwrap().contains(&"2_shared"));
}
