//! Files that are not used, counted by reason.

use super::skip::Skipped;
use std::collections::HashMap;
use std::fmt;

/// So many files of one reason, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason<'a> {
    pub kind: String,
    pub files: usize,
    pub first: &'a Skipped,
}

/// Reasons, the most frequent first. As text: `3 × damaged, 1 × empty file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally<'a>(pub Vec<Reason<'a>>);

/// Counts files by reason.
pub fn tally(files: &[Skipped]) -> Tally<'_> {
    let mut reasons: Vec<Reason<'_>> = Vec::new();
    let mut places = HashMap::new();
    for file in files {
        let kind = file.reason.kind();
        let place = *places.entry(kind.clone()).or_insert_with(|| {
            reasons.push(Reason { kind: kind.into_owned(), files: 0, first: file });
            reasons.len() - 1
        });
        reasons[place].files += 1;
    }
    // Of equal counts the order stays.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.files));
    Tally(reasons)
}

impl fmt::Display for Tally<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Reason { kind, files, .. }) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{files} × {kind}")?;
        }
        Ok(())
    }
}
