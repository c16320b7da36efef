//! What a kernel does, in numbers: arithmetic, loads, sectors, bank conflicts, divergence.

use super::buffers::{Buffer, bind};
use super::group::{Group, Setting};
use super::instruction::{Atomic, Instruction, Op};
use super::job::Job;
use super::limits::{Effort, Limits};
use super::lockstep::{self, WatchSubgroups};
use super::program::{Program, Space};
pub use super::sample::Sample;
use super::sample::{Spread, Units};
use super::source::Result;
use super::traffic::{Piece, atomics, conflicts};
pub use super::traffic::{Shared, Traffic};
use super::watch::{Access, At, Mode, Watch};
use serde::Serialize;
use std::sync::Arc;

/// Counts of one pass, scaled to all its groups.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counts {
    pub entry: String,
    pub groups: u64,
    pub threads: u64,
    /// Threads that were run to count: if these are fewer than all, the counts are scaled.
    pub sampled: u64,
    /// Parts of the grid that were run, each a group or a subgroup.
    pub units: u64,
    /// The standard error of the least known count that is scaled, as a share of it; 0 where all threads were run.
    pub error: f64,
    /// What was executed, before it is scaled.
    pub effort: Effort,
    /// Threads of a group, and bytes of its workgroup memory.
    pub group_threads: u64,
    pub group_bytes: u64,
    /// An add with a product as an operand, or `fma`; the multiplication is not counted again. In scalars of all threads.
    pub multiply_adds: f64,
    /// Other arithmetic on floats, comparisons included.
    pub floats: f64,
    /// On integers, comparisons included; not the address of an element.
    pub integers: f64,
    pub loads: Traffic,
    pub stores: Traffic,
    /// Texels that are loaded.
    pub texels: Traffic,
    pub shared_loads: Shared,
    pub shared_stores: Shared,
    /// Barriers that groups pass.
    pub barriers: f64,
    /// Instructions that subgroups execute; copies and addresses are none.
    pub instructions: f64,
    /// Mean share of a subgroup's threads for which an instruction is executed, 1 at best.
    pub active: f64,
}

/// Counts every pass of a kernel. Where a part of a grid is run, what passes leave for later ones is not complete: the
/// values are not, the counts are.
///
/// # Errors
/// A variable without a buffer, and more instructions than `limits` allow.
pub fn count(
    job: &Job,
    mut buffers: Vec<Buffer>,
    subgroup: u32,
    sample: Sample,
    limits: Limits,
) -> Result<Vec<Counts>> {
    let (mut all, mut done) = (Vec::new(), 0);
    for (number, pass) in job.passes.iter().enumerate() {
        let program = &pass.program;
        let mut bound = bind(program, &mut buffers, &job.params, pass.textures)?;
        let setting = Setting::new(pass.groups, subgroup, limits.steps)?;
        let mut group = Group::new(program, setting, [0; 3]);
        let mut counter = Counter::new(program.clone(), subgroup);
        let (mut units, mut spread) = (Units::new(pass, subgroup, sample), Spread::default());
        let mut effort = Effort::default();
        let mut threads = 0;
        while !units.are_enough(number, sample, threads, (effort.all, spread.error(units.of)))
            && let Some(unit) = units.next()
        {
            let own = units.threads(unit, program.threads());
            threads += own.len() as u64;
            group.restart_only(own.clone(), pass.group(unit / units.per_group));
            limits.bind(&mut group, done);
            let end = if units.per_group == 1 {
                lockstep::run(&mut group, &mut bound.memory, &mut counter)
            } else {
                lockstep::run_subgroup(&mut group, own.start, &mut bound.memory, &mut counter)
            };
            end.map_err(|endless| limits.refuse(endless))?;
            effort.add(&group);
            done += group.steps();
            spread.add(counter.sums());
        }
        let ran = Ran { threads, units: units.run(), error: spread.error(units.of), effort };
        all.push(counter.counts(pass.len(), ran));
        bound.release(program, &mut buffers, None);
    }
    Ok(all)
}

/// Bytes that a call must move at least: every input read once, every output written once.
pub fn least_bytes(inputs: &[Vec<u32>], outputs: &[Vec<u32>]) -> u64 {
    inputs.iter().chain(outputs).map(|words| words.len() as u64 * 4).sum()
}

/// Whether a GPU would have an instruction for it, and not only this interpreter: copies, zeros, addresses, the rounding
/// of a half, and jumps to what follows are its own.
fn is_instruction(i: &Instruction, pc: u32) -> bool {
    match i.op {
        Op::Move | Op::Splat | Op::Zero | Op::RoundHalf | Op::Index | Op::IndexRuntime => false,
        Op::Jump | Op::JumpIf | Op::JumpIfNot | Op::JumpEqual => i.imm != pc + 1,
        _ => true,
    }
}

/// What was run of a pass.
#[derive(Debug, Clone, Copy)]
pub struct Ran {
    pub threads: u64,
    pub units: u64,
    pub error: f64,
    pub effort: Effort,
}

