//! Memory that a dropped tensor leaves for the next one: a training step allocates nothing new.

use super::memory::Memory;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Free memory by size in words.
#[derive(Default)]
pub(crate) struct Pool {
    free: RefCell<BTreeMap<usize, Vec<Memory>>>,
    total_words: Cell<u64>,
    /// Those that were asked for and not given back.
    live_words: Cell<u64>,
}

impl Pool {
    /// The smallest free memory of at least `words`, but not one that would waste more than half.
    ///
    /// On a GPU it may still be used by recorded commands; those run before whatever comes next.
    pub fn take(&self, words: usize) -> Option<Memory> {
        let mut free = self.free.borrow_mut();
        let (&size, list) = free.range_mut(words..=words * 2).next()?;
        let memory = list.pop();
        if list.is_empty() {
            free.remove(&size);
        }
        memory
    }

    /// Keeps the memory of a tensor of `words` words, which is no more.
    pub fn put(&self, memory: Memory, words: usize) {
        self.live_words.set(self.live_words.get() - words as u64);
        self.free.borrow_mut().entry(memory.words()).or_default().push(memory);
    }

    /// Counts memory that was not there before.
    pub fn count_new(&self, words: usize) {
        self.total_words.set(self.total_words.get() + words as u64);
    }

    /// Counts memory that a tensor of `words` words uses from now on.
    pub fn count_live(&self, words: usize) {
        self.live_words.set(self.live_words.get() + words as u64);
    }

    pub fn live_bytes(&self) -> u64 {
        self.live_words.get() * 4
    }

    /// Memory is never given back before the device goes, so the total is the peak.
    pub fn peak_bytes(&self) -> u64 {
        self.total_words.get() * 4
    }
}
