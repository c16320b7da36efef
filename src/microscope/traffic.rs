//! How a subgroup's access is served: sectors of storage, turns of the banks of workgroup memory.

use serde::Serialize;

/// Bytes of a sector: what a GPU's memory moves at once.
const SECTOR: u32 = 32;
/// Banks of workgroup memory, and bytes of a bank's word.
const BANKS: usize = 32;
const WORD: u32 = 4;
/// Bytes that all banks give in one turn.
const TURN: u32 = BANKS as u32 * WORD;

/// What goes to storage, or comes from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// By threads; a vector is one.
    pub accesses: f64,
    /// By subgroups.
    pub instructions: f64,
    /// All threads' together.
    pub bytes: f64,
    /// Pieces of 32 bytes that a subgroup's instruction touches.
    pub sectors: f64,
    /// As few as there could be for the same bytes, those of several threads counted once.
    pub least_sectors: f64,
}

/// What goes to workgroup memory, or comes from there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Shared {
    pub accesses: f64,
    pub instructions: f64,
    pub bytes: f64,
    /// Turns that 32 banks of 4 bytes take.
    pub turns: f64,
    /// Turns without conflicts.
    pub least_turns: f64,
}

/// A thread, the first byte that it touches, and how many.
pub type Piece = (u32, u32, u32);

fn bytes_of(pieces: &[Piece]) -> f64 {
    pieces.iter().map(|(_, _, bytes)| f64::from(*bytes)).sum()
}

impl Traffic {
    /// So many times as much.
    pub fn scaled(self, factor: f64) -> Traffic {
        Traffic {
            accesses: self.accesses * factor,
            instructions: self.instructions * factor,
            bytes: self.bytes * factor,
            sectors: self.sectors * factor,
            least_sectors: self.least_sectors * factor,
        }
    }

    pub fn add(&mut self, threads: f64, pieces: &[Piece]) {
        let (touched, least) = sectors(pieces);
        self.accesses += threads;
        self.instructions += 1.0;
        self.bytes += bytes_of(pieces);
        self.sectors += touched as f64;
        self.least_sectors += least as f64;
    }
}

impl Shared {
    /// So many times as much.
    pub fn scaled(self, factor: f64) -> Shared {
        Shared {
            accesses: self.accesses * factor,
            instructions: self.instructions * factor,
            bytes: self.bytes * factor,
            turns: self.turns * factor,
            least_turns: self.least_turns * factor,
        }
    }

    pub fn add(&mut self, threads: f64, pieces: &[Piece], (turns, least): (u32, u32)) {
        self.accesses += threads;
        self.instructions += 1.0;
        self.bytes += bytes_of(pieces);
        self.turns += f64::from(turns);
        self.least_turns += f64::from(least);
    }

    /// How many times as long accesses take because of conflicts: 1 without any.
    pub fn conflict(&self) -> f64 {
        if self.least_turns > 0.0 { self.turns / self.least_turns } else { 1.0 }
    }
}

/// Sectors that an access touches, and how few there could be.
pub fn sectors(pieces: &[Piece]) -> (usize, usize) {
    let mut touched: Vec<u32> = Vec::new();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &(_, first, bytes) in pieces {
        touched.extend(first / SECTOR..=(first + bytes - 1) / SECTOR);
        ranges.push((first, first + bytes));
    }
    touched.sort_unstable();
    touched.dedup();
    ranges.sort_unstable();
    let (mut distinct, mut behind) = (0, 0);
    for (first, end) in ranges {
        distinct += end.max(behind) - first.max(behind);
        behind = behind.max(end);
    }
    (touched.len(), distinct.div_ceil(SECTOR) as usize)
}

