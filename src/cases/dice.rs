//! Dice that draw the sizes of a call: awkward ones more often than others.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Draws sizes, and keeps what was drawn: a case that fails is made again with smaller ones.
pub struct Dice {
    rng: ChaCha8Rng,
    edges: Vec<u32>,
    /// What each throw showed, counted from its least.
    thrown: Vec<u32>,
    /// What the throws show instead of chance; where it ends, their least.
    given: Option<Vec<u32>>,
}

const PRIMES: [u32; 18] = [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 43, 53, 61, 67, 97, 131, 257];

impl Dice {
    /// `edges` are sizes whose neighbours are awkward too, such as tiles.
    pub fn new(seed: u64, edges: &[u32]) -> Dice {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Dice { rng, edges: edges.to_vec(), thrown: Vec::new(), given: None }
    }

    /// Dice that show `thrown` again, as far as that is possible.
    pub fn again(thrown: &[u32]) -> Dice {
        Dice { given: Some(thrown.to_vec()), ..Dice::new(0, &[]) }
    }

    /// What each throw showed, counted from its least: smaller is simpler.
    pub fn thrown(&self) -> &[u32] {
        &self.thrown
    }

    /// A size from 1 to `most`: one, a few, a prime, next to an edge, or any.
    pub fn size(&mut self, most: u32) -> u32 {
        let size = self.any_size(most);
        self.show(size, 1, most)
    }

    /// Sizes, each from 1 to its `most`. Often some are alike, or differ by one: two that were exchanged go unnoticed, and
    /// bounds coincide.
    pub fn sizes<const N: usize>(&mut self, most: [u32; N]) -> [u32; N] {
        let mut sizes = most.map(|most| self.any_size(most));
        let (one, other) = (self.rng.random_range(0..N), self.rng.random_range(0..N));
        match self.rng.random_range(0..6) {
            0 => sizes = sizes.map(|_| sizes[one]),
            1 => sizes = sizes.map(|_| sizes[one] + self.rng.random_range(0..2)),
            2 => sizes[other] = sizes[one],
            3 => sizes[other] = sizes[one] + 1,
            _ => {}
        }
        std::array::from_fn(|i| self.show(sizes[i].min(most[i]), 1, most[i]))
    }

    /// A number from 0 to `most`.
    pub fn up_to(&mut self, most: u32) -> u32 {
        let number = self.rng.random_range(0..=most);
        self.show(number, 0, most)
    }

    /// One of `values`, of which the first is the simplest.
    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.up_to(values.len() as u32 - 1) as usize]
    }

    fn any_size(&mut self, most: u32) -> u32 {
        let size = match self.rng.random_range(0..8) {
            0..3 => self.rng.random_range(1..=4),
            3 => PRIMES[self.rng.random_range(0..PRIMES.len())],
            4 | 5 if !self.edges.is_empty() => {
                let edge = self.edges[self.rng.random_range(0..self.edges.len())];
                (edge + self.rng.random_range(0..3)).saturating_sub(1).max(1)
            }
            _ => self.rng.random_range(1..=most),
        };
        if size <= most { size } else { self.rng.random_range(1..=most) }
    }

    /// What this throw shows: chance's number, unless another is given.
    fn show(&mut self, chance: u32, least: u32, most: u32) -> u32 {
        let shown = match &self.given {
            Some(given) => least + given.get(self.thrown.len()).map_or(0, |&above| above.min(most - least)),
            None => chance,
        };
        self.thrown.push(shown - least);
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn throws_are_shown_again() {
        for seed in 0..100 {
            let throw = |mut dice: Dice| {
                let sizes = dice.sizes([1, 9, 300]);
                (sizes, dice.size(40), dice.up_to(3), dice.one_of(&['a', 'b']), dice.thrown().to_vec())
            };
            let thrown = throw(Dice::new(seed, &[8, 64]));
            let ([one, few, many], size, number, ..) = thrown.clone();
            assert!(one == 1 && (1..=9).contains(&few) && (1..=300).contains(&many), "{thrown:?}");
            assert!((1..=40).contains(&size) && number <= 3, "{thrown:?}");
            assert_eq!(throw(Dice::again(&thrown.4)), thrown);
        }
        let mut least = Dice::again(&[]);
        assert_eq!((least.size(9), least.up_to(9)), (1, 0));
    }
}
