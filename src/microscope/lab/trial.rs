//! Whether a text computes what its kernel should.

use super::place::rungs;
use crate::check::compare::Mismatch;
use crate::check::kernels::Question;
use crate::check::{Case, Style, all};
use crate::microscope::finding::{Finding, Kind};
use crate::microscope::job::Job;
use crate::microscope::limits::{Effort, Limits, grouped};
use crate::microscope::order::ORDERS;
use crate::microscope::proof::{self, estimate, prove};
use crate::microscope::source::{Refusal, Result};
use crate::microscope::view::{Owner, owner};
use serde::Serialize;

/// How a text is tried.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Threads of a subgroup.
    pub subgroup: u32,
    /// Cases are taken, the small ones first, until the original takes so many instructions in them, all orders of threads
    /// together. What the text takes, or how fast the machine is, changes nothing: equal texts get equal verdicts.
    pub work: u64,
    /// A case in which the original takes more is left out.
    pub largest: u64,
    /// At least what a text may take in a case. What is more than the original takes, by far, is refused.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            subgroup: 32,
            work: 80_000_000,
            largest: 20_000_000,
            limits: Limits { steps: 1 << 18, instructions: 80_000_000, original: None },
        }
    }
}

/// Cases in which every text is tried, however large they are.
const LEAST: usize = 2;

/// So many times [`Settings::work`] a text may take in all its cases together: small ones have a floor of their own each.
const MORE: u64 = 10;

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

impl Verdict {
    pub fn is_right(&self) -> bool {
        matches!(self, Verdict::Right)
    }
}

/// The first value that is not what it should be.
#[derive(Debug, Clone, Serialize)]
pub struct Wrong {
    /// The buffer and the value's place in it.
    pub name: String,
    pub place: Vec<usize>,
    #[serde(serialize_with = "crate::microscope::json::double")]
    pub got: f64,
    #[serde(serialize_with = "crate::microscope::json::double")]
    pub expected: f64,
    /// How many values differ, of how many.
    pub count: usize,
    pub len: usize,
    /// Who wrote it; `None` where nobody did.
    pub thread: Option<u32>,
    pub group: Option<[u32; 3]>,
    /// The line of the write.
    pub line: Option<u32>,
    /// Where to look, if not there.
    pub hint: Option<String>,
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
        let there = rungs(kernel)?.join(", ");
        return Err(Refusal::new(format!("there is no rung {rung} of {kernel}: there are {there}")));
    }
    let work = |case: &Case| {
        let buffers = case.call.inputs().iter().chain(case.call.outputs());
        buffers.map(|buffer| case.len(buffer)).sum::<usize>() as f64 + case.call.flop()
    };
    cases.sort_by(|one, other| work(one).total_cmp(&work(other)));
    let (mut right, mut begun, mut work, mut spent) = (0, 0, 0, 0);
    let all = 2 * cases.len();
    let ends = |verdict, right| Trial {
        kernel: kernel.to_string(),
        rung: rung.to_string(),
        verdict,
        right,
        cases: all,
        text: text.to_string(),
    };
    for case in &cases {
        if begun >= LEAST && work >= settings.work {
            break;
        }
        let own = Job::new(&*case.call, rung, settings.subgroup)?;
        let own = effort(&own, case, settings)?;
        if begun >= LEAST && own.all > settings.largest {
            continue;
        }
        let job = match Job::with_text(&*case.call, rung, settings.subgroup, text) {
            Ok(job) => job,
            Err(why) => return Ok(ends(why.into(), right)),
        };
        begun += 1;
        for style in [Style::Integers, Style::Random] {
            work += ORDERS.len() as u64 * own.all;
            match of_case(case, rung, &job, (style, own), settings, &mut spent) {
                Verdict::Right => right += 1,
                verdict => return Ok(ends(verdict, right)),
            }
            let most = MORE.saturating_mul(settings.work.max(work));
            if spent > most {
                let [most, work] = [most, work].map(grouped);
                let what =
                    format!("all trials together take more than {most} instructions, the original {work}");
                return Ok(ends(Verdict::Refused { line: None, what }, right));
            }
        }
    }
    Ok(ends(Verdict::Right, right))
}

/// What the original takes in a case. Its shaders are known to end.
fn effort(own: &Job, case: &Case, settings: Settings) -> Result<Effort> {
    let [inputs, outputs] = case.zeros();
    let Settings { subgroup, .. } = settings;
    let of_proof = proof::Settings { subgroup, ..proof::Settings::default() };
    estimate(own, &own.buffers(&inputs, &outputs), of_proof)
}

impl From<Refusal> for Verdict {
    fn from(Refusal { line, what }: Refusal) -> Verdict {
        Verdict::Refused { line, what }
    }
}

fn of_case(
    case: &Case,
    rung: &str,
    job: &Job,
    (style, own): (Style, Effort),
    settings: Settings,
    spent: &mut u64,
) -> Verdict {
    let question = Question::new(case, case.call.rounding(rung), style);
    let [inputs, outputs] = question.words();
    let buffers = job.buffers(&inputs, &outputs);
    let Settings { subgroup, limits, .. } = settings;
    let limits = limits.beside(own);
    let of_proof = proof::Settings { subgroup, limits, ..proof::Settings::default() };
    let report = match prove(job, &buffers, of_proof) {
        Ok(report) => report,
        Err(why) => return why.into(),
    };
    *spent += report.instructions;
    let described = || format!("{}; {}", case.why, case.call.params());
    if !report.findings.is_empty() {
        let mut findings = report.findings;
        // What is only the consequence of another mistake stands behind it.
        findings.sort_by_key(|finding| matches!(finding.kind, Kind::Uninitialised | Kind::Order));
        return Verdict::Found { findings, case: described() };
    }
    for (output, words) in report.outputs.iter().enumerate() {
        if let Err(mismatch) = question.compare(output, words) {
            let index = mismatch.first[0].index;
            let own = owner(job, &buffers, (&mismatch.name, index as u32), subgroup, limits).ok();
            let line = own.map(|own| job.passes[own.pass].program.line(own.pc));
            let hint = own.and_then(|own| earlier(case, rung, job, own.pass, subgroup));
            return Verdict::Wrong(Wrong { hint, ..wrong(mismatch, own, line, described()) });
        }
    }
    Verdict::Right
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
        hint: None,
        case,
    }
}

/// Of a pass that only goes on from what earlier ones left: if it is as in the original, the mistake is in one of these.
fn earlier(case: &Case, rung: &str, job: &Job, pass: usize, subgroup: u32) -> Option<String> {
    let names: Vec<_> = job.passes[..pass].iter().map(|pass| pass.program.entry.as_str()).collect();
    let own = Job::new(&*case.call, rung, subgroup).ok()?;
    let is_same =
        own.passes.get(pass).is_some_and(|own| own.program.does_the_same(&job.passes[pass].program));
    (is_same && !names.is_empty()).then(|| {
        format!(
            "this pass is as in the original, and goes on from what {} left: look there",
            names.join(" and ")
        )
    })
}
