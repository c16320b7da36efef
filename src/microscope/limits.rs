//! How much of a program is run: nothing is known of a text before.

use super::group::Group;
use super::source::Refusal;
use super::watch::Endless;

/// Bounds on what is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Instructions of one thread, after which it is said to have no end.
    pub steps: u64,
    /// Instructions of all threads together, after which nothing more is run.
    pub instructions: u64,
}

impl Default for Limits {
    /// For the shaders of this program, which are known to end.
    fn default() -> Limits {
        Limits { steps: 1 << 26, instructions: u64::MAX }
    }
}

impl Limits {
    /// Lets each thread of a group take its share of what is left behind `done` instructions, and no more than one may.
    pub(super) fn bind(self, group: &mut Group, done: u64) {
        let share = self.instructions.saturating_sub(done) / group.threads.len().max(1) as u64;
        group.setting.most_steps = self.steps.min(share);
    }

    /// Tells a thread without end from one that only had a small share left.
    ///
    /// # Errors
    /// Too many instructions in all.
    pub(super) fn judge(self, group: &Group, endless: Endless) -> Result<Endless, Refusal> {
        if group.setting.most_steps < self.steps {
            let most = self.instructions;
            return Err(Refusal::new(format!("all threads together take more than {most} instructions")));
        }
        Ok(endless)
    }

    /// Why a group that came to a limit is not run on.
    pub(super) fn refuse(self, group: &Group, endless: Endless) -> Refusal {
        match self.judge(group, endless) {
            Ok(Endless { line, .. }) => Refusal { line: Some(line), what: "a thread has no end".to_string() },
            Err(too_many) => too_many,
        }
    }
}
