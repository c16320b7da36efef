//! Seeded chance, and noise over the plane.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::geometry::{Vec2, mix, smoothstep};

/// Random choices of one picture.
pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(seed))
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        mix(low, high, self.0.random())
    }

    pub fn chance(&mut self, probability: f32) -> bool {
        self.between(0.0, 1.0) < probability
    }

    pub fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.random_range(0..choices.len())]
    }

    pub fn noise(&mut self) -> Noise {
        Noise(self.0.random())
    }
}

/// Smooth noise over the plane: random heights at whole coordinates, blended between them.
#[derive(Clone, Copy)]
pub struct Noise(u32);

impl Noise {
    /// The noise at `point`, 0 to 1; it varies over distances of about 1.
    pub fn at(&self, point: Vec2) -> f32 {
        let (left, top) = (point.x.floor(), point.y.floor());
        let (column, row) = (left as i32, top as i32);
        let right_share = smoothstep(0.0, 1.0, point.x - left);
        let lower_share = smoothstep(0.0, 1.0, point.y - top);
        let upper = mix(self.height(column, row), self.height(column + 1, row), right_share);
        let lower = mix(self.height(column, row + 1), self.height(column + 1, row + 1), right_share);
        mix(upper, lower, lower_share)
    }

    /// The random height at a lattice point, by mixing its bits (the multipliers are those of the 32-bit
    /// finalizer of MurmurHash3).
    fn height(&self, column: i32, row: i32) -> f32 {
        let mut bits =
            self.0 ^ (column as u32).wrapping_mul(0x9e37_79b9) ^ (row as u32).wrapping_mul(0x7f4a_7c15);
        bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
        bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
        bits ^= bits >> 16;
        (bits >> 8) as f32 / (1 << 24) as f32
    }
}
