//! What a group finds when it begins: what earlier passes have made, as far as it reads that.

use super::owner::Owner;
use super::slice::{Slice, is_load, is_store, slice};
use super::sweep::sweep;
use crate::microscope::buffers::{Buffer, buffer_of};
use crate::microscope::instruction::Instruction;
use crate::microscope::job::{Job, Pass};
use crate::microscope::limits::Limits;
use crate::microscope::program::{Global, Program, Space};
use crate::microscope::proof::run_groups;
use crate::microscope::source::Result;
use crate::microscope::watch::{Access, At, Mode, Watch};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Runs the passes before that of `own` on these buffers: of each, the groups whose results the group of `own` reads, by
/// itself or through passes between; all groups where that cannot be known without values. What the others would write
/// stays as it was.
///
/// # Errors
/// A variable without a buffer, and a thread without end.
pub fn run_before(job: &Job, buffers: &mut [Buffer], own: &Owner, subgroup: u32) -> Result<()> {
    let look = Look { job, buffers, subgroup };
    let words = |buffer: &Buffer| buffer.words.iter().map(|_| AtomicBool::new(false)).collect();
    let mut needed = Some(buffers.iter().map(words).collect());
    let mut groups = vec![vec![job.passes[own.pass].index(own.group)]];
    for number in (0..own.pass).rev() {
        needed = look.with_reads(needed, &job.passes[number + 1], groups.last().expect("one is there"))?;
        groups.push(look.writers(&job.passes[number], needed.as_deref())?);
    }
    for (pass, groups) in job.passes.iter().zip(groups.iter().skip(1).rev()) {
        run_groups(job, pass, buffers, groups, subgroup, Limits::default())?;
    }
    Ok(())
}

/// Which words of a buffer are needed. Groups that run at the same time mark them.
type Words = Vec<AtomicBool>;

struct Look<'a> {
    job: &'a Job,
    buffers: &'a [Buffer],
    subgroup: u32,
}

impl Look<'_> {
    /// What is needed of each buffer, and with it what these groups of a pass read; `None` for all.
    fn with_reads(
        &self,
        needed: Option<Vec<Words>>,
        pass: &Pass,
        groups: &[u64],
    ) -> Result<Option<Vec<Words>>> {
        let Some(needed) = needed else { return Ok(None) };
        let made = self.made(pass);
        let is_copied = |(global, made): (&Global, &bool)| global.space == Space::Texture && *made;
        if pass.program.globals.iter().zip(&made).any(is_copied) {
            return Ok(None);
        }
        let is_seed = |i: &Instruction| is_load(i) && made[usize::from(i.a)];
        let Some(Slice { program, decided_by }) = slice(&pass.program, is_seed) else { return Ok(None) };
        if decided_by.iter().any(|&global| made[global]) {
            return Ok(None);
        }
        let places = self.places(&program);
        let begin = || Some(Reads { places: &places, needed: &needed });
        let limits = Limits::default();
        sweep(self.job, pass, &program, self.buffers, (groups, self.subgroup, limits), begin, |_, _| {
            None::<()>
        })?;
        Ok(Some(needed))
    }

    /// The groups of a pass that write what is needed, by their numbers; all where it is not known.
    fn writers(&self, pass: &Pass, needed: Option<&[Words]>) -> Result<Vec<u64>> {
        let all = (0..pass.len()).collect::<Vec<_>>();
        let Some(needed) = needed else { return Ok(all) };
        let Some(Slice { program, decided_by }) = slice(&pass.program, is_store) else { return Ok(all) };
        let made = self.made(pass);
        if decided_by.iter().any(|&global| made[global]) {
            return Ok(all);
        }
        let places = self.places(&program);
        let begin = || Some(Writes { places: &places, needed, found: false });
        let end = |index, writes: Writes| writes.found.then_some(index);
        let limits = Limits::default();
        let mut groups =
            sweep(self.job, pass, &program, self.buffers, (&all, self.subgroup, limits), begin, end)?;
        groups.sort_unstable();
        Ok(groups)
    }

    /// For each variable of a pass, whether a pass of the job writes to the buffer behind it.
    fn made(&self, pass: &Pass) -> Vec<bool> {
        pass.program.globals.iter().map(|global| self.job.makes(self.buffers, pass, global)).collect()
    }

    /// For each variable of a program, the buffer behind it, and how many of its cells are a word; `None` for memory that
    /// ends with the group.
    fn places(&self, program: &Program) -> Vec<Option<(usize, usize)>> {
        let place = |global: &Global| {
            let is_storage = matches!(global.space, Space::Storage { .. });
            let buffer = buffer_of(self.buffers, global, &[]).filter(|_| is_storage)?;
            Some((buffer, if global.width == 2 { 2 } else { 1 }))
        };
        program.globals.iter().map(place).collect()
    }
}

/// The marks of the words that an access uses.
fn marks<'a>(
    access: &Access,
    places: &[Option<(usize, usize)>],
    needed: &'a [Words],
) -> impl Iterator<Item = &'a AtomicBool> {
    let place = places[access.global];
    let words =
        move |cell: u32| place.and_then(|(buffer, per_word)| needed[buffer].get(cell as usize / per_word));
    access.cells().filter_map(words)
}

/// Marks what is read.
struct Reads<'a> {
    places: &'a [Option<(usize, usize)>],
    needed: &'a [Words],
}

impl Watch for Reads<'_> {
    fn access(&mut self, _: At, access: &Access, _: &[u32]) {
        if access.mode != Mode::Write {
            marks(access, self.places, self.needed).for_each(|mark| mark.store(true, Relaxed));
        }
    }
}

/// Finds out whether anything is written that is marked.
struct Writes<'a> {
    places: &'a [Option<(usize, usize)>],
    needed: &'a [Words],
    found: bool,
}

impl Watch for Writes<'_> {
    fn access(&mut self, _: At, access: &Access, _: &[u32]) {
        if access.mode != Mode::Read && !self.found {
            self.found = marks(access, self.places, self.needed).any(|mark| mark.load(Relaxed));
        }
    }
}
