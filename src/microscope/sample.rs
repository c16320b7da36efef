//! Which part of a pass is run to count it.
//!
//! Where a group lies decides what it does: at the border of a picture, a window has less to read. Taking every 128th group
//! would see the same place of every picture and no other. So what is taken here falls into all parts of the grid, and
//! everywhere in a part, until the counts hardly move any more.

use super::instruction::Op;
use super::job::Pass;
use super::program::Space;
use std::collections::HashSet;
use std::ops::Range;

/// How much of each pass is run.
#[derive(Debug, Clone, Copy)]
pub enum Sample<'a> {
    /// Every group.
    All,
    /// Until the counts are known well, or have taken as long as they are worth.
    Enough,
    /// As many threads as an earlier sample ran of each pass: the same ones, where the passes have the same grids and units.
    As(&'a [u64]),
}

/// Units that are run at least.
const LEAST: u64 = 4;
/// With fewer, that all were alike says nothing of the others.
pub(super) const TELLING: u64 = 256;
/// Instructions of a pass's threads that its counts are worth: about a second's.
const WORTH: u64 = 1 << 27;
/// A standard error that is small enough, as a share of the count.
const SMALL: f64 = 0.0025;

/// The units of a pass, in the order in which they are run. A unit is a group; or a subgroup, where the threads of a group
/// do not wait for each other and share no memory: of these more can be seen in the same time.
pub(super) struct Units {
    /// How many there are.
    pub of: u64,
    /// Subgroups of a group that are run by themselves; 1 where a unit is a group.
    pub per_group: u64,
    subgroup: usize,
    is_scattered: bool,
    taken: HashSet<u64>,
    /// The next number of the sequence, and of those that are taken in a row.
    next: u32,
    in_a_row: u64,
}

impl Units {
    pub fn new(pass: &Pass, subgroup: u32, sample: Sample) -> Units {
        let program = &pass.program;
        let is_scattered = !matches!(sample, Sample::All);
        let is_together = program.code.iter().any(|i| i.op == Op::Barrier)
            || program.globals.iter().any(|global| global.space == Space::Workgroup);
        let per_group = match is_scattered && !is_together {
            true => (program.threads() as u64).div_ceil(u64::from(subgroup)),
            false => 1,
        };
        let of = pass.len() * per_group;
        let subgroup = subgroup as usize;
        Units { of, per_group, subgroup, is_scattered, taken: HashSet::new(), next: 0, in_a_row: 0 }
    }

    /// Whether those that were run are enough: these have so many threads, took so many instructions, and have this error.
    pub fn are_enough(&self, pass: usize, sample: Sample, threads: u64, (steps, error): (u64, f64)) -> bool {
        let run = self.taken.len() as u64;
        match sample {
            Sample::All => false,
            Sample::As(wanted) => wanted.get(pass).is_some_and(|&wanted| threads >= wanted),
            Sample::Enough => run >= LEAST && (steps >= WORTH || run >= TELLING && error <= SMALL),
        }
    }

    /// The threads of a unit, by their numbers in their group of `threads`.
    pub fn threads(&self, unit: u64, threads: usize) -> Range<usize> {
        if self.per_group == 1 {
            return 0..threads;
        }
        let first = (unit % self.per_group) as usize * self.subgroup;
        first..threads.min(first + self.subgroup)
    }

    pub fn run(&self) -> u64 {
        self.taken.len() as u64
    }
}

impl Iterator for Units {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let run = self.taken.len() as u64;
        if run == self.of {
            return None;
        }
        // Behind the half, what is drawn is nearly always taken: then the rest is run in a row.
        if self.is_scattered && 2 * run < self.of {
            loop {
                let unit = (u64::from(scattered(self.next)) * self.of) >> 32;
                self.next = self.next.wrapping_add(1);
                if self.taken.insert(unit) {
                    return Some(unit);
                }
            }
        }
        while !self.taken.insert(self.in_a_row) {
            self.in_a_row += 1;
        }
        Some(self.in_a_row)
    }
}

/// Parts of the grid, as a power of two: in which part a unit lies, and where in it, are spread by themselves.
const PARTS: u32 = 8;

