//! Every kernel, every rung, every case of the table: no finding, and equal to the reference.

use crate::common;
use pawgrad::check::kernels::{self, Got, Question};
use pawgrad::check::{self, Case, Style};
use pawgrad::kernel::Rounding;
use pawgrad::microscope::Refusal;
use pawgrad::microscope::finding::{Finding, Kind};
use pawgrad::microscope::job::{Job, Pass};
use pawgrad::microscope::limits::Limits;
use pawgrad::microscope::proof::{Report, Settings, estimate, prove};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Rungs whose threads exchange values within a subgroup run with these sizes, as far as they are made for them.
const SUBGROUPS: [u32; 3] = [32, 8, 64];

#[test]
fn no_kernel_has_a_finding_and_all_equal_their_references() {
    let start = Instant::now();
    let cases: Vec<_> = check::all().into_iter().filter(|case| common::selected(case.call.name())).collect();
    let mut runs = Vec::new();
    for case in &cases {
        for source in case.call.sources().into_iter().filter(|source| source.fits) {
            let subgroups = if source.text.contains("subgroup") { &SUBGROUPS[..] } else { &SUBGROUPS[..1] };
            runs.extend(subgroups.iter().map(|&subgroup| (case, source.rung, subgroup)));
        }
    }
    let stated = AtomicU64::new(0);
    let timed = |(case, rung, subgroup): &(&Case, &'static str, u32)| {
        let start = Instant::now();
        (run(case, rung, *subgroup, &stated), start.elapsed())
    };
    let results: Vec<_> = runs.par_iter().map(timed).collect();
    let (mut refused, mut failures, mut instructions) = (BTreeSet::new(), Vec::new(), 0);
    let (mut fewer, mut few, mut none) = (0, 0, BTreeSet::new());
    let mut times = Vec::new();
    for ((case, rung, subgroup), (result, time)) in runs.iter().zip(results) {
        let name = format!("{} {rung}", case.call.name());
        times.push((time, name.clone(), case.call.params()));
        match result {
            Ok(outcome) => {
                instructions += outcome.instructions;
                fewer += usize::from(outcome.watched == Watched::SomeAndCompared);
                few += usize::from(outcome.watched == Watched::Some);
                none.extend(Some(name).filter(|_| outcome.watched == Watched::None));
            }
            Err(Failed::Refused(why)) if why.contains("cooperative matrices") => {
                assert_eq!(case.call.rounding(rung), Rounding::Halves, "{name}");
                refused.insert(name);
            }
            Err(Failed::Refused(why) | Failed::Wrong(why)) => {
                let (why_it_is_there, params) = (case.why, case.call.params());
                failures.push(format!("{name}, subgroups of {subgroup}: {why_it_is_there}, {params}\n{why}"));
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let rate = instructions as f64 / seconds / 1e6;
    println!(
        "{} runs, {instructions} instructions in {seconds:.1} s: {rate:.1} million a second",
        runs.len()
    );
    println!("{fewer} of them with fewer groups watched, {few} with few groups at all; too long: {none:?}");
    times.sort_by_key(|time| std::cmp::Reverse(time.0));
    times.iter().take(5).for_each(|(time, name, params)| println!("{time:?} {name} {params}"));
    let shown = failures.len().min(12);
    assert!(
        failures.is_empty(),
        "{} of {} fail:\n\n{}",
        failures.len(),
        runs.len(),
        failures[..shown].join("\n\n")
    );
    if std::env::var_os("PAWGRAD_ONLY").is_none() {
        assert!(
            stated.load(Ordering::Relaxed) > 0,
            "the fetches outside of textures are gone: take them off the list"
        );
        println!("{} fetches outside of textures, as the shader says of itself", stated.into_inner());
        assert_eq!(refused.into_iter().collect::<Vec<_>>(), REFUSED);
    }
}

/// What multiplies on tensor cores: tests/tensor_cores.rs runs it.
const REFUSED: [&str; 6] = [
    "conv2d_relu_pool.backward_w 4_tensor",
    "conv2d_relu_pool.backward_w 4_tensor_8x8",
    "conv2d_relu_pool.backward_x 4_tensor",
    "conv2d_relu_pool.backward_x 4_tensor_8x8",
    "conv2d_relu_pool.forward 4_tensor",
    "conv2d_relu_pool.forward 4_tensor_8x8",
];

enum Failed {
    Refused(String),
    Wrong(String),
}

fn run(case: &Case, rung: &str, subgroup: u32, stated: &AtomicU64) -> Result<Outcome, Failed> {
    if kernels::bytes(case) > MOST_BYTES {
        return Ok(Outcome { instructions: 0, watched: Watched::None });
    }
    let job = Job::new(&*case.call, rung, subgroup).map_err(|why| Failed::Refused(why.to_string()))?;
    // Zeros are drawn at once, and the longest buffers are of cases that are too much work anyway.
    let [inputs, outputs] = case.zeros();
    let buffers = job.buffers(&inputs, &outputs);
    let usual = Settings { subgroup, ..Settings::default() };
    let wrong = |why: Refusal| Failed::Wrong(why.to_string());
    let instructions =
        estimate(&job, &buffers, Settings { limits: Limits { steps: LONG_THREAD, ..usual.limits }, ..usual })
            .map_err(wrong)?
            .all;
    let settings = settings(instructions, &job, usual);
    let problems_of = |report: &Report| {
        let (known, others): (Vec<_>, Vec<_>) =
            report.findings.iter().partition(|finding| is_stated(&job, finding));
        stated.fetch_add(known.iter().map(|finding| finding.count).sum(), Ordering::Relaxed);
        others.into_iter().map(|finding| format!("{}: {finding}", job.file)).collect::<Vec<_>>()
    };
    if !settings.rest {
        let report = prove(&job, &buffers, settings).map_err(wrong)?;
        let problems = problems_of(&report);
        let outcome = Outcome { instructions: report.instructions, watched: Watched::Some };
        return if problems.is_empty() { Ok(outcome) } else { Err(Failed::Wrong(problems.join("\n"))) };
    }
    let question = Question::new(case, case.call.rounding(rung), Style::Random);
    let [inputs, outputs] = question.words();
    let report = prove(&job, &job.buffers(&inputs, &outputs), settings).map_err(wrong)?;
    let got: Vec<_> =
        report.outputs.iter().map(|words| Got { payload: words.clone(), guard: Vec::new() }).collect();
    let mut problems = problems_of(&report);
    if got.len() == outputs.len() {
        problems.extend(question.judge(&got).err());
    } else {
        problems.push("it has no result".to_string());
    }
    let watched = if settings.watched == u64::MAX { Watched::All } else { Watched::SomeAndCompared };
    let outcome = Outcome { instructions: report.instructions, watched };
    if problems.is_empty() { Ok(outcome) } else { Err(Failed::Wrong(problems.join("\n"))) }
}

/// The only thing that is found and left as it is: `textures` fetches texels that are outside of a texture, or behind the
/// values that were copied into it, and does not use what it gets. WGSL gives some texel or zeros there. The shader says so.
fn is_stated(job: &Job, finding: &Finding) -> bool {
    let is_fetch = |line: &u32| {
        let text = job.passes.first().and_then(|pass| pass.program.source.lines().nth(*line as usize - 1));
        text.is_some_and(|text| text.contains("return textureLoad(values, vec2(i % WIDTH, i / WIDTH), 0).x;"))
    };
    job.file == "conv2d_relu_pool.textures.wgsl"
        && matches!(finding.kind, Kind::OutOfBounds | Kind::Uninitialised)
        && finding.lines.iter().all(is_fetch)
}

struct Outcome {
    instructions: u64,
    watched: Watched,
}

#[derive(PartialEq, Eq)]
enum Watched {
    /// All groups in all orders, the result compared.
    All,
    /// A few groups in one order; the others ran too, and the result is compared.
    SomeAndCompared,
    /// Only a few groups ran, in one order.
    Some,
    /// It was not run at all.
    None,
}

/// Instructions of one order up to which all groups are watched, in all orders.
const LITTLE: u64 = 2_000_000;
/// Up to which all groups run, but only a few are watched, and in one order. Beyond, only these few run at all, and their
/// results are not compared: tests/kernels.rs does that.
const MUCH: u64 = 10_000_000;
/// A thread that takes more than this is much, too.
const LONG_THREAD: u64 = 1 << 15;
/// Cases with larger buffers are not run: the relu of a second row of groups, whose index other ops share.
const MOST_BYTES: f64 = 32e6;
/// Of each pass.
const MOST_GROUPS: u64 = 8;

/// What is done with a case, by how many instructions it takes.
fn settings(instructions: u64, job: &Job, usual: Settings) -> Settings {
    let groups: u64 = job.passes.iter().map(Pass::len).sum();
    let share = u128::from(LITTLE) * u128::from(groups) / u128::from(instructions.max(1));
    let most = if usual.subgroup == SUBGROUPS[0] { MOST_GROUPS } else { 1 };
    let watched = (share as u64).clamp(1, most);
    match instructions {
        ..LITTLE => usual,
        ..MUCH if usual.subgroup == SUBGROUPS[0] => Settings { watched: MOST_GROUPS, orders: 1, ..usual },
        _ => Settings { watched, orders: 1, rest: false, ..usual },
    }
}
