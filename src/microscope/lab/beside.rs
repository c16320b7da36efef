//! What a text does, in numbers, beside the original.

use super::original::original;
use crate::check::Case;
use crate::microscope::counts::{Counts, Sample, count};
use crate::microscope::job::Job;
use crate::microscope::limits::{Effort, Limits, grouped};
use crate::microscope::sample::TELLING;
use crate::microscope::source::Result;
use serde::Serialize;

/// What a tried text may take at a layer's sizes: some seconds.
pub const LIMITS: Limits = Limits { steps: 1 << 22, instructions: 1 << 28, original: None };

/// Counts of all passes together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Totals {
    pub multiply_adds: f64,
    /// Loads and stores of buffers and textures, by threads; a vector is one.
    pub accesses: f64,
    /// Pieces of 32 bytes that these touch, by subgroups.
    pub sectors: f64,
    /// Loads and stores of workgroup memory, by threads.
    pub shared: f64,
    /// How many times as long these take because of bank conflicts: 1 without any.
    pub conflicts: f64,
    /// Barriers that groups pass.
    pub barriers: f64,
    /// Instructions that subgroups execute.
    pub instructions: f64,
    /// Mean share of a subgroup's threads that execute an instruction.
    pub active: f64,
    /// Threads of the largest group of a pass, and bytes of the largest workgroup memory.
    pub group_threads: u64,
    pub group_bytes: u64,
    /// Threads of all passes, and those of them that were run: what is counted is scaled to all.
    pub threads: u64,
    pub sampled: u64,
    /// The standard error of the least known count, as a share of it; 0 where all threads were run.
    pub error: f64,
    /// Parts of the grid that were run of a pass, if these are too few to say anything of the others.
    pub few: Option<u64>,
}

/// One of the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    Accesses,
    Sectors,
    Shared,
    Conflicts,
    Barriers,
    Instructions,
    Active,
}

impl Metric {
    pub const ALL: [(&'static str, Metric); 7] = [
        ("accesses", Metric::Accesses),
        ("sectors", Metric::Sectors),
        ("shared", Metric::Shared),
        ("conflicts", Metric::Conflicts),
        ("barriers", Metric::Barriers),
        ("instructions", Metric::Instructions),
        ("active", Metric::Active),
    ];
}

impl Totals {
    pub fn of(passes: &[Counts]) -> Totals {
        let sum = |one: &dyn Fn(&Counts) -> f64| passes.iter().map(one).sum::<f64>();
        let turns = sum(&|pass| pass.shared_loads.turns + pass.shared_stores.turns);
        let least = sum(&|pass| pass.shared_loads.least_turns + pass.shared_stores.least_turns);
        let instructions = sum(&|pass| pass.instructions);
        let active = sum(&|pass| pass.active * pass.instructions);
        Totals {
            multiply_adds: sum(&|pass| pass.multiply_adds),
            accesses: sum(&|pass| pass.loads.accesses + pass.stores.accesses + pass.texels.accesses),
            sectors: sum(&|pass| pass.loads.sectors + pass.stores.sectors + pass.texels.sectors),
            shared: sum(&|pass| pass.shared_loads.accesses + pass.shared_stores.accesses),
            conflicts: if least > 0.0 { turns / least } else { 1.0 },
            barriers: sum(&|pass| pass.barriers),
            instructions,
            active: if instructions > 0.0 { active / instructions } else { 1.0 },
            group_threads: passes.iter().map(|pass| pass.group_threads).max().unwrap_or(0),
            group_bytes: passes.iter().map(|pass| pass.group_bytes).max().unwrap_or(0),
            threads: passes.iter().map(|pass| pass.threads).sum(),
            sampled: passes.iter().map(|pass| pass.sampled).sum(),
            error: passes.iter().map(|pass| pass.error).fold(0.0, f64::max),
            few: passes
                .iter()
                .filter(|pass| pass.sampled < pass.threads && pass.units < TELLING)
                .map(|pass| pass.units)
                .min(),
        }
    }

