//! What a kernel does, in numbers: arithmetic, loads, sectors, bank conflicts, divergence.

use super::buffers::{Buffer, bind};
use super::group::{Group, Setting};
use super::instruction::{Atomic, Instruction, Op};
use super::job::Job;
use super::limits::Limits;
use super::lockstep::{self, WatchSubgroups};
use super::order::middles;
use super::program::{Program, Space};
use super::source::Result;
use super::traffic::{Piece, atomics, conflicts};
pub use super::traffic::{Shared, Traffic};
use super::watch::{Access, At, Mode, Watch};
use serde::Serialize;
use std::sync::Arc;

/// Counts of one pass, scaled to all its groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Counts {
    pub entry: String,
    pub groups: u64,
    pub threads: u64,
    /// Groups that were run to count: if these are fewer than all, the counts are scaled.
    pub sampled: u64,
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

/// Counts every pass of a kernel. Of grids with more groups than `most_groups`, that many are run, from the middles of
/// equal parts: the edges of the grid, where groups have less to do, weigh no more than they should. What passes leave
/// for later ones is then not complete: the values are not, the counts are.
///
/// # Errors
/// A variable without a buffer, and more instructions than `limits` allow.
pub fn count(
    job: &Job,
    mut buffers: Vec<Buffer>,
    subgroup: u32,
    most_groups: u64,
    limits: Limits,
) -> Result<Vec<Counts>> {
    let (mut all, mut done) = (Vec::new(), 0);
    for pass in &job.passes {
        let program = &pass.program;
        let mut bound = bind(program, &mut buffers, &job.params, pass.textures)?;
        let setting = Setting { groups: pass.groups, subgroup, most_steps: limits.steps };
        let mut group = Group::new(program, setting, [0; 3]);
        let mut counter = Counter::new(program.clone(), subgroup);
        let sample = middles(pass.len(), most_groups.max(1));
        for &index in &sample {
            group.restart(pass.group(index));
            limits.bind(&mut group, done);
            let end = lockstep::run(&mut group, &mut bound.memory, &mut counter);
            end.map_err(|endless| limits.refuse(&group, endless))?;
            done += group.steps();
        }
        all.push(counter.counts(pass.len(), sample.len() as u64));
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
        let counts = Counts {
            entry: program.entry.clone(),
            groups: 0,
            threads: 0,
            sampled: 0,
            multiply_adds: 0.0,
            floats: 0.0,
            integers: 0.0,
            loads: Traffic::default(),
            stores: Traffic::default(),
            texels: Traffic::default(),
            shared_loads: Shared::default(),
            shared_stores: Shared::default(),
            barriers: 0.0,
            instructions: 0.0,
            active: 0.0,
        };
        Counter { program, subgroup, counts, slots: 0.0, touched: Vec::new() }
    }

    /// Scaled from those that were run to all.
    pub fn counts(self, groups: u64, sampled: u64) -> Counts {
        let factor = if sampled == 0 { 0.0 } else { groups as f64 / sampled as f64 };
        let traffic = |of: Traffic| Traffic {
            accesses: of.accesses * factor,
            instructions: of.instructions * factor,
            bytes: of.bytes * factor,
            sectors: of.sectors * factor,
            least_sectors: of.least_sectors * factor,
        };
        let shared = |of: Shared| Shared {
            accesses: of.accesses * factor,
            instructions: of.instructions * factor,
            bytes: of.bytes * factor,
            turns: of.turns * factor,
            least_turns: of.least_turns * factor,
        };
        let Counts { multiply_adds, floats, integers, barriers, instructions, active, .. } = self.counts;
        Counts {
            groups,
            sampled,
            threads: groups * self.program.threads() as u64,
            multiply_adds: multiply_adds * factor,
            floats: floats * factor,
            integers: integers * factor,
            loads: traffic(self.counts.loads),
            stores: traffic(self.counts.stores),
            texels: traffic(self.counts.texels),
            shared_loads: shared(self.counts.shared_loads),
            shared_stores: shared(self.counts.shared_stores),
            barriers: barriers * factor,
            instructions: instructions * factor,
            active: if self.slots > 0.0 { active / self.slots } else { 1.0 },
            entry: self.counts.entry,
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
