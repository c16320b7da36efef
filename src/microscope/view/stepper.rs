//! Forward and back through the lines that a thread executes, while its whole group runs in step.

use super::note::{self, Note, Number};
use super::statements::Statements;
use super::touched::{FirstUse, Touched};
use crate::microscope::buffers::{Bound, Buffer, bind};
use crate::microscope::counts::{Counter, Counts};
use crate::microscope::group::{Group, Paused, Setting, State};
use crate::microscope::job::{Job, Pass};
use crate::microscope::lockstep::{self, WatchSubgroups};
use crate::microscope::program::{Global, Program, Space};
use crate::microscope::source::Result;
use crate::microscope::watch::{Access, At, Mode, Watch};
use serde::Serialize;

/// Snapshots that are kept: going back starts from one of them.
const SNAPSHOTS: usize = 64;
/// Words of all snapshots together.
const MOST_WORDS: usize = 16 << 20;
/// Instructions of all threads together, after which no more is shown.
const MOST_INSTRUCTIONS: u64 = 400_000_000;

/// A group of a pass, stopped in front of a line of one of its threads.
pub struct Stepper {
    job: Job,
    pass: usize,
    thread: usize,
    setting: Setting,
    bound: Bound,
    paused: Option<Paused>,
    /// Lines that the thread has executed.
    step: usize,
    /// Instructions that the group has executed, together.
    time: u32,
    /// What the thread did in the last line.
    notes: Vec<Note>,
    line: u32,
    seen: Seen,
    statements: Statements,
    snapshots: Vec<Snapshot>,
    /// Steps from one snapshot to the next.
    every: usize,
    steps: usize,
    is_cut: bool,
    barriers: Vec<usize>,
}

#[derive(Clone)]
struct Snapshot {
    step: usize,
    time: u32,
    line: u32,
    notes: Vec<Note>,
    paused: Paused,
    /// Workgroup memory, by the variable's number.
    shared: Vec<(usize, Vec<u32>)>,
    /// How many writes to storage were done.
    writes: usize,
    counter: Counter,
}

/// How a thread of the group stands to the one that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At the same line.
    Same,
    /// At another line.
    Other,
    /// At a barrier, or at an operation of its subgroup.
    Waits,
    Ended,
}

/// What there is to see.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    pub step: usize,
    /// The line that comes next, counted from 1; `None` where the thread has ended.
    pub line: Option<u32>,
    /// The functions around it, the innermost first, each with the line that it was called from (0 for the entry point).
    pub calls: Vec<(String, u32)>,
    /// The line that was executed last, and what the thread did in it.
    pub done: Option<u32>,
    pub notes: Vec<Note>,
    pub threads: Vec<Status>,
}

/// What the watcher collects.
struct Seen {
    thread: u32,
    subgroup: u32,
    first_use: FirstUse,
    time: u32,
    /// What the thread reads or writes with the instruction that is executed: variable, cells, how.
    access: Option<(usize, Vec<u32>, Mode)>,
    /// Cells of storage that are written, in order, with their other value: the earlier one of a write that is done, the
    /// later one of a write that was taken back.
    writes: Vec<(usize, u32, u32)>,
    /// Writes that are done.
    written: usize,
    is_shared: Vec<bool>,
    counter: Counter,
}

impl WatchSubgroups for Seen {
    fn executed(&mut self, pc: u32, first: usize, active: usize) {
        self.counter.executed(pc, first, active);
    }

    fn passed(&mut self) {
        self.counter.passed();
    }
}

impl Watch for Seen {
    fn access(&mut self, at: At, access: &Access, cells: &[u32]) {
        self.counter.access(at, access, cells);
        let is_thread = at.thread == self.thread;
        let is_subgroup = at.thread / self.subgroup == self.thread / self.subgroup;
        for cell in access.cells() {
            self.first_use.note(access.global, cell, self.time, is_thread, is_subgroup);
            if access.mode != Mode::Read && !self.is_shared[access.global] {
                // What was taken back is done again in the same order.
                let write = (access.global, cell, cells[cell as usize]);
                match self.writes.get_mut(self.written) {
                    Some(known) => *known = write,
                    None => self.writes.push(write),
                }
                self.written += 1;
            }
        }
        if is_thread {
            self.access = Some((access.global, access.cells().collect(), access.mode));
        }
    }
}

