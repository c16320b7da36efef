//! How much of a program is run: nothing is known of a text before.

use super::group::Group;
use super::source::Refusal;
use super::watch::Endless;
use serde::Serialize;

/// Bounds on what is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Instructions of one thread, after which it is said to have no end.
    pub steps: u64,
    /// Instructions of all threads together, after which nothing more is run.
    pub instructions: u64,
    /// What the original takes, where another text stands in its place.
    pub original: Option<Effort>,
}

/// What a program takes at some sizes, in instructions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Effort {
    /// Of the thread that takes most.
    pub longest: u64,
    /// Of all threads together.
    pub all: u64,
}

impl Effort {
    /// And what a group took.
    pub(super) fn add(&mut self, group: &Group) {
        let longest = group.threads.iter().map(|thread| thread.steps).max().unwrap_or(0);
        self.longest = self.longest.max(longest);
        self.all = self.all.saturating_add(group.steps());
    }

    /// Of two passes.
    pub fn and(self, other: Effort) -> Effort {
        Effort { longest: self.longest.max(other.longest), all: self.all.saturating_add(other.all) }
    }
}

/// So many times as much as the original another text may take: one thread of it, and all together. It may let one thread
/// do what the whole group did.
const LONGER: u64 = 50;
const MORE: u64 = 10;

impl Default for Limits {
    /// For the shaders of this program, which are known to end.
    fn default() -> Limits {
        Limits { steps: 1 << 26, instructions: u64::MAX, original: None }
    }
}

impl Limits {
    /// For a text in the place of another that takes as much as this: at least these limits, and some times as much.
    pub fn beside(self, original: Effort) -> Limits {
        Limits {
            steps: self.steps.max(LONGER.saturating_mul(original.longest)),
            instructions: self.instructions.max(MORE.saturating_mul(original.all)),
            original: Some(original),
        }
    }

    /// What a loop without end is called: it is known only that it goes on for long.
    pub(super) fn words(self) -> String {
        let steps = grouped(self.steps);
        match self.original {
            Some(Effort { longest, .. }) => {
                let original = grouped(longest);
                format!(
                    "a thread took more than {steps} steps in this loop, the original at most {original} in all: perhaps no end"
                )
            }
            None => format!("a thread took more than {steps} steps in this loop: perhaps no end"),
        }
    }

    /// Lets the threads of a group that begins take what is left behind `done` instructions: each as much as it wants, up to
    /// what one may. Whether anything is left.
    pub(super) fn bind(self, group: &mut Group, done: u64) -> bool {
        group.setting.most_steps = self.steps;
        group.left = self.instructions.saturating_sub(done.saturating_add(group.steps()));
        group.left > 0
    }

    /// Tells a thread without end from one at which the limit of all was reached.
    ///
    /// # Errors
    /// Too many instructions in all.
    pub(super) fn judge(self, endless: Endless) -> Result<Endless, Refusal> {
        if endless.of_all {
            let most = grouped(self.instructions);
            let original = self.original.map(|original| format!(", the original {}", grouped(original.all)));
            let original = original.unwrap_or_default();
            let what =
                format!("all threads together take more than {most} instructions{original}: perhaps no end");
            return Err(Refusal { line: Some(endless.line), what });
        }
        Ok(endless)
    }

    /// Why a group that came to a limit is not run on.
    pub(super) fn refuse(self, endless: Endless) -> Refusal {
        match self.judge(endless) {
            Ok(Endless { line, .. }) => Refusal { line: Some(line), what: self.words() },
            Err(too_many) => too_many,
        }
    }
}

/// 12,345
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
