//! Forward and back through the lines that a thread executes, while its whole group runs in step.

use super::look::{Status, Step};
use super::note;
use super::seen::{Seen, note_of, tick};
use super::snapshots::{Moment, Snapshot, Snapshots};
use super::statements::Statements;
use super::touched::{FirstUse, Touched};
use crate::microscope::buffers::{Bound, Buffer, bind};
use crate::microscope::counts::{Counter, Counts, Ran};
use crate::microscope::group::{Group, Setting};
use crate::microscope::job::Job;
use crate::microscope::limits::Effort;
use crate::microscope::program::{Global, Program, Space};
use crate::microscope::source::Result;
use crate::microscope::thread::{Paused, State, Thread};

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
    now: Moment,
    seen: Seen,
    statements: Statements,
    snapshots: Snapshots,
    /// Lines until the thread's end, as soon as they are known.
    steps: usize,
    is_cut: bool,
    barriers: Vec<usize>,
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
        let of_pass = &job.passes[pass];
        let program = &of_pass.program.clone();
        let bound = bind(program, &mut buffers, &job.params, of_pass.textures)?;
        let setting = Setting::new(of_pass.groups, subgroup, u64::MAX)?;
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
            now: Moment::default(),
            seen,
            statements,
            snapshots: Snapshots::new(),
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
        loop {
            if self.snapshots.is_due(self.now.step) {
                self.snapshots.keep(self.snapshot());
            }
            if !self.advance() {
                break;
            }
        }
        self.steps = self.now.step;
    }

    fn snapshot(&self) -> Snapshot {
        let shared = self.seen.is_shared.iter().enumerate().filter(|(_, shared)| **shared);
        Snapshot {
            moment: self.now.clone(),
            paused: self.paused.clone().expect("it stands still"),
            shared: shared.map(|(global, _)| (global, self.bound.memory[global].clone())).collect(),
            writes: self.seen.written,
            counter: self.seen.counter.clone(),
        }
    }

    fn program(&self) -> &Program {
        &self.job.passes[self.pass].program
    }

    /// Lines that the thread executes until its end, or as far as it is shown.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether the thread goes on behind that.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The steps in front of the thread's barriers.
    pub fn barriers(&self) -> &[usize] {
        &self.barriers
    }

    /// Goes in front of a line by its number; beyond the end, to the end.
    pub fn go_to(&mut self, step: usize) {
        let step = step.min(self.steps);
        let from = self.snapshots.before(step);
        if step < self.now.step || from.moment.step > self.now.step {
            let from = from.clone();
            self.seen.bring_storage_to(from.writes, &mut self.bound.memory);
            for (global, cells) in from.shared {
                self.bound.memory[global] = cells;
            }
            (self.now, self.seen.counter, self.paused) = (from.moment, from.counter, Some(from.paused));
        }
        while self.now.step < step && self.advance() {}
    }

    /// Executes the thread's next line; false where it has ended, or goes on for too long.
    fn advance(&mut self) -> bool {
        let program = &self.job.passes[self.pass].program;
        let paused = self.paused.take().expect("it stands still");
        let mut group = Group::resume(program, self.setting, paused);
        let own = group.threads[self.thread];
        let last = (MOST_INSTRUCTIONS / program.threads() as u64) as u32;
        if own.state == State::Ended || self.now.time > last {
            self.is_cut = own.state != State::Ended;
            self.paused = Some(group.pause());
            return false;
        }
        let place = |pc: u32| (self.statements.first(program.line(pc)), program.sites[pc as usize].frame);
        let (mut at, mut executed, mut active) = (place(own.pc), Vec::new(), Vec::new());
        self.now.notes.clear();
        // Others may go on for ever, while this one waits for them.
        while self.now.time <= last {
            let before = group.threads[self.thread];
            if before.state == State::Waits && self.barriers.last().is_none_or(|last| *last < self.now.step) {
                self.barriers.push(self.now.step);
            }
            (self.seen.time, self.seen.access) = (self.now.time, None);
            tick(&mut group, &mut active, &mut self.bound.memory, &mut self.seen);
            self.now.time += 1;
            let after = group.threads[self.thread];
            if after.steps == before.steps {
                continue;
            }
            executed.push(before.pc);
            self.now.notes.extend(note_of(program, &group, self.thread, before.pc, &self.bound, &self.seen));
            for set in note::of_variables(program, before.pc, group.registers(self.thread)) {
                self.now.notes.retain(|note| note.name != set.name || note.action != set.action);
                self.now.notes.push(set);
            }
            if after.state == State::Ended {
                break;
            }
            let next = place(after.pc);
            at = if at.0 == 0 { next } else { at };
            // What has no line of its own belongs to the line before. A loop that fits a line is a step each time round.
            let is_again = after.pc < before.pc && executed.contains(&after.pc);
            if (next.0 != 0 && next != at) || is_again {
                break;
            }
        }
        (self.now.line, self.now.step) = (at.0, self.now.step + 1);
        self.paused = Some(group.pause());
        true
    }

    /// What there is to see now.
    pub fn look(&mut self) -> Step {
        let program = &self.job.passes[self.pass].program;
        let paused = self.paused.take().expect("it stands still");
        let group = Group::resume(program, self.setting, paused);
        let own = group.threads[self.thread];
        let place = |pc: u32| (self.statements.first(program.line(pc)), program.sites[pc as usize].frame);
        let status = |thread: &Thread| match thread.state {
            State::Ended => Status::Ended,
            State::Waits | State::Meets => Status::Waits,
            State::Ready if place(thread.pc) == place(own.pc) => Status::Same,
            State::Ready => Status::Other,
        };
        let has_ended = own.state == State::Ended;
        // What has no line of its own, as at the beginning, belongs to the line behind it.
        let next = (own.pc..program.code.len() as u32).find(|pc| place(*pc).0 != 0).unwrap_or(own.pc);
        let calls = program.calls(next).into_iter().map(|frame| (frame.function.to_string(), frame.line));
        let seen = Step {
            step: self.now.step,
            line: (!has_ended).then(|| place(next).0),
            calls: calls.collect(),
            done: (self.now.step > 0).then_some(self.now.line),
            notes: self.now.notes.clone(),
            threads: group.threads.iter().map(status).collect(),
        };
        self.paused = Some(group.pause());
        seen
    }

    /// What the group has done so far, in numbers.
    pub fn counts(&self) -> Counts {
        let threads = self.program().threads() as u64;
        let ran = Ran { threads, units: 1, error: 0.0, effort: Effort::default() };
        self.seen.counter.clone().counts(1, ran)
    }

    /// The variables of its shader, by number.
    pub fn variables(&self) -> &[Global] {
        &self.program().globals
    }

    /// The cells of a variable that were used so far.
    pub fn touched(&self, global: usize) -> Touched {
        self.seen.first_use.before(global, self.now.time)
    }

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        let cells: usize = self.bound.memory.iter().map(Vec::len).sum();
        4 * (cells + self.snapshots.words()) + self.seen.bytes()
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
