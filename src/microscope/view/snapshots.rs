//! Moments of a run to go back to. The run is the same each time, so that a few of them are enough.

use super::note::Note;
use crate::microscope::counts::Counter;
use crate::microscope::thread::Paused;

/// How many are kept.
const MOST: usize = 64;
/// Words of all of them together.
const MOST_WORDS: usize = 16 << 20;

/// How far a run is.
#[derive(Debug, Clone, Default)]
pub(super) struct Moment {
    /// Lines that the thread has executed.
    pub step: usize,
    /// Instructions that the group has executed, together.
    pub time: u32,
    /// The line that was executed last, and what the thread did in it.
    pub line: u32,
    pub notes: Vec<Note>,
}

/// All that it takes to go on from a moment.
#[derive(Clone)]
pub(super) struct Snapshot {
    pub moment: Moment,
    pub paused: Paused,
    /// Workgroup memory, by the variable's number.
    pub shared: Vec<(usize, Vec<u32>)>,
    /// How many writes to storage were done.
    pub writes: usize,
    pub counter: Counter,
}

impl Snapshot {
    fn words(&self) -> usize {
        self.paused.words() + self.shared.iter().map(|(_, cells)| cells.len()).sum::<usize>()
    }
}

/// Snapshots at equal distances, which double where there would be too many.
pub(super) struct Snapshots {
    kept: Vec<Snapshot>,
    every: usize,
}

impl Snapshots {
    pub fn new() -> Snapshots {
        Snapshots { kept: Vec::new(), every: 16 }
    }

    /// Whether one is to be made in front of this step.
    pub fn is_due(&self, step: usize) -> bool {
        step.is_multiple_of(self.every)
    }

    /// Words of all that are kept.
    pub fn words(&self) -> usize {
        self.kept.iter().map(Snapshot::words).sum()
    }

    pub fn keep(&mut self, snapshot: Snapshot) {
        let words = snapshot.words();
        if self.kept.len() >= MOST.min(MOST_WORDS / words.max(1)).max(2) {
            self.every *= 2;
            let every = self.every;
            self.kept.retain(|snapshot| snapshot.moment.step.is_multiple_of(every));
        }
        if self.is_due(snapshot.moment.step) {
            self.kept.push(snapshot);
        }
    }

    /// The last one that is not behind a step.
    pub fn before(&self, step: usize) -> &Snapshot {
        let last = self.kept.iter().rev().find(|snapshot| snapshot.moment.step <= step);
        last.expect("the first is at the beginning")
    }
}
