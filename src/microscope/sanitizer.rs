//! Looks on and finds what is wrong: races, reads of what nobody wrote, and what an instruction itself is guilty of.

use super::finding::{Finding, Findings, Kind};
use super::program::{Program, Space};
use super::shadow::{Record, Shadow, Touch};
use super::watch::{Access, At, Endless, Fault, Mode, Unmet, Watch};
use naga::Barrier;
use std::collections::HashMap;

/// Kinds and pairs of instructions that are told apart.
const MOST_PAIRS: usize = 1 << 14;

/// Watches the groups of a dispatch, one after the other.
pub struct Sanitizer<'p> {
    program: &'p Program,
    /// Of each variable of the program.
    pub shadows: Vec<Shadow>,
    /// The number of the group that runs, and of the first of this dispatch.
    number: u32,
    first: u32,
    /// The groups of this dispatch in the order in which they ran.
    groups: Vec<[u32; 3]>,
    /// Barriers that the group has passed: of workgroup memory, of storage.
    barriers: [u32; 2],
    findings: Findings,
    /// How often what is found already was seen again, by kind and instructions.
    again: HashMap<(Kind, u32, u32), u64>,
}

impl<'p> Sanitizer<'p> {
    /// For a dispatch of `program`. Of storage, `shadows` are what earlier dispatches left; `last` is the number of their
    /// last group.
    pub fn new(program: &'p Program, mut shadows: Vec<Shadow>, last: u32) -> Sanitizer<'p> {
        for (shadow, global) in shadows.iter_mut().zip(&program.globals) {
            shadow.is_shared = global.space == Space::Workgroup;
            if shadow.is_shared {
                shadow.records = vec![Record::default(); global.cells as usize];
            }
        }
        let (findings, again) = (Findings::default(), HashMap::new());
        Sanitizer {
            program,
            shadows,
            number: last,
            first: last + 1,
            groups: Vec::new(),
            barriers: [0; 2],
            findings,
            again,
        }
    }

    /// The next group begins.
    pub fn start(&mut self, group: [u32; 3]) {
        self.number += 1;
        self.groups.push(group);
        self.barriers = [0; 2];
    }

    /// A thread runs and runs; `what` says for how long.
    pub fn endless(&mut self, endless: Endless, what: String) {
        let (pass, group) = (self.program.entry.clone(), self.group(self.number));
        let (kind, lines, threads) = (Kind::Endless, vec![endless.line], vec![endless.at.thread]);
        let name = String::new();
        self.findings.add(Finding { kind, pass, lines, threads, group, name, place: None, what, count: 1 });
    }

    /// What was found, what is known of the variables, and the number of the last group.
    pub fn finish(mut self) -> (Findings, Vec<Shadow>, u32) {
        let again = std::mem::take(&mut self.again);
        let mut findings = self.findings;
        for ((kind, one, other), count) in again {
            let lines = lines(self.program, &[one, other]);
            let (pass, name) = (self.program.entry.clone(), String::new());
            let (threads, group, what) = (Vec::new(), [0; 3], String::new());
            findings.add(Finding { kind, pass, lines, threads, group, name, place: None, what, count });
        }
        (findings, self.shadows, self.number)
    }

    fn group(&self, number: u32) -> [u32; 3] {
        number.checked_sub(self.first).and_then(|i| self.groups.get(i as usize)).copied().unwrap_or_default()
    }

    /// Reports what happened at one or two instructions, unless the same was reported before.
    fn report(
        &mut self,
        kind: Kind,
        at: &[At],
        group: u32,
        (name, place): (&str, Option<i64>),
        what: impl FnOnce() -> String,
    ) {
        let one = at.first().map_or(0, |at| at.pc);
        let other = at.get(1).map_or(one, |at| at.pc);
        let key = (kind, one.min(other), one.max(other));
        if let Some(count) = self.again.get_mut(&key) {
            *count += 1;
            return;
        }
        if self.again.len() >= MOST_PAIRS {
            return;
        }
        self.again.insert(key, 0);
        let (pass, group) = (self.program.entry.clone(), self.group(group));
        let lines = lines(self.program, &[one, other]);
        let threads = at.iter().map(|at| at.thread).collect();
        let (name, what) = (name.to_string(), what());
        self.findings.add(Finding { kind, pass, lines, threads, group, name, place, what, count: 1 });
    }

    /// Two uses of `n` cells from one on.
    #[cold]
    fn race(&mut self, now: At, mode: Mode, before: Touch, (global, cell, n): (usize, u32, u32)) {
        let of = &self.program.globals[global];
        let earlier = At { thread: before.thread(), pc: before.pc };
        let (group, other) = (self.group(self.number), self.group(before.group));
        self.report(Kind::Race, &[earlier, now], self.number, (&of.name, Some(i64::from(cell))), || {
            let verb = if mode == Mode::Read { "reads" } else { "writes" };
            let (one, two, place) = (earlier.thread, now.thread, of.place(cell, n));
            let what = if other == group && mode == Mode::Read {
                format!("thread {one} writes {place}, and thread {two} reads it, without a barrier between")
            } else if other == group {
                format!("thread {two} writes {place}, and thread {one} uses it, without a barrier between")
            } else {
                format!("group {group:?} {verb} {place} that group {other:?} uses")
            };
            if n > 1 { format!("{what}: to write a component may write its whole vector") } else { what }
        });
    }

    /// WGSL lets a write to a component be one to its whole vector: two threads that use different components get in each
    /// other's way.
    fn beside(&mut self, at: At, access: &Access, now: Touch, first: u32) {
        let vector = self.program.globals[access.global].vector(access.first);
        for cell in vector.clone().filter(|cell| *cell != access.first) {
            let Some(record) = self.shadows[access.global].records.get(cell as usize) else { continue };
            // On a copy: whether anybody wrote to this component or read it stays as it was.
            let collides = match access.mode {
                Mode::Read => record.clone().read(now, first),
                Mode::Write => record.clone().write(now, first),
                Mode::Atomic { .. } => None,
            };
            if let Some(before) = collides {
                self.race(at, access.mode, before, (access.global, vector.start, vector.len() as u32));
            }
        }
    }

    #[cold]
    fn uninitialised(&mut self, at: At, global: usize, cell: u32) {
        let of = &self.program.globals[global];
        self.report(Kind::Uninitialised, &[at], self.number, (&of.name, Some(i64::from(cell))), || {
            format!("{} is read, but nobody wrote it", of.place(cell, 1))
        });
    }
}

/// Lines of instructions, in ascending order, each once.
fn lines(program: &Program, pcs: &[u32]) -> Vec<u32> {
    let mut lines: Vec<_> = pcs.iter().map(|&pc| program.line(pc)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

impl Watch for Sanitizer<'_> {
    #[inline(always)]
    fn access(&mut self, at: At, access: &Access, _: &[u32]) {
        let shadow = &mut self.shadows[access.global];
        if shadow.records.is_empty() {
            return;
        }
        let (is_shared, is_known) = (shadow.is_shared, shadow.is_known);
        let now = Touch::new(self.number, self.barriers[usize::from(!is_shared)], at.thread, at.pc);
        // Of workgroup memory, other groups have other cells.
        let first = if is_shared { self.number } else { self.first };
        for cell in access.cells() {
            let Some(record) = self.shadows[access.global].records.get_mut(cell as usize) else { continue };
            let oldest = if is_shared { self.number } else { 1 };
            let is_unwritten = record.write.group < oldest && !is_known;
            let collides = match access.mode {
                Mode::Read => record.read(now, first),
                Mode::Write => record.write(now, first),
                Mode::Atomic { .. } => {
                    record.write = now;
                    None
                }
            };
            if is_unwritten && matches!(access.mode, Mode::Read | Mode::Atomic { reads: true }) {
                self.uninitialised(at, access.global, cell);
            }
            if let Some(before) = collides {
                self.race(at, access.mode, before, (access.global, cell, 1));
            }
        }
        if access.n == 1 && self.program.globals[access.global].shape.has_vectors() {
            self.beside(at, access, now, first);
        }
    }

    #[cold]
    fn fault(&mut self, at: At, fault: Fault) {
        let name = self.program.name(at.pc).to_string();
        let signed = |index: u32| i64::from(index as i32);
        let (kind, place, what) = match fault {
            Fault::OutOfBounds { index, len } => {
                let (of, i) = (if name.is_empty() { "a value" } else { &name }, signed(index));
                (Kind::OutOfBounds, Some(i), format!("index {i} of {of}, which has {len} elements"))
            }
            Fault::Unwritten { index } => {
                let what = format!("texel {index} of {name} is read, but nobody wrote it");
                (Kind::Uninitialised, Some(i64::from(index)), what)
            }
            Fault::DivisionByZero => (Kind::Division, None, "a division by zero".to_string()),
            Fault::DivisionOverflow => (Kind::Division, None, "the least integer divided by -1".to_string()),
            Fault::Shift { amount } => (Kind::Shift, None, format!("a shift by {amount} of 32 bits")),
            Fault::InactiveLane { lane } => {
                let what = format!("a value of lane {}, which is not active", signed(lane));
                (Kind::InactiveLane, Some(signed(lane)), what)
            }
        };
        self.report(kind, &[at], self.number, (&name, place), || what);
    }

    fn barrier(&mut self, flags: u32) {
        let flags = Barrier::from_bits_truncate(flags);
        self.barriers[0] += u32::from(flags.contains(Barrier::WORK_GROUP));
        self.barriers[1] += u32::from(flags.contains(Barrier::STORAGE));
    }

    fn unmet(&mut self, unmet: Unmet) {
        let Unmet { waiting, other, other_has_ended } = unmet;
        let pair = [waiting, other];
        let at = if other_has_ended { &pair[..1] } else { &pair };
        let line = self.program.line(other.pc);
        self.report(Kind::Barrier, at, self.number, ("", None), || {
            let (one, two) = (waiting.thread, other.thread);
            if other_has_ended {
                format!("thread {one} waits at a barrier, but thread {two} has ended")
            } else {
                format!("thread {one} waits at a barrier, but thread {two} at that of line {line}")
            }
        });
    }
}
