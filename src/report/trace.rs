//! A run as a file for <https://ui.perfetto.dev> and `chrome://tracing`: when it loaded, trained and validated, and which kernel
//! ran when.

use crate::device::{Label, Span};
use crate::error::shown_path;
use crate::train::{EpochRecord, StepRecord};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Most kernels of a trace: some thousands of steps would make a file that no viewer opens. Steps and epochs go on.
const TRACED: usize = 20_000;

/// What the program does, by its own clock: loading, epochs, their steps, validation.
const PROGRAM: u32 = 1;
/// What the device does, by its clock: forward, backward, Adam, and their kernels.
const DEVICE: u32 = 2;

/// "Complete" events of the Trace Event Format; times are in microseconds since [`Timeline::new`].
#[derive(Serialize)]
struct Event {
    name: String,
    cat: &'static str,
    ph: &'static str,
    ts: f64,
    dur: f64,
    pid: u32,
    tid: u32,
    args: Value,
}

/// Collects what happens from now on.
pub struct Timeline {
    began: Instant,
    /// Pictures are loaded by threads.
    events: Arc<Mutex<Vec<Event>>>,
    kernels: usize,
    /// When the epoch began, in seconds.
    epoch: f64,
    /// When the last step, or what comes before the first, ended.
    last: f64,
}

/// Ends a span as it is dropped.
pub struct Loading {
    began: Instant,
    start: f64,
    name: String,
    pictures: usize,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Drop for Loading {
    fn drop(&mut self) {
        let times = (self.start, self.began.elapsed().as_secs_f64());
        let event = event(PROGRAM, "loading", &self.name, times, json!({"pictures": self.pictures}));
        self.events.lock().unwrap().push(event);
    }
}

impl Timeline {
    /// Begins now, which is when the device's profile should begin too.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Timeline {
        Timeline { began: Instant::now(), events: Arc::default(), kernels: 0, epoch: 0.0, last: 0.0 }
    }

    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn add(&self, track: u32, category: &'static str, name: &str, times: (f64, f64), args: Value) {
        self.events.lock().unwrap().push(event(track, category, name, times, args));
    }

    /// The pictures of a folder are being decoded, until the result is dropped.
    pub fn loading(&self, dir: &Path, pictures: usize) -> Loading {
        let (name, events) = (format!("loading {}", shown_path(dir)), self.events.clone());
        Loading { began: self.began, start: self.now(), name, pictures, events }
    }

    pub fn epoch_starts(&mut self) {
        self.epoch = self.now();
        self.last = self.epoch;
    }

    /// A step that ended now, and its kernels.
    pub fn step(&mut self, step: &StepRecord, spans: &[Span]) {
        let end = self.now();
        let start = (end - step.seconds).max(self.last);
        self.last = end;
        let flop: f64 = spans.iter().map(|span| span.label.flop).sum();
        let args = json!({
            "loss": step.loss, "accuracy": step.accuracy, "images": step.images,
            "GFLOP/s": rate(flop, end - start),
        });
        self.add(PROGRAM, "step", &format!("step {}", step.step), (start, end), args);
        for part in spans.chunk_by(|one, next| part_of(&one.label) == part_of(&next.label)) {
            self.kernels(part_of(&part[0].label), part);
        }
    }

    /// An epoch that ended now, and the kernels since its last step: those of the validation.
    pub fn epoch_done(&mut self, epoch: &EpochRecord, spans: &[Span]) {
        if let Some(validation) = &epoch.validation {
            let args = json!({"loss": validation.loss, "accuracy": validation.accuracy});
            let (start, end) = times_of(spans).unwrap_or((self.last, self.last));
            self.add(PROGRAM, "validation", "validation", (start.max(self.last), end.min(self.now())), args);
        }
        self.kernels("validation", spans);
        let args =
            json!({"loss": epoch.loss, "accuracy": epoch.accuracy, "images/s": epoch.images_per_second});
        self.add(PROGRAM, "epoch", &format!("epoch {}", epoch.epoch + 1), (self.epoch, self.now()), args);
    }

    /// Kernels that ran one after the other, and the part of the training that they are.
    fn kernels(&mut self, part: &'static str, spans: &[Span]) {
        let Some(times) = times_of(spans) else { return };
        if self.kernels + spans.len() > TRACED {
            self.kernels = TRACED;
            return;
        }
        self.kernels += spans.len();
        let flop: f64 = spans.iter().map(|span| span.label.flop).sum();
        self.add(DEVICE, part, part, times, json!({"GFLOP/s": rate(flop, times.1 - times.0)}));
        for Span { label, start, seconds } in spans {
            let Label { scope, kernel, rung, pass, flop, bytes, .. } = label;
            let args = json!({
                "layer": **scope, "rung": rung, "pass": pass,
                "GFLOP/s": rate(*flop, *seconds), "GB/s": rate(*bytes, *seconds),
            });
            self.add(DEVICE, "kernel", &format!("{scope} {kernel}"), (*start, start + seconds), args);
        }
    }

    /// The file: what came first begins at 0, and what contains others comes before them.
    pub fn to_json(&self) -> String {
        let events = self.events.lock().unwrap();
        let first = events.iter().map(|event| event.ts).fold(f64::INFINITY, f64::min);
        let mut events: Vec<_> = events.iter().collect();
        let order = |one: &&Event, other: &&Event| {
            one.tid.cmp(&other.tid).then(one.ts.total_cmp(&other.ts)).then(other.dur.total_cmp(&one.dur))
        };
        events.sort_by(order);
        let names = [(PROGRAM, "training"), (DEVICE, "device")].map(|(tid, name)| {
            json!({"name": "thread_name", "ph": "M", "pid": 1, "tid": tid, "args": {"name": name}})
        });
        let all: Vec<_> = names
            .into_iter()
            .chain(events.into_iter().map(|event| {
                let mut event = json!(event);
                event["ts"] = json!(event["ts"].as_f64().unwrap_or_default() - first);
                event
            }))
            .collect();
        serde_json::to_string(&all).expect("events are plain data")
    }
}

/// `times` are seconds.
fn event(tid: u32, cat: &'static str, name: &str, times: (f64, f64), args: Value) -> Event {
    let (start, end) = times;
    Event {
        name: name.to_string(),
        cat,
        ph: "X",
        ts: start * 1e6,
        dur: (end - start).max(0.0) * 1e6,
        pid: 1,
        tid,
        args,
    }
}

/// The part of a training step that a kernel belongs to. Gradients are added up by the tape, and over micro-batches.
fn part_of(label: &Label) -> &'static str {
    if &*label.scope == "adam" {
        "Adam"
    } else if label.kernel.contains(".backward") || label.kernel == "add.accumulate" {
        "backward"
    } else {
        "forward"
    }
}

/// From the beginning of the first to the end of the last.
fn times_of(spans: &[Span]) -> Option<(f64, f64)> {
    let end = spans.iter().map(|span| span.start + span.seconds).reduce(f64::max)?;
    Some((spans[0].start, end))
}

/// Billions a second; `None` for nothing, or where the clock did not move.
fn rate(count: f64, seconds: f64) -> Option<f64> {
    (count > 0.0 && seconds > 0.0).then(|| count / seconds / 1e9)
}
