//! Whether a text computes what its kernel should.

use crate::check::compare::Mismatch;
use crate::check::kernels::Question;
use crate::check::{Case, Style, all};
use crate::microscope::finding::{Finding, Kind};
use crate::microscope::job::Job;
use crate::microscope::limits::Limits;
use crate::microscope::proof::{self, estimate, prove};
use crate::microscope::source::{Refusal, Result};
use crate::microscope::view::{Owner, owner};
use serde::Serialize;
use web_time::{Duration, Instant};

/// How a text is tried.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Threads of a subgroup.
    pub subgroup: u32,
    /// Cases are begun until so much time has passed, the small ones first.
    pub time: Duration,
    /// A case whose first groups promise more is left out.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            subgroup: 32,
            time: Duration::from_millis(1200),
            limits: Limits { steps: 1 << 18, instructions: 20_000_000 },
        }
    }
}

/// What came of a text.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    pub kernel: String,
    pub rung: String,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Cases that it was right in, of how many there are; with whole numbers and with others each.
    pub right: usize,
    pub cases: usize,
    #[serde(skip)]
    pub(super) text: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Equal to the definition, and nothing was found.
    Right,
    /// It is no valid shader, or none that the microscope knows.
    Refused { line: Option<u32>, what: String },
    /// The sanitizer found something.
    Found { findings: Vec<Finding>, case: String },
    /// It computes something else.
    Wrong(Wrong),
}

/// The first value that is not what it should be.
#[derive(Debug, Clone, Serialize)]
pub struct Wrong {
    /// The buffer and the value's place in it.
    pub name: String,
    pub place: Vec<usize>,
    pub got: f64,
    pub expected: f64,
    /// How many values differ, of how many.
    pub count: usize,
    pub len: usize,
    /// Who wrote it; `None` where nobody did.
    pub thread: Option<u32>,
    pub group: Option<[u32; 3]>,
    /// The line of the write.
    pub line: Option<u32>,
    /// What the case is there for, and its sizes.
    pub case: String,
}

/// Tries `text` in the place of the shader of a kernel's rung.
///
/// # Errors
/// A kernel or a rung that is not there.
pub fn trial(kernel: &str, rung: &str, text: &str, settings: Settings) -> Result<Trial> {
    let fits = |case: &Case| {
        case.call.name() == kernel
            && case.call.sources().iter().any(|source| source.fits && source.rung == rung)
    };
    let mut cases: Vec<Case> = all().into_iter().filter(fits).collect();
    if cases.is_empty() {
        return Err(Refusal::new(format!("there is no rung {rung} of {kernel}")));
    }
    let work = |case: &Case| {
        let buffers = case.call.inputs().iter().chain(case.call.outputs());
        buffers.map(|buffer| case.len(buffer)).sum::<usize>() as f64 + case.call.flop()
    };
    cases.sort_by(|one, other| work(one).total_cmp(&work(other)));
    let begun = Instant::now();
    let mut right = 0;
    let all = 2 * cases.len();
    let ends = |verdict, right| Trial {
        kernel: kernel.to_string(),
        rung: rung.to_string(),
        verdict,
        right,
        cases: all,
        text: text.to_string(),
    };
    'cases: for case in &cases {
        let job = match Job::with_text(&*case.call, rung, settings.subgroup, text) {
            Ok(job) => job,
            Err(why) => return Ok(ends(why.into(), right)),
        };
        for style in [Style::Integers, Style::Random] {
            if begun.elapsed() > settings.time {
                break 'cases;
            }
            match of_case(case, rung, &job, style, settings) {
                None => {}
                Some(Verdict::Right) => right += 1,
                Some(verdict) => return Ok(ends(verdict, right)),
            }
        }
    }
    if right == 0 {
        let what = "it takes far too many instructions, in the smallest case too".to_string();
        return Ok(ends(Verdict::Refused { line: None, what }, 0));
    }
    Ok(ends(Verdict::Right, right))
}

impl From<Refusal> for Verdict {
    fn from(Refusal { line, what }: Refusal) -> Verdict {
        Verdict::Refused { line, what }
    }
}

/// `None` where it is too much work.
fn of_case(case: &Case, rung: &str, job: &Job, style: Style, settings: Settings) -> Option<Verdict> {
    let question = Question::new(case, case.call.rounding(rung), style);
    let [inputs, outputs] = question.words();
    let buffers = job.buffers(&inputs, &outputs);
    let Settings { subgroup, limits, .. } = settings;
    let most = limits.instructions;
    // Other groups may take longer than the first, from which the estimate is.
    let limits = Limits { instructions: 4 * most, ..limits };
    let of_proof = proof::Settings { subgroup, limits, ..proof::Settings::default() };
    match estimate(job, &buffers, of_proof) {
        // One without end is a finding, and found quickly; but the kernel itself may take as long in a large case.
        Ok(u64::MAX) => {
            let own = Job::new(&*case.call, rung, settings.subgroup);
            let own = own.and_then(|own| estimate(&own, &own.buffers(&inputs, &outputs), of_proof));
            if own == Ok(u64::MAX) {
                return None;
            }
        }
        Ok(instructions) if instructions > most => return None,
        Ok(_) => {}
        Err(why) => return Some(why.into()),
    }
    let report = match prove(job, &buffers, of_proof) {
        Ok(report) => report,
        Err(why) => return Some(why.into()),
    };
    let described = || format!("{}; {}", case.why, case.call.params());
    if !report.findings.is_empty() {
        let mut findings = report.findings;
        // What is only the consequence of another mistake stands behind it.
        findings.sort_by_key(|finding| matches!(finding.kind, Kind::Uninitialised | Kind::Order));
        return Some(Verdict::Found { findings, case: described() });
    }
    for (output, words) in report.outputs.iter().enumerate() {
        if let Err(mismatch) = question.compare(output, words) {
            let index = mismatch.first[0].index;
            let own = owner(job, &buffers, (&mismatch.name, index as u32), subgroup, limits).ok();
            let line = own.map(|own| job.passes[own.pass].program.line(own.pc));
            return Some(Verdict::Wrong(wrong(mismatch, own, line, described())));
        }
    }
    Some(Verdict::Right)
}

fn wrong(mismatch: Mismatch, own: Option<Owner>, line: Option<u32>, case: String) -> Wrong {
    let Mismatch { name, count, len, mut first } = mismatch;
    let first = first.swap_remove(0);
    Wrong {
        name,
        place: first.place,
        got: first.got,
        expected: first.expected,
        count,
        len,
        thread: own.map(|own| own.thread),
        group: own.map(|own| own.group),
        line,
        case,
    }
}
