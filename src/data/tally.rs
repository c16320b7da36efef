//! Files that are not used, by reason.

use super::skip::Skipped;
use std::collections::HashMap;
use std::fmt;

/// The files of one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason<'a> {
    pub kind: String,
    pub files: Vec<&'a Skipped>,
}

/// Reasons, the most frequent first. As text: `3 × damaged, 1 × empty file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally<'a>(pub Vec<Reason<'a>>);

/// Sorts files by reason.
pub fn tally(files: &[Skipped]) -> Tally<'_> {
    let mut reasons: Vec<Reason<'_>> = Vec::new();
    let mut places = HashMap::new();
    for file in files {
        let kind = file.reason.kind();
        let place = *places.entry(kind.clone()).or_insert_with(|| {
            reasons.push(Reason { kind: kind.into_owned(), files: Vec::new() });
            reasons.len() - 1
        });
        reasons[place].files.push(file);
    }
    // Of equal counts the order stays.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.files.len()));
    Tally(reasons)
}

impl fmt::Display for Tally<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Reason { kind, files }) in self.0.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{} × {kind}", files.len())?;
        }
        Ok(())
    }
}
