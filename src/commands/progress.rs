//! What a run looks like in a terminal, and in a file when there is none.

use super::output::errln;
use crate::train::{EpochRecord, Progress, StepRecord};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::Path;

/// Whether stderr can show a line that changes. indicatif hides its bars elsewhere, so that plain lines
/// must be printed instead.
fn animated() -> bool {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stderr().is_terminal() && !plain
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a fixed template").progress_chars("━━─")
}

/// How much a terminal says.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub enum Detail {
    /// Nothing but what went wrong.
    Quiet,
    Normal,
    Verbose,
}

/// Shows epochs as Keras does: a bar while one runs, a line when it is done.
pub struct Terminal {
    detail: Detail,
    bar: ProgressBar,
    images: usize,
    seconds: f64,
    loss_sum: f64,
    hits: f64,
}

impl Terminal {
    pub fn new(detail: Detail) -> Terminal {
        Terminal { detail, bar: ProgressBar::hidden(), images: 0, seconds: 0.0, loss_sum: 0.0, hits: 0.0 }
    }
}

/// A bar that takes itself away.
struct DecodeBar(ProgressBar);

impl Drop for DecodeBar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Terminal {
    fn message(&mut self, text: &str) {
        if self.detail > Detail::Quiet {
            errln!("{text}");
        }
    }

    fn warning(&mut self, text: &str) {
        errln!("{text}");
    }

    fn detail(&mut self, text: &str) {
        if self.detail == Detail::Verbose {
            errln!("{text}");
        }
    }

    fn decoding(&mut self, _dir: &Path, total: usize) -> Box<dyn Fn(usize) -> bool + Sync> {
        let shown = self.detail > Detail::Quiet && animated();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        let bar = DecodeBar(bar.with_style(style("decoding {pos}/{len} {bar:20.green} {per_sec}")));
        Box::new(move |done| {
            bar.0.set_position(done as u64);
            true
        })
    }

    fn epoch_starts(&mut self, epoch: usize, epochs: usize, steps: usize) {
        *self = Terminal::new(self.detail);
        if self.detail == Detail::Quiet {
            return;
        }
        errln!("Epoch {}/{epochs}", epoch + 1);
        if animated() {
            self.bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr())
                .with_style(style("{pos}/{len} {bar:20.green} {eta} left - {msg}"));
            self.bar.set_message("preparing");
            self.bar.tick();
        }
    }

    fn step_done(&mut self, step: &StepRecord) {
        self.images += step.images;
        self.seconds += step.seconds;
        self.loss_sum += f64::from(step.loss) * step.images as f64;
        self.hits += step.accuracy * step.images as f64;
        let images = self.images as f64;
        self.bar.set_message(format!(
            "{:.0} images/s - accuracy: {:.4} - loss: {:.4}",
            images / self.seconds,
            self.hits / images,
            self.loss_sum / images
        ));
        self.bar.inc(1);
    }

    fn epoch_done(&mut self, epoch: &EpochRecord, _is_best: bool) {
        if self.detail == Detail::Quiet {
            return;
        }
        let steps = self.bar.position();
        self.bar.finish_and_clear();
        let mut line = format!(
            "{steps} steps - {:.0}s - {:.0} images/s - accuracy: {:.4} - loss: {:.4}",
            epoch.seconds, epoch.images_per_second, epoch.accuracy, epoch.loss
        );
        if let Some(validation) = &epoch.validation {
            line +=
                &format!(" - val_accuracy: {:.4} - val_loss: {:.4}", validation.accuracy, validation.loss);
        }
        if epoch.skipped > 0 {
            line += &format!(" - skipped: {} (a gradient overflowed)", epoch.skipped);
        }
        errln!("{line}");
    }
}
