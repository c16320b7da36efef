//! One workgroup: its threads' registers, and who goes on when.

use super::builtin::{builtin_values, is_vector};
use super::execute::{Flow, execute};
use super::instruction::{Op, WORDS_A_STEP};
use super::program::Program;
use super::subgroup;
use super::watch::{At, Endless, Nobody, Unmet, Watch};
use std::ops::Range;

pub use super::builtin::Setting;
pub use super::thread::{Paused, State, Thread};

/// Steps in which a thread shows the loop that it is in.
const A_WHILE: u64 = 200_000;

/// A workgroup while it runs. A copy goes on from where it was made.
#[derive(Debug, Clone)]
pub struct Group<'p> {
    pub program: &'p Program,
    pub setting: Setting,
    pub id: [u32; 3],
    pub threads: Vec<Thread>,
    registers: Vec<u32>,
    /// Instructions that its threads may still execute, all together.
    pub(super) left: u64,
}

impl<'p> Group<'p> {
    /// At its beginning.
    pub fn new(program: &'p Program, setting: Setting, id: [u32; 3]) -> Group<'p> {
        let threads = vec![Thread { pc: 0, state: State::Ready, steps: 0 }; program.threads()];
        let registers = vec![0; program.registers * threads.len()];
        let mut group = Group { program, setting, id, threads, registers, left: u64::MAX };
        group.restart(id);
        group
    }

    /// At the beginning of another group, in the same memory.
    pub fn restart(&mut self, id: [u32; 3]) {
        self.restart_only(0..self.threads.len(), id);
    }

    /// These threads at the beginning of another group. The others have ended, and have done nothing.
    pub(super) fn restart_only(&mut self, threads: Range<usize>, id: [u32; 3]) {
        self.id = id;
        let program = self.program;
        // A group of many registers that does little takes its time here.
        let steps = (program.registers / WORDS_A_STEP) as u64;
        self.threads.fill(Thread { pc: 0, state: State::Ended, steps: 0 });
        self.threads[threads.clone()].fill(Thread { pc: 0, state: State::Ready, steps });
        let registers = threads.start * program.registers..threads.end * program.registers;
        let of_threads = self.registers[registers].chunks_exact_mut(program.registers);
        for (thread, registers) in threads.zip(of_threads) {
            registers[..program.first_constant].fill(0);
            registers[program.first_constant..].copy_from_slice(&program.constants);
            for &(builtin, register) in &program.builtins {
                let values = builtin_values(builtin, thread as u32, program.workgroup_size, id, self.setting);
                let register = usize::from(register);
                let n = if is_vector(builtin) { 3 } else { 1 };
                registers[register..register + n].copy_from_slice(&values[..n]);
            }
        }
    }

    /// Where it stands, to go on from later.
    pub fn pause(self) -> Paused {
        let Group { id, threads, registers, .. } = self;
        Paused { id, threads, registers }
    }

    /// A group that goes on from where it stood.
    pub fn resume(program: &'p Program, setting: Setting, paused: Paused) -> Group<'p> {
        let Paused { id, threads, registers } = paused;
        Group { program, setting, id, threads, registers, left: u64::MAX }
    }

    /// Instructions of all its threads so far.
    pub fn steps(&self) -> u64 {
        self.threads.iter().map(|thread| thread.steps).sum()
    }

    pub fn registers(&self, thread: usize) -> &[u32] {
        &self.registers[thread * self.program.registers..][..self.program.registers]
    }

    /// Executes one instruction of a thread that is ready.
    #[inline(always)]
    pub fn step<W: Watch>(&mut self, thread: usize, memory: &mut [Vec<u32>], watch: &mut W) {
        let program = self.program;
        let registers = &mut self.registers[thread * program.registers..][..program.registers];
        let own = &mut self.threads[thread];
        step(program, thread, own, registers, memory, watch);
    }

    /// Lets a thread go on until it has to wait, or has ended.
    ///
    /// # Errors
    /// A thread that takes more than it may, or all together do.
    pub fn run_thread<W: Watch>(
        &mut self,
        thread: usize,
        memory: &mut [Vec<u32>],
        watch: &mut W,
    ) -> Result<(), Endless> {
        let program = self.program;
        let registers = &mut self.registers[thread * program.registers..][..program.registers];
        // A copy that the compiler can keep in registers.
        let mut own = self.threads[thread];
        let (before, of_one) = (own.steps, self.setting.most_steps);
        let most = of_one.min(before.saturating_add(self.left));
        while own.state == State::Ready && own.steps < most {
            step(program, thread, &mut own, registers, memory, watch);
        }
        self.threads[thread] = own;
        self.left = self.left.saturating_sub(own.steps - before);
        match own.state {
            State::Ready => Err(self.endless(thread, own.steps < of_one, memory)),
            _ => Ok(()),
        }
    }

    /// The smallest loop that a thread does not leave for a while.
    fn endless(&mut self, thread: usize, of_all: bool, memory: &mut [Vec<u32>]) -> Endless {
        let Thread { pc: first, steps, .. } = self.threads[thread];
        let (mut low, mut high) = (first, first);
        while self.threads[thread].state == State::Ready && self.threads[thread].steps < steps + A_WHILE {
            self.step(thread, memory, &mut Nobody);
            let pc = self.threads[thread].pc;
            (low, high) = (low.min(pc), high.max(pc));
        }
        self.threads[thread].state = State::Ended;
        let around = self.program.loops.iter().filter(|known| known.start <= low && high < known.end);
        let smallest = around.min_by_key(|known| known.end - known.start);
        let line = smallest.map_or(self.program.line(first), |known| known.line);
        Endless { at: At { thread: thread as u32, pc: first }, line, of_all }
    }

    /// Lets every thread that can go on do so, in this order, until all wait for the group or have ended.
    ///
    /// # Errors
    /// A thread that has no end.
    pub fn run_to_barrier<W: Watch>(
        &mut self,
        order: &[u32],
        memory: &mut [Vec<u32>],
        watch: &mut W,
    ) -> Result<(), Endless> {
        loop {
            for &thread in order {
                if self.threads[thread as usize].state == State::Ready {
                    self.run_thread(thread as usize, memory, watch)?;
                }
            }
            if !self.program.uses_subgroups || !self.meet(order.first() > order.last(), watch) {
                return Ok(());
            }
        }
    }

    /// Runs the whole group.
    ///
    /// # Errors
    /// A thread that has no end.
    pub fn run<W: Watch>(
        &mut self,
        order: &[u32],
        memory: &mut [Vec<u32>],
        watch: &mut W,
    ) -> Result<(), Endless> {
        loop {
            self.run_to_barrier(order, memory, watch)?;
            let Some((flags, met)) = self.release() else { return Ok(()) };
            if let Err(unmet) = met {
                watch.unmet(unmet);
            }
            watch.barrier(flags);
        }
    }

    /// Executes, in each subgroup that waits for itself, the operation that is furthest back; whether there was any.
    fn meet<W: Watch>(&mut self, is_backward: bool, watch: &mut W) -> bool {
        let size = self.setting.subgroup as usize;
        let mut any = false;
        for first in (0..self.threads.len()).step_by(size) {
            let lanes = first..(first + size).min(self.threads.len());
            let met = lanes.clone().filter(|&lane| self.threads[lane].state == State::Meets);
            let Some(pc) = met.map(|lane| self.threads[lane].pc).min() else { continue };
            let is_active =
                |lane: &usize| self.threads[*lane].state == State::Meets && self.threads[*lane].pc == pc;
            let active: Vec<usize> = lanes.filter(is_active).collect();
            self.execute_together(pc, (first, &active), is_backward, watch);
            any = true;
        }
        any
    }

    /// Executes a subgroup's operation for these threads, of which the first lane is thread `first`; `is_backward` where the
    /// group's last thread runs before its first.
    pub(super) fn execute_together<W: Watch>(
        &mut self,
        pc: u32,
        (first, active): (usize, &[usize]),
        is_backward: bool,
        watch: &mut W,
    ) {
        let (program, size) = (self.program, self.setting.subgroup as usize);
        let instruction = &program.code[pc as usize];
        if let Op::Subgroup(together) = instruction.op {
            let per_thread = program.registers;
            let registers = &mut self.registers;
            let lanes = subgroup::Lanes { first, size, active, per_thread, registers, is_backward };
            subgroup::execute(together, instruction, lanes, pc, watch);
        }
        for &thread in active {
            let own = &mut self.threads[thread];
            *own = Thread { pc: pc + 1, state: State::Ready, steps: own.steps + 1 };
        }
    }

    /// Lets those that wait for the group go on. `None` if nobody waits; whether all were at the same barrier else.
    pub fn release(&mut self) -> Option<(u32, Result<(), Unmet>)> {
        let waiting = self.threads.iter().position(|thread| thread.state == State::Waits)?;
        let pc = self.threads[waiting].pc;
        let other = self.threads.iter().position(|other| other.state == State::Ended || other.pc != pc);
        let met = other.map_or(Ok(()), |other| {
            let at = |thread: usize| At { thread: thread as u32, pc: self.threads[thread].pc };
            let other_has_ended = self.threads[other].state == State::Ended;
            Err(Unmet { waiting: at(waiting), other: at(other), other_has_ended })
        });
        for thread in self.threads.iter_mut().filter(|thread| thread.state == State::Waits) {
            *thread = Thread { pc: thread.pc + 1, state: State::Ready, steps: thread.steps + 1 };
        }
        Some((self.program.code[pc as usize].imm, met))
    }
}

#[inline(always)]
fn step<W: Watch>(
    program: &Program,
    thread: usize,
    own: &mut Thread,
    registers: &mut [u32],
    memory: &mut [Vec<u32>],
    watch: &mut W,
) {
    let pc = own.pc;
    let instruction = &program.code[pc as usize];
    let at = At { thread: thread as u32, pc };
    match execute(program, instruction, at, registers, memory, watch) {
        Flow::Next => own.pc = pc + 1,
        Flow::Jump(to) => own.pc = to,
        // It counts as executed when the others are there.
        Flow::Wait => {
            own.state = if instruction.op == Op::Barrier { State::Waits } else { State::Meets };
            return;
        }
        Flow::End => own.state = State::Ended,
    }
    own.steps += instruction.steps();
}
