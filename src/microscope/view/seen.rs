//! What a stepper sees of a group while it runs.

use super::note::{self, Note, Number};
use super::touched::FirstUse;
use crate::microscope::buffers::Bound;
use crate::microscope::counts::Counter;
use crate::microscope::group::Group;
use crate::microscope::lockstep::{self, WatchSubgroups};
use crate::microscope::program::{Program, Space};
use crate::microscope::watch::{Access, At, Mode, Watch};

/// What the watcher collects.
pub(super) struct Seen {
    pub thread: u32,
    pub subgroup: u32,
    pub first_use: FirstUse,
    pub time: u32,
    /// What the thread reads or writes with the instruction that is executed: variable, cells, how.
    pub access: Option<(usize, Vec<u32>, Mode)>,
    /// Cells of storage that are written, in order, with their other value: the earlier one of a write that is done, the
    /// later one of a write that was taken back.
    pub writes: Vec<(usize, u32, u32)>,
    /// Writes that are done.
    pub written: usize,
    pub is_shared: Vec<bool>,
    pub counter: Counter,
}

impl Seen {
    /// Takes writes to storage back, or does them again, until so many are done.
    pub fn bring_storage_to(&mut self, writes: usize, memory: &mut [Vec<u32>]) {
        let Seen { writes: log, written, .. } = self;
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

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        size_of::<(usize, u32, u32)>() * self.writes.len() + self.first_use.bytes()
    }
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

/// Executes one instruction of each subgroup. Where none can go on, the group passes its barrier.
pub(super) fn tick<W: WatchSubgroups>(
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

/// What a thread did with the instruction that it has just executed.
pub(super) fn note_of(
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
