//! Every kernel, every rung, every case of the table: no finding, and equal to the reference.

use crate::common;
use pawgrad::check::kernels::{Got, Question};
use pawgrad::check::{self, Case, Style};
use pawgrad::microscope::job::Job;
use pawgrad::microscope::proof::{Report, Settings, estimate, prove};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::time::Instant;

#[test]
fn no_kernel_has_a_finding_and_all_equal_their_references() {
    let start = Instant::now();
    let mut runs = Vec::new();
    let cases: Vec<_> = check::all().into_iter().filter(|case| common::selected(case.call.name())).collect();
    for case in &cases {
        for source in case.call.sources().into_iter().filter(|source| source.fits) {
            runs.push((case, source.rung));
        }
    }
    let results: Vec<_> = runs
        .par_iter()
        .map(|(case, rung)| {
            let start = Instant::now();
            let result = run(case, rung);
            if start.elapsed().as_secs_f64() > 2.0 {
                println!(
                    "{:?} {} {rung} {:.3e} {:.3e}",
                    start.elapsed(),
                    case.call.name(),
                    case.call.flop(),
                    check::kernels::bytes(case)
                );
            }
            (start.elapsed(), result)
        })
        .collect();
    let (mut refused, mut failures, mut instructions) = (BTreeSet::new(), Vec::new(), 0);
    let mut slow = Vec::new();
    for ((case, rung), (time, result)) in runs.iter().zip(results) {
        let name = format!("{} {rung}", case.call.name());
        match result {
            Ok(report) => {
                instructions += report.instructions;
                slow.push((time, report.instructions, name, case.call.params()));
            }
            Err(Failed::Refused(why)) => {
                refused.insert(format!("{name}: {why}"));
            }
            Err(Failed::Wrong(why)) => {
                failures.push(format!("{name} {} {}\n{why}", case.why, case.call.params()))
            }
        }
    }
    slow.sort_by(|a, b| b.0.cmp(&a.0));
    for (time, instructions, name, params) in slow.iter().take(12) {
        println!("{time:?} {instructions} {name} {params}");
    }
    println!("{refused:#?}");
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} runs, {instructions} instructions in {seconds:.1} s: {:.1} M/s",
        runs.len(),
        instructions as f64 / seconds / 1e6
    );
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures[..failures.len().min(12)].join("\n\n")
    );
}

enum Failed {
    Refused(String),
    Wrong(String),
}

fn run(case: &Case, rung: &str) -> Result<Report, Failed> {
    let job = Job::new(&*case.call, rung, 32).map_err(|why| Failed::Refused(why.to_string()))?;
    let question = Question::new(case, case.call.rounding(rung), Style::Random);
    let [inputs, outputs] = question.words();
    let buffers = job.buffers(&inputs, &outputs);
    let estimate = estimate(&job, &buffers, Settings::default()).unwrap_or(0);
    let report = prove(&job, &buffers, settings(estimate));
    let report = report.map_err(|why| Failed::Wrong(why.to_string()))?;
    let got = report.outputs.iter().map(|words| Got { payload: words.clone(), guard: Vec::new() });
    let mut problems: Vec<String> =
        report.findings.iter().map(|finding| format!("{}: {finding}", job.file)).collect();
    if report.outputs.len() == outputs.len() {
        problems.extend(question.judge(&got.collect::<Vec<_>>()).err());
    } else if estimate < MUCH {
        problems.push("it has no result".to_string());
    }
    if problems.is_empty() { Ok(report) } else { Err(Failed::Wrong(problems.join("\n"))) }
}

/// Instructions of one order up to which all groups are watched, in all orders.
const LITTLE: u64 = 3_000_000;
/// Up to which all groups run, but only a few are watched, and in one order. Beyond, only these few run at all, and their
/// results are not compared.
const MUCH: u64 = 12_000_000;
const WATCHED: u64 = 8;

/// What is done with a case, by how many instructions it takes.
fn settings(instructions: u64) -> Settings {
    let usual = Settings::default();
    match instructions {
        ..LITTLE => usual,
        ..MUCH => Settings { watched: WATCHED, orders: 1, ..usual },
        _ => Settings { watched: WATCHED, orders: 1, rest: false, ..usual },
    }
}
