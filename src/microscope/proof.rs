//! Runs all passes of a kernel under the sanitizer, in three orders.

use super::buffers::{Buffer, bind};
use super::finding::{Finding, Findings, Kind};
use super::group::{Group, Setting};
use super::job::{Job, Pass};
use super::limits::{Effort, Limits};
use super::order::{ORDERS, Order, spread};
use super::sanitizer::Sanitizer;
use super::source::{Refusal, Result};
use super::watch::Nobody;
use rayon::prelude::*;

/// Groups of the largest dispatch.
const MOST_GROUPS: u32 = 1 << 22;

/// How a kernel is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Threads of a subgroup.
    pub subgroup: u32,
    /// In one order.
    pub limits: Limits,
    /// Groups of each pass that are watched, spread over the grid.
    pub watched: u64,
    /// Whether the other groups run too, while nobody looks on. Without them there is no result.
    pub rest: bool,
    /// In how many of the three orders it runs.
    pub orders: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            subgroup: 32,
            limits: Limits::default(),
            watched: u64::MAX,
            rest: true,
            orders: ORDERS.len(),
        }
    }
}

/// What came of a kernel.
#[derive(Debug, Clone)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// Words of every output, as they are after the first order; none without a result.
    pub outputs: Vec<Vec<u32>>,
    /// Instructions of all threads, in all orders.
    pub instructions: u64,
    /// Groups that were watched, of how many there are, in all passes together.
    pub watched: (u64, u64),
}

/// Runs a kernel on these buffers: with a sanitizer that looks on, and twice more in other orders.
///
/// # Errors
/// A variable without a buffer, more groups than can be numbered, and more instructions than `settings` allow.
pub fn prove(job: &Job, buffers: &[Buffer], settings: Settings) -> Result<Report> {
    let orders = &ORDERS[..settings.orders.clamp(1, ORDERS.len())];
    // What two threads do in an order that nothing fixes is a race, whichever order they run in: one look is enough.
    let settings_of =
        |order| Settings { watched: if order == ORDERS[0] { settings.watched } else { 0 }, ..settings };
    let runs = orders.par_iter().map(|&order| run(job, buffers.to_vec(), settings_of(order), order));
    let runs: Vec<_> = runs.collect();
    let mut findings = Findings::default();
    let (mut outputs, mut instructions) = (Vec::new(), 0);
    for run in runs {
        let run = run?;
        findings.extend(run.findings);
        instructions += run.instructions;
        if run.is_complete {
            outputs.push(job.outputs(run.buffers));
        }
    }
    for other in outputs.iter().skip(1) {
        let pairs = outputs[0].iter().zip(other).zip(job.output_names());
        for ((one, other), name) in pairs {
            if let Some(place) = one.iter().zip(other).position(|(one, other)| one != other) {
                findings.add(order_matters(job, name, place));
            }
        }
    }
    let groups = job.passes.iter().map(Pass::len);
    let is_whole = settings.rest || groups.clone().all(|groups| groups <= settings.watched);
    let watched = (groups.clone().map(|groups| groups.min(settings.watched)).sum(), groups.sum());
    let outputs = outputs.into_iter().next().filter(|_| is_whole).unwrap_or_default();
    Ok(Report { findings: findings.into_list(), outputs, instructions, watched })
}

/// What a job takes in one order, if every group that runs takes as much as the first; `u64::MAX` where that takes more than
/// it may.
///
/// # Errors
/// As [`prove`].
pub fn estimate(job: &Job, buffers: &[Buffer], settings: Settings) -> Result<Effort> {
    let mut buffers = buffers.to_vec();
    let mut effort = Effort::default();
    for pass in &job.passes {
        let mut bound = bind(&pass.program, &mut buffers, &job.params, pass.textures)?;
        let Settings { subgroup, limits, watched, rest, .. } = settings;
        let setting = Setting::new(pass.groups, subgroup, limits.steps)?;
        let mut group = Group::new(&pass.program, setting, [0; 3]);
        limits.bind(&mut group, effort.all);
        let threads = Order::Forward.of(pass.program.threads() as u32);
        if group.run(&threads, &mut bound.memory, &mut Nobody).is_err() {
            return Ok(Effort { longest: u64::MAX, all: u64::MAX });
        }
        let mut first = Effort::default();
        first.add(&group);
        let groups = if rest { pass.len() } else { pass.len().min(watched) };
        effort = effort.and(Effort { all: first.all.saturating_mul(groups), ..first });
        bound.release(&pass.program, &mut buffers, None);
    }
    Ok(effort)
}