/// Number `i` of a sequence that fills 0 to 2^32 evenly, and every part of it. These are the first two dimensions of Sobol's
/// sequence, scrambled: of 256 numbers in a row, each of 256 parts has one, and so has each 256th of a part.
fn scattered(i: u32) -> u32 {
    // What Pascal's triangle has odd: the second dimension, its bits in reverse.
    let second = (0..32)
        .filter(|bit| i >> bit & 1 == 1)
        .fold(0, |sum, bit| sum ^ (0..=bit).filter(|k| k & !bit == 0).fold(0_u32, |row, k| row | 1 << k));
    let [part, place] = [scrambled(i, 0x9e37_79b9), scrambled(second, 0x7f4a_7c15)];
    part >> (32 - PARTS) << (32 - PARTS) | place >> PARTS
}

/// The bits in reverse, each turned or not by a hash of those that are then above it: a number falls into the same gap between
/// others, but anywhere in it (Owen's scrambling, with the hash of Laine and Karras as improved by Vegdahl).
fn scrambled(i: u32, seed: u32) -> u32 {
    let mut x = i;
    x ^= x.wrapping_mul(0x3d20_adea);
    x = x.wrapping_add(seed);
    x = x.wrapping_mul(seed >> 16 | 1);
    x ^= x.wrapping_mul(0x0552_6c56);
    x ^= x.wrapping_mul(0x53a2_2864);
    x.reverse_bits()
}

/// How far counts of units lie apart.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread {
    units: f64,
    last: [f64; 5],
    squares: [f64; 5],
}

impl Spread {
    /// After one more unit, with the counts of all together.
    pub fn add(&mut self, all: [f64; 5]) {
        self.units += 1.0;
        for ((square, last), all) in self.squares.iter_mut().zip(&mut self.last).zip(all) {
            *square += (all - *last).powi(2);
            *last = all;
        }
    }

    /// The standard error of the least known count, as a share of it, of a sample of `of` units. Units were not drawn at
    /// random but spread, so it is rather less.
    pub fn error(&self, of: u64) -> f64 {
        let (n, of) = (self.units, of as f64);
        if n < 2.0 || n >= of {
            return if n >= of { 0.0 } else { 1.0 };
        }
        let relative = |(sum, square): (&f64, &f64)| {
            let variance = ((square - sum * sum / n) / (n - 1.0)).max(0.0);
            if *sum > 0.0 { (variance / n * (1.0 - n / of)).sqrt() / (sum / n) } else { 0.0 }
        };
        self.last.iter().zip(&self.squares).map(relative).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::{Spread, scattered};

    #[test]
    fn numbers_fill_the_gaps() {
        // The part, and the place in it.
        for shift in [24, 16] {
            let mut seen = [false; 256];
            for i in 0..256 {
                let part = &mut seen[(scattered(i) >> shift & 255) as usize];
                assert!(!*part, "number {i}, bits from {shift}");
                *part = true;
            }
        }
    }

    /// How many fall onto the border of something that repeats, whatever its period.
    #[test]
    fn no_period_is_met_at_one_place() {
        let of = 1_u64 << 20;
        for period in [16, 37, 100, 128, 144, 610, 987, 1024, 4096] {
            // Of so many drawn at random, the share would be known to half a hundredth.
            let border = (0..4096).filter(|&i| {
                let unit = (u64::from(scattered(i)) * of) >> 32;
                unit % period < period / 8
            });
            let (share, true_share) = (border.count() as f64 / 4096.0, (period / 8) as f64 / period as f64);
            assert!((share - true_share).abs() < 0.015, "period {period}: {share}, not {true_share}");
        }
    }

    #[test]
    fn an_error_is_that_of_the_mean() {
        let mut spread = Spread::default();
        for (i, count) in [10.0, 30.0, 10.0, 30.0].into_iter().enumerate() {
            let all = spread.last[0] + count;
            spread.add([all, 5.0 * (i as f64 + 1.0), 0.0, 0.0, 0.0]);
        }
        // The deviation is 11.5, so the mean of four is known to 5.8 of 20; half of what 4 of 5 leave open.
        assert!((spread.error(1 << 40) - 0.2887).abs() < 1e-3, "{}", spread.error(1 << 40));
        assert!((spread.error(5) / spread.error(1 << 40) - 0.2_f64.sqrt()).abs() < 1e-9);
        assert_eq!(spread.error(4), 0.0);
    }
}