/// Counts while a group runs in step.
#[derive(Debug, Clone)]
pub struct Counter {
    program: Arc<Program>,
    subgroup: u32,
    counts: Counts,
    slots: f64,
    /// Bytes that the threads of the subgroup touch with the present instruction: thread, first byte, bytes.
    touched: Vec<Piece>,
}

impl Counter {
    pub fn new(program: Arc<Program>, subgroup: u32) -> Counter {
        let shared = program.globals.iter().filter(|global| global.space == Space::Workgroup);
        let counts = Counts {
            entry: program.entry.clone(),
            group_threads: program.threads() as u64,
            group_bytes: shared.map(|global| u64::from(global.cells) * u64::from(global.width)).sum(),
            ..Counts::default()
        };
        Counter { program, subgroup, counts, slots: 0.0, touched: Vec::new() }
    }

    /// Of all units together, what a sample has to know well.
    fn sums(&self) -> [f64; 5] {
        let Counts {
            multiply_adds, instructions, loads, stores, texels, shared_loads, shared_stores, ..
        } = &self.counts;
        let accesses = loads.accesses + stores.accesses + texels.accesses;
        let sectors = loads.sectors + stores.sectors + texels.sectors;
        [*multiply_adds, accesses, sectors, shared_loads.turns + shared_stores.turns, *instructions]
    }

    /// Of `groups` groups, scaled to all from those threads that were run.
    pub fn counts(self, groups: u64, ran: Ran) -> Counts {
        let Ran { threads: sampled, units, error, effort } = ran;
        let threads = groups * self.program.threads() as u64;
        let factor = if sampled == 0 { 0.0 } else { threads as f64 / sampled as f64 };
        let of = self.counts;
        Counts {
            groups,
            threads,
            sampled,
            units,
            error,
            effort,
            multiply_adds: of.multiply_adds * factor,
            floats: of.floats * factor,
            integers: of.integers * factor,
            loads: of.loads.scaled(factor),
            stores: of.stores.scaled(factor),
            texels: of.texels.scaled(factor),
            shared_loads: of.shared_loads.scaled(factor),
            shared_stores: of.shared_stores.scaled(factor),
            barriers: of.barriers * factor,
            instructions: of.instructions * factor,
            active: if self.slots > 0.0 { of.active / self.slots } else { 1.0 },
            ..of
        }
    }
}

impl Watch for Counter {
    fn access(&mut self, at: At, access: &Access, _: &[u32]) {
        let width = self.program.globals[access.global].width;
        if matches!(access.mode, Mode::Atomic { .. }) {
            self.touched.push((at.thread, access.first * width, width));
            return;
        }
        // Cells in a row are one piece.
        let mut piece: Option<(u32, u32)> = None;
        for cell in access.cells() {
            match &mut piece {
                Some((first, bytes)) if *first + *bytes == cell * width => *bytes += width,
                _ => {
                    self.touched.extend(piece.map(|(first, bytes)| (at.thread, first, bytes)));
                    piece = Some((cell * width, width));
                }
            }
        }
        self.touched.extend(piece.map(|(first, bytes)| (at.thread, first, bytes)));
    }
}

impl WatchSubgroups for Counter {
    fn executed(&mut self, pc: u32, first: usize, active: usize) {
        let (instruction, work) = (&self.program.code[pc as usize], self.program.sites[pc as usize].work);
        let threads = active as f64;
        let counts = &mut self.counts;
        if is_instruction(instruction, pc) {
            counts.instructions += 1.0;
            counts.active += threads;
            self.slots += f64::from(self.subgroup);
        }
        counts.multiply_adds += threads * f64::from(work.multiply_adds);
        counts.floats += threads * f64::from(work.floats);
        counts.integers += threads * f64::from(work.integers);
        if self.touched.is_empty() {
            return;
        }
        let space = self.program.globals[usize::from(instruction.a)].space;
        let (reads, writes) = match instruction.op {
            Op::Store | Op::Atomic(Atomic::Store) => (false, true),
            Op::Load | Op::Texel | Op::Atomic(Atomic::Load) => (true, false),
            _ => (true, true),
        };
        let pieces = &self.touched;
        match space {
            Space::Uniform => {}
            Space::Texture => counts.texels.add(threads, pieces),
            Space::Storage { .. } => {
                [(reads, &mut counts.loads), (writes, &mut counts.stores)]
                    .into_iter()
                    .filter(|(is_one, _)| *is_one)
                    .for_each(|(_, traffic)| traffic.add(threads, pieces));
            }
            // What reads and writes at once is served once, as a read.
            Space::Workgroup if reads && writes => {
                counts.shared_loads.add(threads, pieces, atomics(pieces));
                counts.shared_stores.add(threads, pieces, (0, 0));
            }
            Space::Workgroup => {
                let shared = if writes { &mut counts.shared_stores } else { &mut counts.shared_loads };
                shared.add(threads, pieces, conflicts(pieces, first as u32));
            }
        }
        self.touched.clear();
    }

    fn passed(&mut self) {
        self.counts.barriers += 1.0;
    }
}
