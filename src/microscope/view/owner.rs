//! Which thread writes a value.

use super::slice::{is_store, slice};
use super::sweep::sweep;
use crate::microscope::buffers::Buffer;
use crate::microscope::job::{Job, Pass};
use crate::microscope::limits::Limits;
use crate::microscope::program::{Global, Space};
use crate::microscope::proof::run_groups;
use crate::microscope::source::{Refusal, Result};
use crate::microscope::watch::{Access, At, Mode, Watch};
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

/// The thread that writes cell `cell` of a buffer last: in the last pass that writes to it.
///
/// # Errors
/// A buffer that is not written, and a cell that no thread writes within `limits`.
pub fn owner(
    job: &Job,
    buffers: &[Buffer],
    (name, cell): (&str, u32),
    subgroup: u32,
    limits: Limits,
) -> Result<Owner> {
    let written = |pass: &Pass| {
        let is_it =
            |global: &Global| *global.name == *name && global.space == Space::Storage { writable: true };
        pass.program.globals.iter().position(is_it)
    };
    let nobody = || Refusal::new(format!("no thread of {} writes {name}[{cell}]", job.kernel));
    for (number, pass) in job.passes.iter().enumerate().rev() {
        let Some(global) = written(pass) else { continue };
        if let Some((group, at)) = writer(job, number, buffers, (global, cell), (subgroup, limits))? {
            return Ok(Owner { pass: number, group, thread: at.thread, pc: at.pc });
        }
    }
    Err(nobody())
}

/// The group that writes a cell in the pass of that number, and with which instruction.
fn writer(
    job: &Job,
    number: usize,
    buffers: &[Buffer],
    (global, cell): (usize, u32),
    (subgroup, limits): (u32, Limits),
) -> Result<Option<([u32; 3], At)>> {
    let pass = &job.passes[number];
    let slice = slice(&pass.program, |i| is_store(i) && usize::from(i.a) == global);
    let is_made = |global: &usize| job.makes(buffers, pass, &pass.program.globals[*global]);
    let slice = slice.filter(|slice| !slice.decided_by.iter().any(is_made));
    let program = slice.as_ref().map_or(&*pass.program, |slice| &slice.program);
    let mut made = Vec::new();
    let buffers = match slice {
        Some(_) => buffers,
        // Then values decide who writes: those that earlier passes make too.
        None => {
            made.extend_from_slice(buffers);
            for pass in &job.passes[..number] {
                let all: Vec<_> = (0..pass.len()).collect();
                run_groups(job, pass, &mut made, &all, subgroup, limits)?;
            }
            &made
        }
    };
    let of_buffer = buffers.iter().find(|buffer| *buffer.name == *program.globals[global].name);
    let cells = of_buffer.map_or(1, |buffer| buffer.words.len().max(1)) as u64;
    // Most grids follow their output: from where the cell would be then, to both sides.
    let guess = u64::from(cell) * pass.len() / cells;
    let mut indices: Vec<u64> = (0..pass.len()).collect();
    indices.sort_by_key(|index| index.abs_diff(guess));
    let is_found = AtomicBool::new(false);
    let begin = || (!is_found.load(Relaxed)).then_some(Search { global, cell, found: None });
    let end = |index, search: Search| {
        let at = search.found?;
        is_found.store(true, Relaxed);
        Some((pass.group(index), at))
    };
    let found = sweep(job, pass, program, buffers, (&indices, subgroup, limits), begin, end)?;
    Ok(found.into_iter().next())
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
