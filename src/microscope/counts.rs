//! What a kernel does, in numbers: arithmetic, loads, sectors, bank conflicts, divergence.

use super::buffers::{Buffer, bind};
use super::group::{Group, Setting};
use super::instruction::Op;
use super::job::Job;
use super::limits::Limits;
use super::lockstep::{self, WatchSubgroups};
use super::order::middles;
use super::program::{Program, Space};
use super::source::{Refusal, Result};
use super::traffic::{conflicts, sectors};
use super::watch::{Access, At, Endless, Mode, Watch};
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
    /// Instructions that subgroups execute.
    pub instructions: f64,
    /// Mean share of a subgroup's threads for which an instruction is executed, 1 at best.
    pub active: f64,
}

/// What goes to storage, or comes from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// By threads; a vector is one.
    pub accesses: f64,
    /// By subgroups.
    pub instructions: f64,
    /// All threads' together.
    pub bytes: f64,
    /// Pieces of 32 bytes that a subgroup's instruction touches.
    pub sectors: f64,
    /// As few as there could be for the same bytes, those of several threads counted once.
    pub least_sectors: f64,
}

/// What goes to workgroup memory, or comes from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Shared {
    pub accesses: f64,
    pub instructions: f64,
    pub bytes: f64,
    /// Turns that 32 banks of 4 bytes take.
    pub turns: f64,
    /// Turns without conflicts.
    pub least_turns: f64,
}

impl Shared {
    /// How many times as long accesses take because of conflicts: 1 without any.
    pub fn conflict(&self) -> f64 {
        if self.least_turns > 0.0 { self.turns / self.least_turns } else { 1.0 }
    }
}

/// Counts every pass of a kernel. Of grids with more groups than `most_groups`, that many are run, from the middles of
/// equal parts: the edges of the grid, where groups have less to do, weigh no more than they should. What passes leave for later ones is then not complete: the values are not, the counts are.
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
            if let Err(endless) = lockstep::run(&mut group, &mut bound.memory, &mut counter) {
                let Endless { line, .. } = limits.judge(&group, endless)?;
                return Err(Refusal { line: Some(line), what: "a thread has no end".to_string() });
            }
            done += group.threads.iter().map(|thread| thread.steps).sum::<u64>();
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

/// Counts while a group runs in step.
#[derive(Debug, Clone)]
pub struct Counter {
    program: Arc<Program>,
    subgroup: u32,
    counts: Counts,
    slots: f64,
    /// Bytes that the threads of the subgroup touch with the present instruction: thread, first byte, bytes.
    touched: Vec<(u32, u32, u32)>,
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
        counts.instructions += 1.0;
        counts.active += threads;
        self.slots += f64::from(self.subgroup);
        counts.multiply_adds += threads * f64::from(work.multiply_adds);
        counts.floats += threads * f64::from(work.floats);
        counts.integers += threads * f64::from(work.integers);
        if self.touched.is_empty() {
            return;
        }
        let is_store = instruction.op == Op::Store;
        let bytes = self.touched.iter().map(|(_, _, bytes)| f64::from(*bytes)).sum::<f64>();
        let traffic = match self.program.globals[usize::from(instruction.a)].space {
            Space::Uniform => None,
            Space::Texture => Some(&mut counts.texels),
            Space::Storage { .. } if is_store => Some(&mut counts.stores),
            Space::Storage { .. } => Some(&mut counts.loads),
            Space::Workgroup => {
                let shared = if is_store { &mut counts.shared_stores } else { &mut counts.shared_loads };
                let (turns, least) = conflicts(&self.touched, first as u32);
                shared.accesses += threads;
                shared.instructions += 1.0;
                shared.bytes += bytes;
                shared.turns += f64::from(turns);
                shared.least_turns += f64::from(least);
                None
            }
        };
        if let Some(traffic) = traffic {
            let (touched, least) = sectors(&self.touched);
            traffic.accesses += threads;
            traffic.instructions += 1.0;
            traffic.bytes += bytes;
            traffic.sectors += touched as f64;
            traffic.least_sectors += least as f64;
        }
        self.touched.clear();
    }

    fn passed(&mut self) {
        self.counts.barriers += 1.0;
    }
}
