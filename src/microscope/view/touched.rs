//! Which cells of the variables were used, by whom, and when first.

use serde::Serialize;
use std::collections::HashMap;

/// Who used a cell.
const THREAD: usize = 0;
const SUBGROUP: usize = 1;
const GROUP: usize = 2;

/// When each cell was first used by the thread that is looked at, by its subgroup, and by its group. A group runs the same
/// way again, so that going back needs nothing but an earlier time.
#[derive(Debug, Default)]
pub(super) struct FirstUse(Vec<HashMap<u32, [u32; 3]>>);

/// Cells of a variable, as ranges of their numbers: first, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Touched {
    pub thread: Vec<(u32, u32)>,
    pub subgroup: Vec<(u32, u32)>,
    pub group: Vec<(u32, u32)>,
}

impl FirstUse {
    pub fn new(globals: usize) -> FirstUse {
        FirstUse(vec![HashMap::new(); globals])
    }

    /// Bytes that it takes, about: a table is never full.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|cells| 2 * size_of::<(u32, [u32; 3])>() * cells.len()).sum()
    }

    pub fn note(&mut self, global: usize, cell: u32, time: u32, is_thread: bool, is_subgroup: bool) {
        let first = self.0[global].entry(cell).or_insert([u32::MAX; 3]);
        first[GROUP] = first[GROUP].min(time);
        if is_subgroup {
            first[SUBGROUP] = first[SUBGROUP].min(time);
        }
        if is_thread {
            first[THREAD] = first[THREAD].min(time);
        }
    }

    /// What of a variable was used before `time`.
    pub fn before(&self, global: usize, time: u32) -> Touched {
        let ranges = |who: usize| {
            let used = self.0[global].iter().filter(|(_, first)| first[who] < time);
            let mut cells: Vec<u32> = used.map(|(cell, _)| *cell).collect();
            cells.sort_unstable();
            let mut ranges: Vec<(u32, u32)> = Vec::new();
            for cell in cells {
                match ranges.last_mut() {
                    Some((first, n)) if *first + *n == cell => *n += 1,
                    _ => ranges.push((cell, 1)),
                }
            }
            ranges
        };
        Touched { thread: ranges(THREAD), subgroup: ranges(SUBGROUP), group: ranges(GROUP) }
    }
}
