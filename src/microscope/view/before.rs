//! What a group finds when it begins: what earlier passes have made, as far as it reads that.

use super::owner::Owner;
use super::slice::{Slice, is_load, is_store, slice};
use super::sweep::sweep;
use crate::microscope::buffers::{Buffer, buffer_of};
use crate::microscope::instruction::Instruction;
use crate::microscope::job::{Job, Pass};
use crate::microscope::program::{Global, Program, Space};
use crate::microscope::proof::run_groups;
use crate::microscope::source::Result;
use crate::microscope::watch::{Access, At, Mode, Watch};

/// Runs the passes before that of `own` on these buffers: of each, the groups whose results the group of `own` reads, by
/// itself or through passes between; all groups where that cannot be known without values. What the others would write
/// stays as it was.
///
/// # Errors
/// A variable without a buffer, and a thread without end.
pub fn run_before(job: &Job, buffers: &mut [Buffer], own: &Owner, subgroup: u32) -> Result<()> {
    let look = Look { job, buffers, subgroup };
    let mut needed = Some(buffers.iter().map(|buffer| vec![false; buffer.words.len()]).collect());
    let mut groups = vec![vec![job.passes[own.pass].index(own.group)]];
    for number in (0..own.pass).rev() {
        needed = look.with_reads(needed, &job.passes[number + 1], groups.last().expect("one is there"))?;
        groups.push(look.writers(&job.passes[number], needed.as_ref())?);
    }
    for (pass, groups) in job.passes.iter().zip(groups.iter().skip(1).rev()) {
        run_groups(job, pass, buffers, groups, subgroup)?;
    }
    Ok(())
}

/// Words of each buffer that are needed; `None` for all.
type Needed = Option<Vec<Vec<bool>>>;

struct Look<'a> {
    job: &'a Job,
    buffers: &'a [Buffer],
    subgroup: u32,
}

impl Look<'_> {
    /// What is needed, and with it what these groups of a pass read.
    fn with_reads(&self, needed: Needed, pass: &Pass, groups: &[u64]) -> Result<Needed> {
        let Some(mut needed) = needed else { return Ok(None) };
        let is_made = |global: &Global| self.is_made(pass, global);
        if pass.program.globals.iter().any(|global| global.space == Space::Texture && is_made(global)) {
            return Ok(None);
        }
        let made: Vec<bool> = pass.program.globals.iter().map(is_made).collect();
        let is_seed = |i: &Instruction| is_load(i) && made[usize::from(i.a)];
        let Some(Slice { program, decided_by }) = slice(&pass.program, is_seed) else { return Ok(None) };
        if decided_by.iter().any(|&global| made[global]) {
            return Ok(None);
        }
        let begin = || Some(Uses { wanted: Wanted::Reads, cells: Vec::new() });
        let uses = self.sweep(pass, &program, groups, begin, |_, uses| Some(uses.cells))?;
        for (global, cell) in uses.into_iter().flatten() {
            if let Some((buffer, word)) = self.word(&program.globals[global], cell) {
                needed[buffer][word] = true;
            }
        }
        Ok(Some(needed))
    }

    /// The groups of a pass that write what is needed, by their numbers; all where it is not known.
    fn writers(&self, pass: &Pass, needed: Option<&Vec<Vec<bool>>>) -> Result<Vec<u64>> {
        let all = (0..pass.len()).collect::<Vec<_>>();
        let Some(needed) = needed else { return Ok(all) };
        let Some(Slice { program, decided_by }) = slice(&pass.program, is_store) else { return Ok(all) };
        if decided_by.iter().any(|&global| self.is_made(pass, &program.globals[global])) {
            return Ok(all);
        }
        let is_needed = |&(global, cell): &(usize, u32)| {
            self.word(&program.globals[global], cell).is_some_and(|(buffer, word)| needed[buffer][word])
        };
        let begin = || Some(Uses { wanted: Wanted::Writes, cells: Vec::new() });
        let end = |index, uses: Uses| uses.cells.iter().any(is_needed).then_some(index);
        let mut groups = self.sweep(pass, &program, &all, begin, end)?;
        groups.sort_unstable();
        Ok(groups)
    }

    fn sweep<R: Send>(
        &self,
        pass: &Pass,
        program: &Program,
        groups: &[u64],
        begin: impl Fn() -> Option<Uses> + Sync,
        end: impl Fn(u64, Uses) -> Option<R> + Sync,
    ) -> Result<Vec<R>> {
        sweep(self.job, pass, program, self.buffers, (groups, self.subgroup), begin, end)
    }

    /// Whether a pass of the job writes to the buffer behind a variable.
    fn is_made(&self, pass: &Pass, global: &Global) -> bool {
        let Some(buffer) = buffer_of(self.buffers, global, pass.textures) else { return false };
        let writes = |other: &Global| {
            other.space == Space::Storage { writable: true }
                && buffer_of(self.buffers, other, &[]) == Some(buffer)
        };
        self.job.passes.iter().any(|pass| pass.program.globals.iter().any(writes))
    }

    /// The buffer and the word in it where a cell of a storage variable is.
    fn word(&self, global: &Global, cell: u32) -> Option<(usize, usize)> {
        let is_storage = matches!(global.space, Space::Storage { .. });
        let buffer = buffer_of(self.buffers, global, &[]).filter(|_| is_storage)?;
        let per_word = if global.width == 2 { 2 } else { 1 };
        let word = cell as usize / per_word;
        (word < self.buffers[buffer].words.len()).then_some((buffer, word))
    }
}

enum Wanted {
    Reads,
    Writes,
}

/// Keeps which cells of which variables are used.
struct Uses {
    wanted: Wanted,
    cells: Vec<(usize, u32)>,
}

impl Watch for Uses {
    fn access(&mut self, _: At, access: &Access, _: &[u32]) {
        let is_wanted = match self.wanted {
            Wanted::Reads => access.mode != Mode::Write,
            Wanted::Writes => access.mode != Mode::Read,
        };
        if is_wanted {
            self.cells.extend(access.cells().map(|cell| (access.global, cell)));
        }
    }
}
