//! The exercises in docs/exercises: each fails as its text says, each can be solved, and no solution stands in the docs.

use pawgrad::check::{self, Case, Table};
use pawgrad::microscope::finding::Kind;
use pawgrad::microscope::lab::{
    BATCH, Beside, Exercise, IMAGE_SIZE, Metric, Reached, Settings, Trial, Verdict, beside, trial,
};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

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
    let settings = Settings { time: Duration::from_millis(100), ..Settings::default() };
    trial(kernel, rung, text, settings).unwrap()
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
            assert!(reached, "{name}: {} is {count}", goal.words);
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
        let Beside { edited, original } = counted(question.kernel, question.rung, &text);
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
