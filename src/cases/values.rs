//! The values of buffers, and how they are drawn.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The values of a buffer.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Float(Vec<f64>),
    Uint(Vec<u32>),
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Values::Float(values) => values.len(),
            Values::Uint(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What kind of numbers to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Whole numbers from -4 to 4: index errors show as exact mismatches.
    Integers,
    /// Uniform in [-1, 1), at least 0.01 away from 0, where ReLU has its kink.
    Random,
}

/// Random numbers of one style; equal seeds give equal numbers.
pub struct Random {
    pub style: Style,
    pub rng: ChaCha8Rng,
}

impl Random {
    pub fn new(style: Style, seed: u64) -> Random {
        Random { style, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// A number of the style.
    pub fn number(&mut self) -> f64 {
        match self.style {
            Style::Integers => f64::from(self.rng.random_range(-4i32..=4)),
            Style::Random => {
                let magnitude = f64::from(self.rng.random_range(0.01f32..1.0));
                if self.rng.random() { magnitude } else { -magnitude }
            }
        }
    }

    /// A whole number below `end`.
    pub fn below(&mut self, end: u32) -> u32 {
        self.rng.random_range(0..end)
    }

    /// Any word.
    pub fn word(&mut self) -> u32 {
        self.rng.random()
    }
}
