//! All that the lab says of a text.

use super::beside::{Beside, beside};
use super::exercise::{Exercise, Reached};
use super::trial::Trial;
use crate::check::Case;
use crate::microscope::source::Result;
use serde::Serialize;

/// What came of a text: whether it is right, and then what it does, and how far its goals are.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    pub trial: Trial,
    /// `None` where it is not right, or where there are no sizes to count it at.
    pub counts: Option<Beside>,
    pub goals: Vec<Reached>,
    /// Whether it is right, and has reached all goals. Where nothing could be counted, none is reached.
    pub is_done: bool,
}

/// What a text that was tried does: if it is right, it is counted at the sizes of `case`, and compared with the goals of the
/// exercise that it is.
///
/// # Errors
/// A right text that cannot be counted.
pub fn attempt(
    trial: Trial,
    exercise: Option<&Exercise>,
    case: Option<&Case>,
    subgroup: u32,
) -> Result<Attempt> {
    let is_right = trial.verdict.is_right();
    let case = case.filter(|_| is_right);
    let counts = case.map(|case| beside(case, &trial.rung, &trial.text, subgroup)).transpose()?;
    let wanted = exercise.map_or(&[][..], |exercise| &exercise.goals);
    let goals: Vec<_> =
        counts.iter().flat_map(|counts| wanted.iter().map(|goal| goal.reached(counts))).collect();
    let is_done = is_right && goals.len() == wanted.len() && goals.iter().all(|goal| goal.reached);
    Ok(Attempt { trial, counts, goals, is_done })
}
