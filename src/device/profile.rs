//! How long each kernel took: clocks on the CPU, the device's own timestamps on a GPU.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use web_time::Instant;

/// One pass of one kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub label: Label,
    /// Seconds since profiling began. A GPU has a clock of its own: so far as is known, and never before
    /// the pass was submitted.
    pub start: f64,
    pub seconds: f64,
}

/// What ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// The layer, or the part of the step, that it ran for.
    pub scope: Arc<str>,
    /// Such as `conv2d.backward_w`.
    pub kernel: &'static str,
    pub rung: &'static str,
    /// The entry point; on the CPU the kernel's name.
    pub pass: &'static str,
    /// The pass's part of the kernel's floating-point operations, if all its passes did the same; 0 where moving bytes is what takes the time.
    pub flop: f64,
    /// Bytes of the buffers that it uses, each once.
    pub bytes: f64,
    /// Values that the kernel's outputs hold, whichever pass writes them.
    pub outputs: usize,
    /// Groups of threads that were dispatched; `None` on the CPU.
    pub groups: Option<[u32; 3]>,
}

/// Collects spans while kernels run.
pub(super) struct Profile {
    opened: Instant,
    /// What is added to the seconds of the device's own clock, as far as is known.
    offset: Cell<Option<f64>>,
    spans: RefCell<Vec<Span>>,
}

impl Profile {
    pub fn new() -> Profile {
        Profile { opened: Instant::now(), offset: Cell::new(None), spans: RefCell::default() }
    }

    /// Runs `work` and records how long it took.
    pub fn measure<R>(&self, label: Label, work: impl FnOnce() -> R) -> R {
        let start = self.opened.elapsed().as_secs_f64();
        let result = work();
        let seconds = self.opened.elapsed().as_secs_f64() - start;
        self.spans.borrow_mut().push(Span { label, start, seconds });
        result
    }

    /// Records a pass that ran from `start` to `end`, in seconds on the device's own clock, and was submitted then.
    pub fn add(&self, label: Label, start: f64, end: f64, submitted: Instant) {
        // No pass begins before it is submitted: the pass that waited least says most of how the clocks differ.
        let least = submitted.saturating_duration_since(self.opened).as_secs_f64() - start;
        let offset = self.offset.get().map_or(least, |offset| offset.max(least));
        self.offset.set(Some(offset));
        self.spans.borrow_mut().push(Span { label, start: start + offset, seconds: end - start });
    }

    pub fn take(&self) -> Vec<Span> {
        self.spans.take()
    }
}
