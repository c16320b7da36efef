//! What is wrong with a setting.

/// A setting that makes no sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The field's name.
    pub field: &'static str,
    /// What follows the name in a sentence: `0 makes no sense: use 1 or more`.
    pub message: String,
}