fn order_matters(job: &Job, name: &str, place: usize) -> Finding {
    let pass = job.passes.last().map_or_else(String::new, |pass| pass.program.entry.clone());
    Finding {
        kind: Kind::Order,
        pass,
        lines: Vec::new(),
        threads: Vec::new(),
        group: [0; 3],
        name: name.to_string(),
        place: Some(place as i64),
        what: format!("{name}[{place}] depends on the order in which the threads run"),
        count: 1,
    }
}

struct Run {
    findings: Findings,
    buffers: Vec<Buffer>,
    instructions: u64,
    /// Whether every thread came to its end.
    is_complete: bool,
}

fn run(job: &Job, mut buffers: Vec<Buffer>, settings: Settings, order: Order) -> Result<Run> {
    let mut findings = Findings::default();
    let (mut instructions, mut last) = (0, 0);
    for pass in &job.passes {
        let program = &pass.program;
        let groups = u32::try_from(pass.len()).ok().filter(|&groups| groups <= MOST_GROUPS);
        let groups = groups.ok_or_else(|| Refusal::new(format!("{} groups: too many", pass.len())))?;
        let mut bound = bind(program, &mut buffers, &job.params, pass.textures)?;
        let shadows = bound.shadows(program, &mut buffers);
        let mut sanitizer = Sanitizer::new(program, shadows, last);
        let Settings { subgroup, limits, .. } = settings;
        let setting = Setting::new(pass.groups, subgroup, limits.steps)?;
        let threads = order.of(program.threads() as u32);
        let watched = spread(pass.len(), settings.watched);
        let mut group = Group::new(program, setting, [0; 3]);
        let mut is_complete = true;
        for index in order.of(groups) {
            let id = pass.group(u64::from(index));
            let is_watched = watched.binary_search(&u64::from(index)).is_ok();
            if !is_watched && !settings.rest {
                continue;
            }
            group.restart(id);
            limits.bind(&mut group, instructions);
            let end = if is_watched {
                sanitizer.start(id);
                group.run(&threads, &mut bound.memory, &mut sanitizer)
            } else {
                group.run(&threads, &mut bound.memory, &mut Nobody)
            };
            instructions += group.steps();
            if let Err(endless) = end {
                sanitizer.endless(limits.judge(endless)?, limits.words());
                is_complete = false;
                break;
            }
        }
        let (found, mut shadows, number) = sanitizer.finish();
        if watched.len() < groups as usize {
            // What the others wrote, nobody saw.
            shadows.iter_mut().for_each(|shadow| shadow.is_known = true);
        }
        last = number;
        findings.extend(found);
        bound.release(program, &mut buffers, Some(shadows));
        if !is_complete {
            return Ok(Run { findings, buffers, instructions, is_complete });
        }
    }
    Ok(Run { findings, buffers, instructions, is_complete: true })
}

/// Runs these groups of a pass, by their numbers, one after the other on these buffers, with nobody looking on.
///
/// # Errors
/// As [`prove`], and a thread without end.
pub fn run_groups(
    job: &Job,
    pass: &Pass,
    buffers: &mut [Buffer],
    groups: &[u64],
    subgroup: u32,
    limits: Limits,
) -> Result<()> {
    let program = &pass.program;
    let mut bound = bind(program, buffers, &job.params, pass.textures)?;
    let setting = Setting::new(pass.groups, subgroup, limits.steps)?;
    let threads = Order::Forward.of(program.threads() as u32);
    let mut group = Group::new(program, setting, [0; 3]);
    let mut done = 0;
    for &index in groups {
        group.restart(pass.group(index));
        limits.bind(&mut group, done);
        let end = group.run(&threads, &mut bound.memory, &mut Nobody);
        done += group.steps();
        end.map_err(|endless| limits.refuse(endless))?;
    }
    bound.release(program, buffers, None);
    Ok(())
}
