//! Planted faults: each is found, with the right line.

use pawgrad::check::kernels::Question;
use pawgrad::check::{self, Case, Style};
use pawgrad::microscope::finding::{Finding, Kind};
use pawgrad::microscope::job::Job;
use pawgrad::microscope::limits::Limits;
use pawgrad::microscope::proof::{Settings, estimate, prove};
use rayon::prelude::*;
use serde::Deserialize;
use std::fs;

#[derive(Deserialize)]
struct List {
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    kernel: String,
    rung: String,
    file: String,
    /// The function whose text is changed.
    within: String,
    wrong: String,
    from: String,
    to: String,
    kind: String,
    /// Stands in the line that a finding must name; else it is where `to` begins.
    line: Option<String>,
    /// What else is wrong because of it.
    #[serde(default)]
    also: Vec<String>,
}

#[test]
fn planted_faults_are_found_in_their_lines() {
    let list: List = toml::from_str(&fs::read_to_string("tests/microscope/faults.toml").unwrap()).unwrap();
    assert!(list.fault.len() >= 40, "only {} faults", list.fault.len());
    let results: Vec<_> = list.fault.par_iter().map(look).collect();
    let (mut missed, mut alarms) = (Vec::new(), Vec::new());
    for (fault, result) in list.fault.iter().zip(results) {
        let name = format!("{} {}: {}", fault.kernel, fault.rung, fault.wrong);
        match result {
            Ok(others) => {
                alarms.extend(others.iter().map(|other| format!("{name}: {:?} {other}", other.kind)))
            }
            Err(why) => missed.push(format!("{name}\n{why}")),
        }
    }
    println!("{} faults, {} false alarms", list.fault.len(), alarms.len());
    alarms.iter().for_each(|alarm| println!("  {alarm}"));
    assert!(missed.is_empty(), "{} are missed:\n{}", missed.len(), missed.join("\n"));
    assert!(alarms.len() <= 1, "false alarms:\n{}", alarms.join("\n"));
}

/// Instructions beyond which a case is too slow for this.
const MUCH: u64 = 3_000_000;

/// Runs the cases of the kernel until the fault is found; gives what else was found that is not its consequence.
fn look(fault: &Fault) -> Result<Vec<Finding>, String> {
    let (text, wanted) = plant(fault);
    let mut seen = Vec::new();
    for case in check::all().iter().filter(|case| case.call.name() == fault.kernel) {
        let Some(findings) = run(case, fault, &text)? else { continue };
        let is_it = |finding: &&Finding| word(finding.kind) == fault.kind && finding.lines.contains(&wanted);
        if findings.iter().any(|finding| is_it(&finding)) {
            let known = |kind: Kind| {
                let word = word(kind);
                kind == Kind::Order || word == fault.kind || fault.also.contains(&word)
            };
            return Ok(findings.into_iter().filter(|finding| !known(finding.kind)).collect());
        }
        seen.extend(findings.iter().map(|finding| format!("  {:?} {finding}", finding.kind)));
    }
    seen.sort();
    seen.dedup();
    Err(format!("  wanted {} in line {wanted}, found\n{}", fault.kind, seen.join("\n")))
}

fn run(case: &Case, fault: &Fault, text: &str) -> Result<Option<Vec<Finding>>, String> {
    if case.call.plan(&fault.rung).is_none() {
        return Ok(None);
    }
    let settings = Settings { limits: Limits { steps: 1 << 18, ..Limits::default() }, ..Settings::default() };
    let job =
        Job::with_text(&*case.call, &fault.rung, settings.subgroup, text).map_err(|why| why.to_string())?;
    let question = Question::new(case, case.call.rounding(&fault.rung), Style::Random);
    let [inputs, outputs] = question.words();
    let buffers = job.buffers(&inputs, &outputs);
    let is_endless = fault.kind == "endless";
    if !is_endless && estimate(&job, &buffers, settings).map_err(|why| why.to_string())?.all > MUCH {
        return Ok(None);
    }
    prove(&job, &buffers, settings).map(|report| Some(report.findings)).map_err(|why| why.to_string())
}

/// A kind as the list writes it.
fn word(kind: Kind) -> String {
    serde_json::to_value(kind).unwrap().as_str().unwrap().to_string()
}

/// The text with the fault, and the line in which it must be found.
fn plant(fault: &Fault) -> (String, u32) {
    let text = fs::read_to_string(&fault.file).unwrap();
    let at = |text: &str, what: &str, from: usize| {
        let found =
            text[from..].find(what).unwrap_or_else(|| panic!("{}: no {what} in {}", fault.wrong, fault.file));
        from + found
    };
    let function = at(&text, &format!("fn {}(", fault.within), 0);
    let place = at(&text, &fault.from, function);
    let changed = [&text[..place], &fault.to, &text[place + fault.from.len()..]].concat();
    let wanted = match &fault.line {
        Some(line) if changed[function..].contains(line.as_str()) => at(&changed, line, function),
        Some(line) => at(&changed, line, 0),
        None => place + fault.to.len() - fault.to.trim_start().len(),
    };
    let line = changed[..wanted].matches('\n').count() as u32 + 1;
    (changed, line)
}
