//! Things that pages know by number; the oldest are forgotten.

use std::collections::VecDeque;
use std::sync::Mutex;

/// The last few of what was added.
pub struct Recent<T> {
    most: usize,
    /// Bytes that all of them may take, and how many one takes.
    most_bytes: usize,
    bytes: fn(&T) -> usize,
    kept: Mutex<Kept<T>>,
}

struct Kept<T> {
    next: u64,
    things: VecDeque<(u64, T)>,
}

impl<T: Clone> Recent<T> {
    pub fn new(most: usize, most_bytes: usize, bytes: fn(&T) -> usize) -> Recent<T> {
        Recent { most, most_bytes, bytes, kept: Mutex::new(Kept { next: 1, things: VecDeque::new() }) }
    }

    /// Its number.
    pub fn add(&self, thing: T) -> u64 {
        let mut kept = self.kept.lock().unwrap();
        let id = kept.next;
        kept.next += 1;
        kept.things.push_back((id, thing));
        let bytes = |kept: &Kept<T>| kept.things.iter().map(|(_, thing)| (self.bytes)(thing)).sum::<usize>();
        // The newest stays, however large.
        while kept.things.len() > self.most || (kept.things.len() > 1 && bytes(&kept) > self.most_bytes) {
            kept.things.pop_front();
        }
        id
    }

    /// The number of the first that `is_it`.
    pub fn find(&self, is_it: impl Fn(&T) -> bool) -> Option<u64> {
        let kept = self.kept.lock().unwrap();
        kept.things.iter().find(|(_, thing)| is_it(thing)).map(|(id, _)| *id)
    }

    /// All of them.
    pub fn all(&self) -> Vec<T> {
        self.kept.lock().unwrap().things.iter().map(|(_, thing)| thing.clone()).collect()
    }

    pub fn get(&self, id: u64) -> Option<T> {
        let kept = self.kept.lock().unwrap();
        kept.things.iter().find(|(known, _)| *known == id).map(|(_, thing)| thing.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn the_oldest_are_forgotten_by_count_and_by_size() {
        let recent = Recent::new(3, 10, |text: &String| text.len());
        let ids = ["a", "b", "c", "d"].map(|text| recent.add(text.to_string()));
        assert_eq!(ids, [1, 2, 3, 4]);
        assert_eq!(recent.get(1), None);
        assert_eq!(recent.get(2).as_deref(), Some("b"));
        recent.add("x".repeat(9));
        assert_eq!(recent.get(3), None, "three of them, but too large");
        assert_eq!(recent.get(4).as_deref(), Some("d"));
    }
}
