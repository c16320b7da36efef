//! Which rung a device takes for a kernel: one that was asked for, one that was tuned, else a default.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// Rungs by kernel and sizes, a text that `Kernel::key` makes.
pub type RungTable = BTreeMap<String, String>;

/// What was asked for, tuned and chosen.
#[derive(Default)]
pub(crate) struct Rungs {
    /// By op.
    forced: RefCell<BTreeMap<String, String>>,
    tuned: RefCell<RungTable>,
    chosen: RefCell<RungTable>,
    fingerprints: RefCell<HashMap<&'static str, String>>,
    /// Texts in the place of shaders, by op and rung.
    texts: RefCell<BTreeMap<String, String>>,
}

impl Rungs {
    pub fn force(&self, op: &str, rung: &str) {
        self.forced.borrow_mut().insert(op.to_string(), rung.to_string());
    }

    pub fn forced(&self, op: &str) -> Option<String> {
        self.forced.borrow().get(op).cloned()
    }

    /// Takes `text` in the place of a rung's shader from now on, or the shader again: for a text that the microscope's lab
    /// found right.
    pub fn replace(&self, op: &str, rung: &str, text: Option<&str>) {
        let (mut texts, file) = (self.texts.borrow_mut(), format!("{op}.{rung}"));
        match text {
            Some(text) => texts.insert(file, text.to_string()),
            None => texts.remove(&file),
        };
    }

    /// What is taken in the place of a rung's shader.
    pub fn replacement(&self, file: &str) -> Option<String> {
        self.texts.borrow().get(file).cloned()
    }

    pub fn set_tuned(&self, table: RungTable) {
        self.chosen.take();
        self.tuned.borrow_mut().extend(table);
    }

    pub fn tuned(&self, key: &str) -> Option<String> {
        self.tuned.borrow().get(key).cloned()
    }

    /// Remembers what was taken: for the run's record, and for the next time.
    pub fn note(&self, key: String, rung: &str) {
        let mut chosen = self.chosen.borrow_mut();
        if chosen.get(&key).is_none_or(|noted| noted != rung) {
            chosen.insert(key, rung.to_string());
        }
    }

    pub fn noted(&self, key: &str) -> Option<String> {
        self.chosen.borrow().get(key).cloned()
    }

    /// How many of the kernels that ran are not in the tuned table; `None` where there is no table.
    pub fn untuned(&self) -> Option<usize> {
        let (tuned, chosen) = (self.tuned.borrow(), self.chosen.borrow());
        let count = chosen.keys().filter(|key| !tuned.contains_key(*key)).count();
        (!tuned.is_empty()).then_some(count)
    }

    pub fn chosen(&self) -> RungTable {
        self.chosen.borrow().clone()
    }

    /// The fingerprint of `kernel`, made the first time: hashing its shaders takes longer than dispatching one.
    pub fn fingerprint(&self, kernel: &'static str, make: impl FnOnce() -> String) -> String {
        self.fingerprints.borrow_mut().entry(kernel).or_insert_with(make).clone()
    }
}
