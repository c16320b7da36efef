//! Turns what happens in a run into events.

use crate::device::Device;
use crate::error::{ErrorKind, Result};
use crate::memory;
use crate::model::Model;
use crate::report::profile::lines;
use crate::studio::advice::sentence;
use crate::studio::inside::{self, Slots};
use crate::studio::insides::Insides;
use crate::studio::log::Log;
use crate::studio::pictures::Picture;
use crate::studio::seen::groups;
use crate::train::{EpochRecord, Progress, StepRecord};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Steps from one measurement of the kernels to the next: on an adapter the measured step waits for itself.
const MEASURED: u32 = 50;
/// Classes of the largest matrix that goes along with each epoch: one of a thousand classes is 2 MB. The page lists the mistakes
/// of more classes when the run is over.
const MATRIX_CLASSES: usize = 64;
/// Events of the decoding of one folder, about.
const DECODED: usize = 20;

/// Looks come no closer than this: no page could show them.
const PAUSE: Duration = Duration::from_millis(400);

/// A look may take this part of the time.
const SHARE: u32 = 4;

/// A picture whose maps follow the training.
#[derive(Clone)]
pub struct Followed {
    pub picture: u64,
    pub source: Picture,
    /// Steps from one look to the next.
    pub every: u32,
    /// The step of the next look.
    pub next: u32,
}

pub struct Watcher {
    log: Arc<Log>,
    insides: Arc<Insides>,
    followed: Arc<Mutex<Option<Followed>>>,
    train_dir: PathBuf,
    stop: Arc<AtomicBool>,
    step: u32,
    is_measuring: bool,
    measure_at: u32,
    /// Steps of an epoch, and how many of the one that runs were begun.
    steps: usize,
    begun: usize,
    /// Before then, no look.
    look_at: Option<Instant>,
    /// Whether the device keeps what a look takes there.
    has_looked: bool,
}

impl Watcher {
    pub fn new(
        log: Arc<Log>,
        insides: Arc<Insides>,
        followed: Arc<Mutex<Option<Followed>>>,
        train_dir: PathBuf,
        stop: Arc<AtomicBool>,
    ) -> Watcher {
        // The first step compiles and allocates: it is not measured.
        Watcher {
            log,
            insides,
            followed,
            train_dir,
            stop,
            step: 0,
            is_measuring: false,
            measure_at: 1,
            steps: 0,
            begun: 0,
            look_at: None,
            has_looked: false,
        }
    }

    pub fn say(&self, text: &str) {
        self.log.push(&json!({"type": "message", "text": text}));
    }

    /// Times the kernels of one step now and then.
    fn measure(&mut self, device: &Device) -> Result<()> {
        if self.is_measuring {
            self.is_measuring = false;
            let spans = pollster::block_on(device.stop_profile())?;
            let seconds: f64 = spans.iter().map(|span| span.seconds).sum();
            let kernels: Vec<Value> = lines(&spans)
                .into_iter()
                .map(|line| {
                    json!({
                        "layer": &*line.layer, "kernel": line.kernel, "rung": line.rung, "passes": line.passes,
                        "groups": groups(line.groups), "ms": line.seconds * 1e3, "share": line.seconds / seconds,
                        "gflops": (line.flop > 0.0).then(|| line.flop / line.seconds / 1e9),
                        "gbs": line.bytes / line.seconds / 1e9,
                    })
                })
                .collect();
            let event =
                json!({"type": "kernels", "step": self.step, "ms": seconds * 1e3, "kernels": kernels});
            self.log.push(&event);
        } else if self.step >= self.measure_at && self.begun < self.steps {
            // Not behind the last step of an epoch: the validation comes next.
            self.measure_at = self.step + MEASURED;
            // Not every adapter has a clock; training does without.
            self.is_measuring = device.start_profile().is_ok();
        }
        Ok(())
    }

