//! How far a result may be from the reference.

use crate::kernel::Rounding;

/// How far a value may be from the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// Not at all: copies, masks, counts, and sums of small integers.
    Exact,
    /// `1.3e-6` of the value (PyTorch's tolerance for f32), or of the largest value of the buffer:
    /// for elementwise formulas of a few operations.
    Elementwise,
    /// The proven bound of a sum of `terms` products in any order, `gamma * sum |a||b|` with
    /// `gamma = terms * u / (1 - terms * u)` and u = 2^-24 (Higham, "Accuracy and Stability of
    /// Numerical Algorithms", section 3.1).
    Sum { terms: usize },
    /// As `Sum` on tensor cores, whose inputs are halves already: their products are exact, but a sum of several is
    /// aligned with the largest and cut off there, where each loses less than 2^-23 of it, and so does the result (Fasi,
    /// Higham, Mikaitis and Pranesh, "Numerical behavior of NVIDIA tensor cores", 2021). That is less than u = 2^-22
    /// for each term.
    CutSum { terms: usize },
}

impl Tolerance {
    /// Of a sum of so many products and a bias.
    pub fn sum(terms: u32) -> Tolerance {
        Tolerance::Sum { terms: terms as usize + 1 }
    }

    /// The same for a rung that rounds in this way.
    pub fn of(self, rounding: Rounding) -> Tolerance {
        match (self, rounding) {
            (Tolerance::Sum { terms }, Rounding::Halves) => Tolerance::CutSum { terms },
            _ => self,
        }
    }

    /// The largest allowed error of each value. `magnitude` is the same sum over absolute values.
    pub fn allowed(self, expected: &[f64], magnitude: &[f64]) -> Vec<f64> {
        match self {
            Tolerance::Exact => vec![0.0; expected.len()],
            Tolerance::Elementwise => {
                let largest = expected.iter().fold(0.0, |max: f64, v| max.max(v.abs()));
                expected.iter().map(|v| 1.3e-6 * v.abs() + 1e-7 * largest).collect()
            }
            Tolerance::Sum { terms } => of_sum(terms, f64::exp2(-24.0), magnitude),
            Tolerance::CutSum { terms } => of_sum(terms, f64::exp2(-22.0), magnitude),
        }
    }
}

fn of_sum(terms: usize, u: f64, magnitude: &[f64]) -> Vec<f64> {
    let gamma = terms as f64 * u;
    assert!(gamma < 0.5, "the bound needs fewer terms than {terms}");
    magnitude.iter().map(|m| gamma / (1.0 - gamma) * m).collect()
}
