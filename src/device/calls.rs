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
}

/// Collects the calls that are made for one layer, on the CPU device.
#[derive(Default)]
pub struct Calls(RefCell<Option<OfLayer>>);

struct OfLayer {
    scope: Arc<str>,
    calls: Vec<RecordedCall>,
}

impl Calls {
    /// Collects the calls for this layer from now on.
    pub fn start(&self, scope: &str) {
        self.0.replace(Some(OfLayer { scope: scope.into(), calls: Vec::new() }));
    }

    pub(crate) fn are_recorded(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Adds a call that is made for `scope`, if that is wanted.
    pub(crate) fn add(&self, scope: &str, call: impl FnOnce() -> RecordedCall) {
        if let Some(layer) = &mut *self.0.borrow_mut()
            && *layer.scope == *scope
        {
            layer.calls.push(call());
        }
    }

    /// What was collected; nothing is from now on.
    pub fn stop(&self) -> Vec<RecordedCall> {
        self.0.take().map_or_else(Vec::new, |layer| layer.calls)
    }
}
