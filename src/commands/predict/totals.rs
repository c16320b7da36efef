//! The last lines of a prediction: how many pictures of what.

use crate::data::Skip;
use crate::error::shown;
use std::collections::BTreeMap;
use std::fmt;

/// Reasons that are listed.
const LISTED: usize = 8;

/// How many pictures were taken for each class, and how many files were skipped for each reason.
pub struct Totals<'a> {
    classes: Vec<(&'a str, usize)>,
    skipped: BTreeMap<String, usize>,
}

impl<'a> Totals<'a> {
    pub fn new(classes: &'a [String]) -> Totals<'a> {
        let classes = classes.iter().map(|class| (class.as_str(), 0)).collect();
        Totals { classes, skipped: BTreeMap::new() }
    }

    /// A picture was taken for this class.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn count(&mut self, class: usize) {
        self.classes[class].1 += 1;
    }

    pub fn skip(&mut self, reason: &Skip) {
        *self.skipped.entry(reason.to_string()).or_default() += 1;
    }

    pub fn skipped(&self) -> usize {
        self.skipped.values().sum()
    }
}

impl fmt::Display for Totals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count| if count == 1 { "" } else { "s" };
        let pictures: usize = self.classes.iter().map(|(_, count)| count).sum();
        let classes = self.classes.iter().map(|(class, count)| format!("{} {count}", shown(class)));
        write!(f, "{pictures} picture{}: {}", plural(pictures), classes.collect::<Vec<_>>().join(", "))?;
        if self.skipped.is_empty() {
            return Ok(());
        }
        write!(f, "\n{} file{} skipped:", self.skipped(), plural(self.skipped()))?;
        let mut reasons: Vec<_> = self.skipped.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (reason, count) in reasons.iter().take(LISTED) {
            write!(f, "\n  {count} x {}", shown(reason))?;
        }
        let rest: usize = reasons.iter().skip(LISTED).map(|(_, count)| **count).sum();
        match rest {
            0 => Ok(()),
            rest => write!(f, "\n  {rest} x other reasons"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_the_most_common_reason_comes_first() {
        let classes = ["cats", "dogs"].map(str::to_string);
        let mut totals = Totals::new(&classes);
        totals.count(1);
        assert_eq!(totals.to_string(), "1 picture: cats 0, dogs 1");
        totals.count(1);
        totals.skip(&Skip::Empty);
        (0..2).for_each(|_| totals.skip(&Skip::Truncated));
        (0..10).for_each(|i| totals.skip(&Skip::Damaged(format!("in its row {i}"))));
        let text = totals.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[..2], ["2 pictures: cats 0, dogs 2", "13 files skipped:"]);
        assert!(lines[2].starts_with("  2 x truncated"), "{text}");
        assert_eq!((lines.len(), lines[10]), (11, "  4 x other reasons"), "{text}");
    }
}
