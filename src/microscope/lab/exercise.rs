//! A text that says itself what it should become, in comments at its head:
//!
//! ```text
//! // exercise: dense.backward_b 2_shared
//! // goal: sectors at most 0.5 of the original
//! // goal: conflicts at most 1.05
//! ```

use super::beside::{Beside, Metric};
use crate::microscope::source::{Refusal, Result};
use serde::Serialize;

/// The sizes at which an exercise is counted where nothing else is said: pixels of a picture's edge, and pictures.
pub const IMAGE_SIZE: u32 = 64;
pub const BATCH: u32 = 8;

/// What a text is an exercise of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exercise {
    pub kernel: String,
    pub rung: String,
    /// Beside being right.
    pub goals: Vec<Goal>,
}

/// How far a goal is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reached {
    /// As it stands in the text.
    pub goal: String,
    /// The count, as the goal measures it: a share of the original's, where it speaks of one; `None` for a share of nothing.
    pub count: Option<f64>,
    pub reached: bool,
}

/// What a count should be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Goal {
    pub metric: Metric,
    /// At most; at least where it is false.
    pub at_most: bool,
    pub number: f64,
    /// Whether the number is a share of the original's count.
    pub is_share: bool,
    /// As it stands in the text.
    pub words: String,
}

impl Exercise {
    /// What a text says of itself; `None` where it is no exercise.
    ///
    /// # Errors
    /// A goal that is not understood, with its line.
    pub fn of(text: &str) -> Result<Option<Exercise>> {
        let mut exercise = None;
        for (number, line) in text.lines().enumerate() {
            let Some(comment) = line.trim().strip_prefix("//") else { continue };
            let refused = |what: String| Refusal { line: Some(number as u32 + 1), what };
            if let Some(named) = comment.trim().strip_prefix("exercise:") {
                let (kernel, rung) = named.trim().split_once(' ').unwrap_or((named.trim(), "1_plain"));
                let (kernel, rung) = (kernel.to_string(), rung.trim().to_string());
                exercise = Some(Exercise { kernel, rung, goals: Vec::new() });
            } else if let Some(words) = comment.trim().strip_prefix("goal:") {
                let exercise: &mut Exercise =
                    exercise.as_mut().ok_or_else(|| refused("a goal before its exercise".to_string()))?;
                let goal = Goal::of(words.trim());
                exercise.goals.push(
                    goal.ok_or_else(|| refused(format!("the goal \"{}\" is not understood", words.trim())))?,
                );
            }
        }
        Ok(exercise)
    }
}

/// What the head of an exercise tells a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    pub number: u32,
    pub title: String,
    /// What to do, as one paragraph.
    pub task: String,
    pub hint: String,
}

impl Task {
    /// From `// Exercise 7: Wait for the others`, the paragraphs below it and the one that begins with `Hint:`; `None` where
    /// the text has no such head.
    pub fn of(text: &str) -> Option<Task> {
        let mut lines = text.lines();
        let (number, title) = lines.next()?.strip_prefix("// Exercise ")?.split_once(": ")?;
        let comment = lines.map_while(|line| line.strip_prefix("//")).map(str::trim);
        let mut paragraphs = vec![String::new()];
        for line in comment.take_while(|line| !line.starts_with("exercise:")) {
            match (line, paragraphs.last_mut()) {
                ("", _) => paragraphs.push(String::new()),
                (_, Some(last)) if !last.is_empty() => *last += &format!(" {line}"),
                _ => {
                    paragraphs.pop();
                    paragraphs.push(line.to_string());
                }
            }
        }
        let is_hint = |paragraph: &String| paragraph.starts_with("Hint: ");
        let hint = paragraphs.iter().find(|paragraph| is_hint(paragraph))?;
        let hint = hint.trim_start_matches("Hint: ").to_string();
        let task = paragraphs.iter().filter(|paragraph| !is_hint(paragraph) && !paragraph.is_empty());
        let task = task.map(String::as_str).collect::<Vec<_>>().join(" ");
        Some(Task { number: number.parse().ok()?, title: title.to_string(), task, hint })
    }
}

impl Goal {
    /// `sectors at most 0.5 of the original`, or without its last words.
    fn of(words: &str) -> Option<Goal> {
        let mut parts = words.split_whitespace();
        let name = parts.next()?;
        let (_, metric) = Metric::ALL.into_iter().find(|(known, _)| *known == name)?;
        let at_most = match (parts.next()?, parts.next()?) {
            ("at", "most") => true,
            ("at", "least") => false,
            _ => return None,
        };
        let number = parts.next()?.parse().ok()?;
        let rest: Vec<_> = parts.collect();
        let is_share = match rest.as_slice() {
            [] => false,
            ["of", "the", "original"] => true,
            _ => return None,
        };
        Some(Goal { metric, at_most, number, is_share, words: words.to_string() })
    }

    /// How far it is with these counts.
    pub fn reached(&self, counts: &Beside) -> Reached {
        let (edited, original) = (counts.edited.get(self.metric), counts.original.get(self.metric));
        let of = if self.is_share { original } else { 1.0 };
        let wanted = self.number * of;
        let reached = if self.at_most { edited <= wanted } else { edited >= wanted };
        Reached { goal: self.words.clone(), count: (of != 0.0).then_some(edited / of), reached }
    }
}

#[cfg(test)]
mod tests {
    use super::super::beside::Totals;
    use super::*;

    #[test]
    fn a_head_tells_the_task_and_the_hint() {
        let text = "// Exercise 7: Wait\n//\n// One. Two\n// lines.\n//\n// Hint: Look\n// up.\n//\n// exercise: a.b\n\nfn f() {}";
        let [title, task, hint] = ["Wait", "One. Two lines.", "Look up."].map(str::to_string);
        assert_eq!(Task::of(text), Some(Task { number: 7, title, task, hint }));
        assert_eq!(Task::of(&text.replace("Hint: ", "")), None);
        assert_eq!(Task::of("fn f() {}"), None);
    }

    #[test]
    fn a_text_says_what_it_should_become() {
        let text = "// exercise: dense.backward_b 2_shared\n// goal: sectors at most 0.5 of the original\n//goal: active at least 0.9\nfn f() {}";
        let exercise = Exercise::of(text).unwrap().unwrap();
        assert_eq!((exercise.kernel.as_str(), exercise.rung.as_str()), ("dense.backward_b", "2_shared"));
        let [one, other] = exercise.goals.as_slice() else { panic!("{exercise:?}") };
        assert!(one.at_most && one.is_share && one.metric == Metric::Sectors && one.number == 0.5);
        assert!(!other.at_most && !other.is_share && other.metric == Metric::Active);
        assert_eq!(Exercise::of("fn f() {}"), Ok(None));
        let why = Exercise::of("// exercise: relu.forward\n// goal: speed at most 1").unwrap_err();
        assert_eq!(why.line, Some(2));
        assert!(Exercise::of("// goal: active at least 1").is_err());
    }

    #[test]
    fn a_share_of_nothing_is_no_number() {
        let goal = Goal::of("shared at most 0.5 of the original").unwrap();
        let reached = |edited: f64, original: f64| {
            let [edited, original] = [edited, original].map(|shared| Totals { shared, ..Totals::default() });
            let Reached { count, reached, .. } =
                goal.reached(&Beside { edited, original, notes: Vec::new() });
            (count, reached)
        };
        assert_eq!([reached(2.0, 8.0), reached(6.0, 8.0)], [(Some(0.25), true), (Some(0.75), false)]);
        assert_eq!([reached(0.0, 0.0), reached(2.0, 0.0)], [(None, true), (None, false)]);
    }
}