/// Turns that an access takes, and how few there could be. It is served in parts, as NVIDIA documents: 32 threads at once
/// with words of 4 bytes, 16 with 8, 8 with 16. In each part, a bank gives one word a turn; threads that want the same
/// word get it together. `first` is the thread that is lane 0.
pub fn conflicts(pieces: &[Piece], first: u32) -> (u32, u32) {
    let largest = pieces.iter().map(|(_, _, bytes)| *bytes).max().unwrap_or(WORD);
    // Three words are no vector of a GPU: they are loaded one by one.
    let unit = match largest {
        0..=4 => 4,
        8 => 8,
        bytes if bytes % 16 == 0 => 16,
        _ => 4,
    };
    let per_part = TURN / unit;
    let (mut turns, mut least) = (0, 0);
    let steps = largest.div_ceil(unit);
    for step in 0..steps {
        let lanes = pieces.iter().map(|(thread, ..)| thread - first).max().map_or(0, |lane| lane + 1);
        for part in 0..lanes.div_ceil(per_part) {
            let mut words: [Vec<u32>; BANKS] = Default::default();
            let mut any = false;
            for &(thread, start, bytes) in pieces {
                let offset = step * unit;
                if (thread - first) / per_part != part || offset >= bytes {
                    continue;
                }
                any = true;
                let (from, end) = (start + offset, start + bytes.min(offset + unit));
                for word in from / WORD..end.div_ceil(WORD) {
                    let bank = &mut words[word as usize % BANKS];
                    if !bank.contains(&word) {
                        bank.push(word);
                    }
                }
            }
            if any {
                turns += words.iter().map(|words| words.len() as u32).max().unwrap_or(1).max(1);
                least += 1;
            }
        }
    }
    (turns, least)
}

/// Turns of atomic operations on workgroup memory, and how few there could be: each word takes one thread after the
/// other, and each bank one word.
pub fn atomics(pieces: &[Piece]) -> (u32, u32) {
    let mut turns = [0; BANKS];
    for (_, start, _) in pieces {
        turns[(start / WORD) as usize % BANKS] += 1;
    }
    let most = turns.into_iter().max().unwrap_or(0);
    (most, u32::from(most > 0))
}

#[cfg(test)]
mod tests {
    use super::{atomics, conflicts, sectors};

    /// 32 threads, each with `bytes` bytes, `apart` bytes apart.
    fn pieces(bytes: u32, apart: u32) -> Vec<(u32, u32, u32)> {
        (0..32).map(|thread| (thread, thread * apart, bytes)).collect()
    }

    #[test]
    fn sectors_are_counted_once() {
        assert_eq!(sectors(&pieces(4, 4)), (4, 4));
        assert_eq!(sectors(&pieces(4, 0)), (1, 1));
        assert_eq!(sectors(&pieces(4, 128)), (32, 4));
        assert_eq!(sectors(&pieces(16, 16)), (16, 16));
    }

    #[test]
    fn atomics_on_a_word_wait_for_each_other() {
        assert_eq!(atomics(&pieces(4, 4)), (1, 1), "neighbours");
        assert_eq!(atomics(&pieces(4, 0)), (32, 1), "all the same");
        assert_eq!(atomics(&pieces(4, 8)), (2, 1), "every second");
    }

    #[test]
    fn banks_give_one_word_a_turn() {
        assert_eq!(conflicts(&pieces(4, 4), 0), (1, 1), "neighbours");
        assert_eq!(conflicts(&pieces(4, 0), 0), (1, 1), "all the same");
        assert_eq!(conflicts(&pieces(4, 128), 0), (32, 1), "all in one bank");
        assert_eq!(conflicts(&pieces(4, 132), 0), (1, 1), "padded by a word");
        assert_eq!(conflicts(&pieces(4, 8), 0), (2, 1), "every second");
        assert_eq!(conflicts(&pieces(8, 8), 0), (2, 2), "pairs, in halves");
        assert_eq!(conflicts(&pieces(16, 16), 0), (4, 4), "fours, in quarters");
        assert_eq!(conflicts(&pieces(16, 128), 0), (32, 4), "fours, all in the same banks");
    }
}
