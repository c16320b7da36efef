//! Many groups of a pass, each with somebody who looks on: for questions about what is used, not about values.

use super::slice::is_load;
use crate::microscope::buffers::{Buffer, bind};
use crate::microscope::group::{Group, Setting};
use crate::microscope::job::{Job, Pass};
use crate::microscope::limits::Limits;
use crate::microscope::program::Program;
use crate::microscope::source::Result;
use crate::microscope::watch::Watch;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Groups that one thread of this machine looks at in a row.
const CHUNK: usize = 16;

/// Runs groups of a pass by their numbers, in parallel and in no order, with `program` in the place of the pass's own.
/// Before each group `begin` makes who looks on, or leaves the group out; behind it, `end` takes what was seen. Groups
/// may see what others wrote, or not: what is asked for may not depend on it. Behind the limit on all instructions, no
/// group begins.
///
/// # Errors
/// A variable without a buffer, and subgroups of a size that there is not.
pub fn sweep<W: Watch, R: Send>(
    job: &Job,
    pass: &Pass,
    program: &Program,
    buffers: &[Buffer],
    (indices, subgroup, limits): (&[u64], u32, Limits),
    begin: impl Fn() -> Option<W> + Sync,
    end: impl Fn(u64, W) -> Option<R> + Sync,
) -> Result<Vec<R>> {
    let setting = Setting::new(pass.groups, subgroup, limits.steps)?;
    let order: Vec<u32> = (0..program.threads() as u32).collect();
    let bound = bind(program, &mut buffers.to_vec(), &job.params, pass.textures)?;
    // Zeros take no memory before they are written.
    let is_read = |global: usize| program.code.iter().any(|i| is_load(i) && usize::from(i.a) == global);
    let copy = |(global, cells): (usize, &Vec<u32>)| match is_read(global) {
        true => cells.clone(),
        false => vec![0; cells.len()],
    };
    let done = AtomicU64::new(0);
    let found = indices.par_chunks(CHUNK).map_init(
        || bound.memory.iter().enumerate().map(copy).collect::<Vec<_>>(),
        |memory, chunk| {
            let mut group = Group::new(program, setting, [0; 3]);
            let mut found = Vec::new();
            for &index in chunk {
                let Some(mut watch) = begin() else { break };
                group.restart(pass.group(index));
                if !limits.bind(&mut group, done.load(Relaxed)) {
                    break;
                }
                // One without end does nothing more.
                let _ = group.run(&order, memory, &mut watch);
                done.fetch_add(group.steps(), Relaxed);
                found.extend(end(index, watch));
            }
            found
        },
    );
    Ok(found.flatten_iter().collect())
}
