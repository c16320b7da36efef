//! Where the time of training steps goes: a table for people, and a trace for Perfetto and Chrome.

use super::trace::Timeline;
use crate::device::{Device, Label, Span};
use crate::error::Result;
use crate::model::Model;
use crate::train::{EpochRecord, Progress, StepRecord};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// Watches a run, and collects what its kernels took in every step but the first, in which pipelines are
/// compiled and memory is new. Validation does not count. The timeline has all of it.
pub struct Profiler<P> {
    device: Device,
    inner: P,
    spans: Vec<Span>,
    /// Steps that the spans belong to, and their wall time.
    steps: usize,
    seconds: f64,
    is_first: bool,
    timeline: Timeline,
}

impl<P: Progress> Profiler<P> {
    /// Starts timing on `device`; `inner` goes on watching.
    ///
    /// # Errors
    /// `Usage` on an adapter that has no timestamps.
    pub fn new(device: &Device, inner: P) -> Result<Profiler<P>> {
        device.start_profile()?;
        let (spans, device, timeline) = (Vec::new(), device.clone(), Timeline::new());
        Ok(Profiler { device, inner, spans, steps: 0, seconds: 0.0, is_first: true, timeline })
    }

    /// What ran since the last call; nothing after an error of the device, which ends the run by itself.
    fn take_spans(&self) -> Vec<Span> {
        pollster::block_on(self.device.take_spans()).unwrap_or_default()
    }

    /// What was found.
    pub fn finish(self) -> Profile {
        Profile { spans: self.spans, steps: self.steps, seconds: self.seconds, timeline: self.timeline }
    }
}

impl<P: Progress> Progress for Profiler<P> {
    fn message(&mut self, text: &str) {
        self.inner.message(text);
    }

    fn warning(&mut self, text: &str) {
        self.inner.warning(text);
    }

    fn detail(&mut self, text: &str) {
        self.inner.detail(text);
    }

    fn decoding(&mut self, dir: &Path, total: usize) -> Box<dyn Fn(usize) -> bool + Sync> {
        let (inner, span) = (self.inner.decoding(dir, total), self.timeline.loading(dir, total));
        Box::new(move |done| {
            // The span ends as this is dropped, when all are decoded.
            let _ = &span;
            inner(done)
        })
    }

    fn epoch_starts(&mut self, epoch: usize, epochs: usize, steps: usize) {
        self.timeline.epoch_starts();
        self.inner.epoch_starts(epoch, epochs, steps);
    }

    fn step_done(&mut self, step: &StepRecord) {
        let spans = self.take_spans();
        self.timeline.step(step, &spans);
        if !std::mem::take(&mut self.is_first) {
            self.spans.extend(spans);
            self.steps += 1;
            self.seconds += step.seconds;
        }
        self.inner.step_done(step);
    }

    fn epoch_done(&mut self, epoch: &EpochRecord, is_best: bool) {
        let spans = self.take_spans();
        self.timeline.epoch_done(epoch, &spans);
        self.inner.epoch_done(epoch, is_best);
    }

    fn between_steps(&mut self, model: &Model) -> Result<()> {
        self.inner.between_steps(model)
    }
}

/// What a profiled run found.
pub struct Profile {
    pub spans: Vec<Span>,
    /// Steps that the spans belong to.
    pub steps: usize,
    /// Their wall time.
    pub seconds: f64,
    /// The whole run.
    pub timeline: Timeline,
}

/// All calls of one kernel for one layer.
pub struct Line {
    pub layer: Arc<str>,
    pub kernel: &'static str,
    pub rung: &'static str,
    pub seconds: f64,
    pub flop: f64,
    pub bytes: f64,
    pub passes: usize,
    /// Of the pass that took longest.
    pub groups: Option<[u32; 3]>,
}

/// A line for each layer and kernel, the slowest first.
pub fn lines(spans: &[Span]) -> Vec<Line> {
    let mut lines: BTreeMap<_, (Line, f64)> = BTreeMap::new();
    for Span { label, seconds, .. } in spans {
        let Label { scope, kernel, rung, groups, .. } = label;
        let (line, longest) = lines.entry((scope, kernel, rung)).or_insert_with(|| {
            let (layer, groups) = (scope.clone(), *groups);
            (Line { layer, kernel, rung, seconds: 0.0, flop: 0.0, bytes: 0.0, passes: 0, groups }, 0.0)
        });
        line.seconds += seconds;
        line.flop += label.flop;
        line.bytes += label.bytes;
        line.passes += 1;
        if seconds > longest {
            (*longest, line.groups) = (*seconds, *groups);
        }
    }
    let mut lines: Vec<_> = lines.into_values().map(|(line, _)| line).collect();
    lines.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    lines
}

impl Profile {
    /// Time, share, GFLOP/s and GB/s per layer and kernel, the slowest first. The last column is the larger share of
    /// the device's measured peak: of `flops`, FLOP per second, or of `bandwidth`, bytes per second. Copies into
    /// textures are no passes: they count as time between kernels.
    pub fn table(&self, flops: f64, bandwidth: f64) -> String {
        if self.steps == 0 {
            return "There is nothing to report: the first step, which compiles, does not count, and there was no other."
                .to_string();
        }
        let steps = self.steps as f64;
        let mut text = format!(
            "{} steps of {:.1} ms. This device's peak: {:.1} GFLOP/s, and {:.1} GB/s copied.\n\n\
             {:<14} {:<30} {:<10} {:>6} {:>9} {:>7} {:>9} {:>7} {:>8}\n",
            self.steps,
            self.seconds / steps * 1e3,
            flops / 1e9,
            bandwidth / 1e9,
            "layer",
            "kernel",
            "rung",
            "passes",
            "ms/step",
            "share",
            "GFLOP/s",
            "GB/s",
            "of peak"
        );
        for line in lines(&self.spans) {
            let Line { layer, kernel, rung, .. } = &line;
            let (rate, moved) = (line.flop / line.seconds, line.bytes / line.seconds);
            let gflops = if line.flop > 0.0 { format!("{:.1}", rate / 1e9) } else { "-".to_string() };
            let _ = writeln!(
                text,
                "{layer:<14} {kernel:<30} {rung:<10} {:>6} {:>9.3} {:>5.1} % {gflops:>9} {:>7.1} {:>6.0} %",
                line.passes / self.steps,
                line.seconds / steps * 1e3,
                100.0 * line.seconds / self.seconds,
                moved / 1e9,
                100.0 * (rate / flops).max(moved / bandwidth)
            );
        }
        let rest = self.seconds - self.spans.iter().map(|span| span.seconds).sum::<f64>();
        let (rest, share) = (rest.max(0.0), 100.0 * rest.max(0.0) / self.seconds);
        let _ = writeln!(
            text,
            "{:<14} {:<30} {:<10} {:>6} {:>9.3} {share:>5.1} %",
            "",
            "between kernels",
            "",
            "",
            rest / steps * 1e3
        );
        text
    }
}
