//! Runs a group as a GPU does: the threads of a subgroup in step, each instruction for all that are at it.
//!
//! Of the threads of a subgroup, those that are furthest back in the program go first. Where ways part, each is gone by
//! itself, and behind them all go on together, because the compiler lays every meeting behind its ways.

use super::group::{Group, State};
use super::instruction::Op;
use super::watch::{At, Endless, Watch};

/// Looks on while subgroups execute.
pub trait WatchSubgroups: Watch {
    /// An instruction was executed for so many threads of a subgroup, the first of which is `first`.
    fn executed(&mut self, pc: u32, first: usize, active: usize);
    /// The whole group passed a barrier.
    fn passed(&mut self);
}

/// Runs a whole group.
///
/// # Errors
/// A thread that has no end.
pub fn run<W: WatchSubgroups>(
    group: &mut Group,
    memory: &mut [Vec<u32>],
    watch: &mut W,
) -> Result<(), Endless> {
    loop {
        let size = group.setting.subgroup as usize;
        for first in (0..group.threads.len()).step_by(size) {
            run_subgroup(group, first, memory, watch)?;
        }
        let Some((flags, met)) = group.release() else { return Ok(()) };
        if let Err(unmet) = met {
            watch.unmet(unmet);
        }
        watch.barrier(flags);
        watch.passed();
    }
}

/// Runs a subgroup until all its threads wait for the group, or have ended.
///
/// # Errors
/// As [`run`].
pub fn run_subgroup<W: WatchSubgroups>(
    group: &mut Group,
    first: usize,
    memory: &mut [Vec<u32>],
    watch: &mut W,
) -> Result<(), Endless> {
    let mut active = Vec::new();
    while let Some(pc) = step(group, first, &mut active, memory, watch) {
        let spent = active.len() as u64 * group.program.code[pc as usize].steps();
        let of_all = spent > group.left;
        group.left = group.left.saturating_sub(spent);
        let of_one = group.threads[active[0]].steps > group.setting.most_steps;
        if of_one || of_all {
            let at = At { thread: active[0] as u32, pc };
            return Err(Endless { at, line: group.program.line(pc), of_all: !of_one });
        }
    }
    Ok(())
}

/// Executes one instruction of a subgroup, by its first thread: of those threads that are furthest back, which are left in
/// `active`. `None` where none can go on.
pub fn step<W: WatchSubgroups>(
    group: &mut Group,
    first: usize,
    active: &mut Vec<usize>,
    memory: &mut [Vec<u32>],
    watch: &mut W,
) -> Option<u32> {
    let last = (first + group.setting.subgroup as usize).min(group.threads.len());
    let mut pc = u32::MAX;
    for (lane, thread) in group.threads[first..last].iter().enumerate() {
        if thread.state != State::Ready || thread.pc > pc {
            continue;
        }
        if thread.pc < pc {
            pc = thread.pc;
            active.clear();
        }
        active.push(first + lane);
    }
    if pc == u32::MAX {
        return None;
    }
    if matches!(group.program.code[pc as usize].op, Op::Subgroup(_)) {
        group.execute_together(pc, (first, active), false, watch);
    } else {
        for &lane in active.iter() {
            group.step(lane, memory, watch);
        }
    }
    watch.executed(pc, first, active.len());
    Some(pc)
}