impl Stepper {
    /// In front of the first line of a thread of a group of a pass. `buffers` are as before that pass.
    ///
    /// # Errors
    /// A variable without a buffer.
    pub fn new(
        job: Job,
        mut buffers: Vec<Buffer>,
        pass: usize,
        (id, thread): ([u32; 3], u32),
        subgroup: u32,
    ) -> Result<Stepper> {
        let of_pass: &Pass = &job.passes[pass];
        let program = of_pass.program.clone();
        let program = &program;
        let bound = bind(program, &mut buffers, &job.params, of_pass.textures)?;
        let setting = Setting { groups: of_pass.groups, subgroup, most_steps: u64::MAX };
        let seen = Seen {
            thread,
            subgroup,
            first_use: FirstUse::new(program.globals.len()),
            time: 0,
            access: None,
            writes: Vec::new(),
            written: 0,
            counter: Counter::new(program.clone(), subgroup),
            is_shared: program.globals.iter().map(|global| global.space == Space::Workgroup).collect(),
        };
        let statements = Statements::new(&program.source);
        let paused = Group::new(program, setting, id).pause();
        let mut stepper = Stepper {
            job,
            pass,
            thread: thread as usize,
            setting,
            bound,
            paused: Some(paused),
            step: 0,
            time: 0,
            notes: Vec::new(),
            line: 0,
            seen,
            statements,
            snapshots: Vec::new(),
            every: 16,
            steps: usize::MAX,
            is_cut: false,
            barriers: Vec::new(),
        };
        stepper.find_end();
        stepper.go_to(0);
        Ok(stepper)
    }

    /// Runs once to the end, to know how many steps there are.
    fn find_end(&mut self) {
        let mut instructions = 0;
        loop {
            self.keep_snapshot();
            let before = self.time;
            if !self.advance() {
                break;
            }
            instructions += u64::from(self.time - before) * self.program().threads() as u64;
            if instructions > MOST_INSTRUCTIONS {
                self.is_cut = true;
                break;
            }
        }
        self.steps = self.step;
    }

    fn program(&self) -> &Program {
        &self.job.passes[self.pass].program
    }

    /// Lines that the thread executes until its end.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether the thread goes on behind the last step, too long to be shown.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The steps in front of the thread's barriers.
    pub fn barriers(&self) -> &[usize] {
        &self.barriers
    }

    fn keep_snapshot(&mut self) {
        if self.step % self.every != 0 {
            return;
        }
        let paused = self.paused.clone().expect("it stands still");
        let words = paused.words();
        let most = SNAPSHOTS.min(MOST_WORDS / words.max(1)).max(2);
        if self.snapshots.len() >= most {
            self.every *= 2;
            let every = self.every;
            self.snapshots.retain(|snapshot| snapshot.step % every == 0);
            return self.keep_snapshot();
        }
        let is_shared = self.seen.is_shared.iter().enumerate().filter(|(_, shared)| **shared);
        let shared = is_shared.map(|(global, _)| (global, self.bound.memory[global].clone())).collect();
        let (step, time, line, notes) = (self.step, self.time, self.line, self.notes.clone());
        let (writes, counter) = (self.seen.written, self.seen.counter.clone());
        self.snapshots.push(Snapshot { step, time, line, notes, paused, shared, writes, counter });
    }

    /// Goes in front of a line by its number; beyond the end, to the end.
    pub fn go_to(&mut self, step: usize) {
        let step = step.min(self.steps);
        let from = self.snapshots.iter().rev().find(|snapshot| snapshot.step <= step);
        let from = from.expect("the first is at the beginning");
        if step < self.step || from.step > self.step {
            let from = from.clone();
            self.bring_storage_to(from.writes);
            for (global, cells) in from.shared {
                self.bound.memory[global] = cells;
            }
            (self.step, self.time, self.line, self.notes) = (from.step, from.time, from.line, from.notes);
            self.paused = Some(from.paused);
            self.seen.counter = from.counter;
        }
        while self.step < step && self.advance() {}
    }

    /// Takes writes to storage back, or does them again, until so many are done.
    fn bring_storage_to(&mut self, writes: usize) {
        let Seen { writes: log, written, .. } = &mut self.seen;
        let memory = &mut self.bound.memory;
        let mut swap = |(global, cell, other): &mut (usize, u32, u32)| {
            std::mem::swap(&mut memory[*global][*cell as usize], other);
        };
        if writes < *written {
            log[writes..*written].iter_mut().rev().for_each(&mut swap);
        } else {
            log[*written..writes].iter_mut().for_each(&mut swap);
        }
        *written = writes;
    }