    /// Looks inside the model as it is now, where a picture is followed and somebody watches.
    fn follow(&mut self, model: &Model) -> Result<()> {
        if !self.log.is_watched() || self.look_at.is_some_and(|then| Instant::now() < then) {
            return Ok(());
        }
        let followed = match &mut *self.followed.lock().unwrap() {
            Some(followed) if self.step >= followed.next => {
                followed.next = self.step.saturating_add(followed.every);
                followed.clone()
            }
            _ => return Ok(()),
        };
        let start = Instant::now();
        match self.show_inside(model, &followed) {
            Ok(()) => {}
            // The training itself cannot go on.
            Err(why) if why.kind == ErrorKind::DeviceLost => return Err(why),
            Err(why) => {
                *self.followed.lock().unwrap() = None;
                self.say(&format!("The picture is not followed: {}", sentence(&why)));
            }
        }
        self.look_at = Some(Instant::now() + PAUSE.max(start.elapsed() * (SHARE - 1)));
        Ok(())
    }

    fn show_inside(&mut self, model: &Model, followed: &Followed) -> Result<()> {
        // A picture that is gone by now ends no run.
        let Ok(pixels) = followed.source.decode(model.network.raster()) else { return Ok(()) };
        let model = model.unfused()?;
        // A look that takes more than there is would end the run, which is worth more.
        memory::check("looking inside", &inside::needs(&model, self.has_looked)?)?;
        let slots = Arc::new(pollster::block_on(Slots::read_small(&model))?);
        let inside = pollster::block_on(inside::run(&model, slots, &pixels, &|| ()))?;
        self.has_looked = true;
        let id = self.insides.add_followed(Arc::new(inside));
        let event = json!({"type": "maps", "step": self.step, "inside": id, "picture": followed.picture});
        self.log.push(&event);
        Ok(())
    }
}

impl Progress for Watcher {
    fn message(&mut self, text: &str) {
        self.say(text);
    }

    fn decoding(&mut self, dir: &Path, total: usize) -> Box<dyn Fn(usize) -> bool + Sync> {
        let set = if *dir == *self.train_dir { "training" } else { "test" };
        let (log, stop, reported) = (self.log.clone(), self.stop.clone(), AtomicUsize::new(0));
        Box::new(move |done| {
            let part = done * DECODED / total.max(1);
            if reported.fetch_max(part, Ordering::Relaxed) < part {
                log.push(&json!({"type": "decoding", "set": set, "done": done, "total": total}));
            }
            !stop.load(Ordering::Relaxed)
        })
    }

    fn epoch_starts(&mut self, epoch: usize, epochs: usize, steps: usize) {
        (self.steps, self.begun) = (steps, 0);
        self.log.push(&json!({"type": "epoch_starts", "epoch": epoch, "epochs": epochs, "steps": steps}));
    }

    fn step_done(&mut self, record: &StepRecord) {
        self.step = record.step;
        #[derive(serde::Serialize)]
        struct Event<'a> {
            r#type: &'static str,
            #[serde(flatten)]
            record: &'a StepRecord,
        }
        self.log.push(&Event { r#type: "step", record });
    }

    fn epoch_done(&mut self, epoch: &EpochRecord, is_best: bool) {
        let validation = epoch.validation.as_ref().map(|validation| {
            let confusion = Some(&validation.confusion).filter(|confusion| confusion.len() <= MATRIX_CLASSES);
            json!({"loss": validation.loss, "accuracy": validation.accuracy, "confusion": confusion})
        });
        self.log.push(&json!({
            "type": "epoch", "epoch": epoch.epoch, "loss": epoch.loss, "accuracy": epoch.accuracy,
            "images_per_second": epoch.images_per_second, "seconds": epoch.seconds, "validation": validation,
            "is_best": is_best,
        }));
    }

    fn between_steps(&mut self, model: &Model) -> Result<()> {
        self.begun += 1;
        self.measure(model.device())?;
        if self.is_measuring {
            return Ok(());
        }
        self.follow(model)
    }
}
