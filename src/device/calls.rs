//! What kernels were called with, for those who run a call once more elsewhere.

use std::cell::RefCell;
use std::sync::Arc;

/// A call of a kernel on the CPU device, with all that it saw.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedCall {
    /// Such as `conv2d.backward_w`.
    pub kernel: &'static str,
    /// Its sizes as words, in the order of the fields of its `Params`.
    pub params: Vec<u32>,
    /// The words of every input, in the order of the kernel's buffers.
    pub inputs: Vec<Vec<u32>>,
    /// The same of every output before the call.
    pub outputs: Vec<Vec<u32>>,
    /// Where the inputs lie, and behind them the outputs.
    pub places: Vec<Place>,
}

/// Where a tensor lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The number of its memory: no two have the same, also where one was freed before the other was made.
    pub memory: u64,
    /// Values of that memory before its first.
    pub offset: usize,
}

/// Collects the calls that are made for one layer, or shows all of them, on the CPU device.
#[derive(Default)]
pub struct Calls(RefCell<Option<Listener>>);

enum Listener {
    OfLayer { scope: Arc<str>, calls: Vec<RecordedCall> },
    All(Box<dyn FnMut(RecordedCall)>),
}

impl Calls {
    /// Collects the calls for this layer from now on.
    pub fn start(&self, scope: &str) {
        self.0.replace(Some(Listener::OfLayer { scope: scope.into(), calls: Vec::new() }));
    }

    /// Shows every call before it is computed, from now on.
    pub fn follow(&self, each: impl FnMut(RecordedCall) + 'static) {
        self.0.replace(Some(Listener::All(Box::new(each))));
    }

    pub(crate) fn are_recorded(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Adds a call that is made for `scope`, if that is wanted.
    pub(crate) fn add(&self, scope: &str, call: impl FnOnce() -> RecordedCall) {
        match &mut *self.0.borrow_mut() {
            Some(Listener::OfLayer { scope: wanted, calls }) if **wanted == *scope => calls.push(call()),
            Some(Listener::All(each)) => each(call()),
            _ => {}
        }
    }

    /// What was collected for a layer; nothing is collected or shown from now on.
    pub fn stop(&self) -> Vec<RecordedCall> {
        match self.0.take() {
            Some(Listener::OfLayer { calls, .. }) => calls,
            _ => Vec::new(),
        }
    }
}
