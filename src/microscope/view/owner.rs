//! Which thread writes a value.

use super::slice::stores_of;
use crate::microscope::buffers::{Buffer, bind};
use crate::microscope::group::{Group, Setting};
use crate::microscope::instruction::{Instruction, Op};
use crate::microscope::job::{Job, Pass};
use crate::microscope::program::{Global, Space};
use crate::microscope::proof::MOST_STEPS;
use crate::microscope::source::{Refusal, Result};
use crate::microscope::watch::{Access, At, Mode, Watch};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A thread, and the instruction with which it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The pass by its number.
    pub pass: usize,
    pub group: [u32; 3],
    pub thread: u32,
    /// 0 for one that was named.
    pub pc: u32,
}

impl Owner {
    /// A thread that is named; `None` where there is none.
    pub fn named(job: &Job, pass: usize, group: [u32; 3], thread: u32) -> Option<Owner> {
        let of_pass = job.passes.get(pass)?;
        let is_there = group.iter().zip(of_pass.groups).all(|(one, all)| *one < all)
            && (thread as usize) < of_pass.program.threads();
        is_there.then_some(Owner { pass, group, thread, pc: 0 })
    }
}

/// Groups that one thread of this machine looks at in a row.
const CHUNK: usize = 16;

/// The thread that writes cell `cell` of a buffer last: in the last pass that writes to it.
///
/// # Errors
/// A buffer that is not written, and a cell that no thread writes.
pub fn owner(job: &Job, buffers: &[Buffer], name: &str, cell: u32, subgroup: u32) -> Result<Owner> {
    let written = |pass: &Pass| {
        let is_it =
            |global: &Global| *global.name == *name && global.space == Space::Storage { writable: true };
        pass.program.globals.iter().position(is_it)
    };
    let nobody = || Refusal::new(format!("no thread of {} writes {name}[{cell}]", job.kernel));
    for (number, pass) in job.passes.iter().enumerate().rev() {
        let Some(global) = written(pass) else { continue };
        if let Some((group, at)) = writer(job, pass, buffers, (global, cell), subgroup)? {
            return Ok(Owner { pass: number, group, thread: at.thread, pc: at.pc });
        }
    }
    Err(nobody())
}

fn writer(
    job: &Job,
    pass: &Pass,
    buffers: &[Buffer],
    (global, cell): (usize, u32),
    subgroup: u32,
) -> Result<Option<([u32; 3], At)>> {
    let slice = stores_of(&pass.program, global);
    let program = slice.as_ref().unwrap_or(&pass.program);
    let setting = Setting { groups: pass.groups, subgroup, most_steps: MOST_STEPS };
    let order: Vec<u32> = (0..program.threads() as u32).collect();
    let bound = bind(program, &mut buffers.to_vec(), &job.params, pass.textures)?;
    let cells = bound.memory[global].len().max(1) as u64;
    // Most grids follow their output: from where the cell would be then, to both sides.
    let guess = u64::from(cell) * pass.len() / cells;
    let mut indices: Vec<u64> = (0..pass.len()).collect();
    indices.sort_by_key(|index| index.abs_diff(guess));
    let is_found = AtomicBool::new(false);
    // Zeros take no memory before they are written.
    let is_read = |global: usize| program.code.iter().any(|i| reads(i, global));
    let copy = |(global, cells): (usize, &Vec<u32>)| match is_read(global) {
        true => cells.clone(),
        false => vec![0; cells.len()],
    };
    let found = indices.par_chunks(CHUNK).map_init(
        || bound.memory.iter().enumerate().map(copy).collect::<Vec<_>>(),
        |memory, chunk| {
            let mut group = Group::new(program, setting, [0; 3]);
            for &index in chunk {
                if is_found.load(Relaxed) {
                    return None;
                }
                let id = pass.group(index);
                group.restart(id);
                let mut search = Search { global, cell, found: None };
                // One without end writes nothing more.
                let _ = group.run(&order, memory, &mut search);
                if let Some(at) = search.found {
                    is_found.store(true, Relaxed);
                    return Some((id, at));
                }
            }
            None
        },
    );
    Ok(found.find_map_any(|found| found))
}

fn reads(i: &Instruction, global: usize) -> bool {
    matches!(i.op, Op::Load | Op::Texel | Op::Atomic(_)) && usize::from(i.a) == global
}

/// Waits for a write.
struct Search {
    global: usize,
    cell: u32,
    found: Option<At>,
}

impl Watch for Search {
    #[inline(always)]
    fn access(&mut self, at: At, access: &Access, _: &[u32]) {
        if access.global == self.global
            && access.mode != Mode::Read
            && access.cells().any(|cell| cell == self.cell)
        {
            self.found = Some(at);
        }
    }
}