    /// Executes the thread's next line; false where it has ended.
    fn advance(&mut self) -> bool {
        let program = &self.job.passes[self.pass].program;
        let paused = self.paused.take().expect("it stands still");
        let mut group = Group::resume(program, self.setting, paused);
        let own = group.threads[self.thread];
        if own.state == State::Ended {
            self.paused = Some(group.pause());
            return false;
        }
        let statements = &self.statements;
        let place = |pc: u32| (statements.first(program.line(pc)), program.sites[pc as usize].frame);
        let (mut at, mut executed) = (place(own.pc), Vec::new());
        self.notes.clear();
        let mut active = Vec::new();
        loop {
            let before = group.threads[self.thread];
            if before.state == State::Waits
                && self.barriers.last() != Some(&self.step)
                && self.steps == usize::MAX
            {
                self.barriers.push(self.step);
            }
            self.seen.time = self.time;
            self.seen.access = None;
            tick(&mut group, &mut active, &mut self.bound.memory, &mut self.seen);
            self.time += 1;
            let after = group.threads[self.thread];
            if after.steps == before.steps {
                continue;
            }
            executed.push(before.pc);
            self.notes.extend(note_of(program, &group, self.thread, before.pc, &self.bound, &self.seen));
            if after.state == State::Ended {
                break;
            }
            let next = place(after.pc);
            if at.0 == 0 {
                at = next;
            }
            // What has no line of its own belongs to the line before. A loop that fits a line is a step each time round.
            let is_again = after.pc < before.pc && executed.contains(&after.pc);
            if (next.0 != 0 && next != at) || is_again {
                break;
            }
        }
        let variables = note::of_variables(program, &executed, group.registers(self.thread));
        self.notes.retain(|note| variables.iter().all(|variable| variable.name != note.name));
        self.notes.extend(variables);
        self.line = at.0;
        self.paused = Some(group.pause());
        self.step += 1;
        true
    }

    /// What there is to see now.
    pub fn look(&mut self) -> Step {
        let program = &self.job.passes[self.pass].program;
        let paused = self.paused.take().expect("it stands still");
        let group = Group::resume(program, self.setting, paused);
        let own = group.threads[self.thread];
        let statements = &self.statements;
        let place = |pc: u32| (statements.first(program.line(pc)), program.sites[pc as usize].frame);
        let status = |thread: &crate::microscope::group::Thread| match thread.state {
            State::Ended => Status::Ended,
            State::Waits | State::Meets => Status::Waits,
            State::Ready if place(thread.pc) == place(own.pc) => Status::Same,
            State::Ready => Status::Other,
        };
        let has_ended = own.state == State::Ended;
        // What has no line of its own, as at the beginning, belongs to the line behind it.
        let next = (own.pc..program.code.len() as u32).find(|pc| place(*pc).0 != 0).unwrap_or(own.pc);
        let calls = program.calls(next).into_iter().map(|frame| (frame.function.to_string(), frame.line));
        let step = Step {
            step: self.step,
            line: (!has_ended).then(|| place(next).0),
            calls: calls.collect(),
            done: (self.step > 0).then_some(self.line),
            notes: self.notes.clone(),
            threads: group.threads.iter().map(status).collect(),
        };
        self.paused = Some(group.pause());
        step
    }

    /// What the group has done so far, in numbers.
    pub fn counts(&self) -> Counts {
        self.seen.counter.clone().counts(1, 1)
    }

    /// The variables of its shader, by number.
    pub fn variables(&self) -> &[Global] {
        &self.program().globals
    }

    /// The cells of a variable that were used so far.
    pub fn touched(&self, global: usize) -> Touched {
        self.seen.first_use.before(global, self.time)
    }

    /// The lines of its shader.
    pub fn statements(&self) -> &Statements {
        &self.statements
    }

    /// The word of a buffer that this pass sees, as it is now.
    pub fn value(&self, name: &str, cell: usize) -> Option<u32> {
        let global = self.program().globals.iter().position(|global| *global.name == *name)?;
        self.bound.memory[global].get(cell).copied()
    }

    /// The cells of a variable as they are now.
    pub fn cells(&self, global: usize) -> &[u32] {
        &self.bound.memory[global]
    }
}

/// Executes one instruction of each subgroup. Where none can go on, the group passes its barrier.
fn tick<W: WatchSubgroups>(
    group: &mut Group,
    active: &mut Vec<usize>,
    memory: &mut [Vec<u32>],
    watch: &mut W,
) {
    let size = group.setting.subgroup as usize;
    let mut any = false;
    for first in (0..group.threads.len()).step_by(size) {
        any |= lockstep::step(group, first, active, memory, watch).is_some();
    }
    if !any && group.release().is_some() {
        watch.passed();
    }
}

fn note_of(
    program: &Program,
    group: &Group,
    thread: usize,
    pc: u32,
    bound: &Bound,
    seen: &Seen,
) -> Option<Note> {
    let registers = group.registers(thread);
    let kind = program.sites[pc as usize].kind;
    let Some((number, cells, mode)) = &seen.access else { return note::of_value(program, pc, registers) };
    let global = &program.globals[*number];
    if global.space == Space::Uniform {
        return None;
    }
    let words = cells.iter().map(|&cell| bound.memory[*number][cell as usize]);
    let values = words.map(|word| Number::new(word, kind)).collect();
    let (first, n) = (cells.first().copied().unwrap_or(0), cells.len() as u32);
    Some(note::of_access(global, &Access { global: *number, first, n, table: &[], mode: *mode }, values))
}
