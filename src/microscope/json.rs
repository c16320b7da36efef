//! Numbers for programs.

use serde::Serializer;

/// JSON has no name for what is not finite: then it is a word, `NaN`, `inf` or `-inf`.
pub fn float<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    match value.is_finite() {
        true => serializer.serialize_f32(*value),
        false => serializer.serialize_str(&value.to_string()),
    }
}

/// The same of an f64.
pub fn double<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match value.is_finite() {
        true => serializer.serialize_f64(*value),
        false => serializer.serialize_str(&value.to_string()),
    }
}