    pub fn get(&self, metric: Metric) -> f64 {
        match metric {
            Metric::Accesses => self.accesses,
            Metric::Sectors => self.sectors,
            Metric::Shared => self.shared,
            Metric::Conflicts => self.conflicts,
            Metric::Barriers => self.barriers,
            Metric::Instructions => self.instructions,
            Metric::Active => self.active,
        }
    }
}

/// Two texts at the same sizes.
#[derive(Debug, Clone, Serialize)]
pub struct Beside {
    pub edited: Totals,
    pub original: Totals,
    /// What should be known of these counts, in words.
    pub notes: Vec<String>,
}

impl Beside {
    fn new(edited: Totals, original: Totals) -> Beside {
        let notes = [sampled(&edited, &original), other_arithmetic(&edited, &original), too_large(&edited)];
        Beside { edited, original, notes: notes.into_iter().flatten().collect() }
    }
}

/// What WebGPU promises on every device: threads of a group, and bytes of its workgroup memory.
const PROMISED: (u64, u64) = (256, 16_384);
/// Counts that are further apart than this, as a share, and than sampling explains are said to differ.
const CLEARLY: f64 = 0.005;

/// How well a share of two counts is known, if neither says anything of the other.
fn error_of_share(edited: &Totals, original: &Totals) -> f64 {
    edited.error.hypot(original.error)
}

/// That only a part was run.
fn sampled(edited: &Totals, original: &Totals) -> Option<String> {
    let Totals { threads, sampled, .. } = *edited;
    let [of, run] = [threads, sampled].map(grouped);
    let few = [edited.few, original.few].into_iter().flatten().min();
    let known = match ((error_of_share(edited, original) * 1000.0).round() / 10.0, few) {
        (0.0, None) => "all parts that were run are alike".to_string(),
        (error, None) => format!("give or take {error:.1}%"),
        (0.0, Some(few)) => format!("how well is not known, from {few} parts of the grid"),
        (error, Some(few)) => format!("give or take {error:.1}%, as far as {few} parts of the grid tell"),
    };
    let of_both = if sampled == original.sampled { ", of both the same," } else { "" };
    let what = format!("counted in {run} of {of} threads{of_both} and scaled: {known}");
    (sampled < threads).then_some(what)
}

/// That a right text multiplies more or less than the original.
fn other_arithmetic(edited: &Totals, original: &Totals) -> Option<String> {
    let apart = (edited.multiply_adds / original.multiply_adds - 1.0).abs();
    let is_other = apart > CLEARLY + 3.0 * error_of_share(edited, original);
    is_other.then(|| {
        "the multiply-adds differ, though the values are right: something is multiplied more than once, left out, or counted \
         as other arithmetic"
            .to_string()
    })
}

/// That not every device runs it.
fn too_large(totals: &Totals) -> Option<String> {
    let Totals { group_threads, group_bytes, .. } = *totals;
    let (threads, bytes) = PROMISED;
    (group_threads > threads || group_bytes > bytes).then(|| {
        let [group_threads, group_bytes, bytes] = [group_threads, group_bytes, bytes].map(grouped);
        format!(
            "not every device runs it: a group has {group_threads} threads and {group_bytes} bytes of workgroup memory, and \
             WebGPU promises {threads} and {bytes}"
        )
    })
}

/// Counts `text` and the rung's own shader at the sizes of a case. Of a large grid a part is run, and scaled: of both the
/// same, so that what is equal is counted as equal.
///
/// # Errors
/// What the microscope refuses, and a thread without end.
pub fn beside(case: &Case, rung: &str, text: &str, subgroup: u32) -> Result<Beside> {
    let original = original(case, rung, subgroup)?;
    let effort = original.iter().fold(Effort::default(), |sum, pass| sum.and(pass.effort));
    let threads: Vec<_> = original.iter().map(|pass| pass.sampled).collect();
    let job = Job::with_text(&*case.call, rung, subgroup, text)?;
    let [inputs, outputs] = case.zeros();
    let (buffers, limits) = (job.buffers(&inputs, &outputs), LIMITS.beside(effort));
    let edited = count(&job, buffers, subgroup, Sample::As(&threads), limits)?;
    Ok(Beside::new(Totals::of(&edited), Totals::of(&original)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The note on how well counts are known.
    fn note(edited: (f64, Option<u64>), original: (f64, Option<u64>)) -> String {
        let [edited, original] = [edited, original].map(|(error, few)| Totals {
            threads: 4096,
            sampled: 1024,
            error,
            few,
            ..Totals::default()
        });
        let note = sampled(&edited, &original).unwrap();
        note.strip_prefix("counted in 1,024 of 4,096 threads, of both the same, and scaled: ")
            .unwrap()
            .to_string()
    }

    #[test]
    fn how_well_a_count_is_known_is_said_of_both_sides() {
        assert_eq!(note((0.0, None), (0.0, None)), "all parts that were run are alike");
        assert_eq!(note((0.03, None), (0.04, None)), "give or take 5.0%");
        assert_eq!(note((0.0, None), (0.04, None)), "give or take 4.0%");
        let few = (0.0, Some(12));
        for note in [note(few, (0.0, None)), note((0.0, None), few), note(few, (0.0, Some(40)))] {
            assert_eq!(note, "how well is not known, from 12 parts of the grid");
        }
        let said = note((0.03, Some(40)), few);
        assert_eq!(said, "give or take 3.0%, as far as 12 parts of the grid tell");
    }

    /// Where both are known badly, a difference says little.
    #[test]
    fn a_difference_is_told_from_what_a_sample_leaves_open() {
        let differ = |[edited, original]: [f64; 2]| {
            let totals = |multiply_adds, error| Totals { multiply_adds, error, ..Totals::default() };
            other_arithmetic(&totals(110.0, edited), &totals(100.0, original)).is_some()
        };
        assert!(differ([0.0, 0.0]) && differ([0.03, 0.0]) && differ([0.0, 0.03]));
        assert!(!differ([0.03, 0.03]) && !differ([0.04, 0.0]) && !differ([0.0, 0.04]));
    }

    #[test]
    fn few_parts_are_those_of_a_pass_that_is_not_run_whole() {
        let pass = |sampled, units| Counts { threads: 4096, sampled, units, ..Counts::default() };
        let few = |passes: &[Counts]| Totals::of(passes).few;
        assert_eq!(few(&[pass(4096, 16), pass(1024, 256)]), None);
        assert_eq!(few(&[pass(1024, 255), pass(64, 4), pass(1024, 300)]), Some(4));
    }
}
