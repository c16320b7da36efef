//! What a text does, in numbers, beside the original.

use crate::check::Case;
use crate::microscope::counts::{Counts, count};
use crate::microscope::job::Job;
use crate::microscope::limits::Limits;
use crate::microscope::source::Result;
use serde::Serialize;

/// Groups of each pass that are run.
const SAMPLE: u64 = 4;
/// What a tried text may take at a layer's sizes: some seconds.
pub const LIMITS: Limits = Limits { steps: 1 << 22, instructions: 1 << 28 };

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
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Beside {
    pub edited: Totals,
    pub original: Totals,
}

/// Counts `text` and the rung's own shader at the sizes of a case. Of large grids, a few groups are run and scaled.
///
/// # Errors
/// What the microscope refuses, and a thread without end.
pub fn beside(case: &Case, rung: &str, text: &str, subgroup: u32) -> Result<Beside> {
    let [inputs, outputs] = case.zeros();
    let totals = |job: Job| {
        let counted = count(&job, job.buffers(&inputs, &outputs), subgroup, SAMPLE, LIMITS)?;
        Ok(Totals::of(&counted))
    };
    Ok(Beside {
        edited: totals(Job::with_text(&*case.call, rung, subgroup, text)?)?,
        original: totals(Job::new(&*case.call, rung, subgroup)?)?,
    })
}
