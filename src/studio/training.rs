//! One run at a time, in a thread of its own, through the code that the command line uses.

mod watcher;

use super::advice::sentence;
use super::answer::{Answer, Body, Refusal, unusable};
use super::devices;
use super::log::Log;
use super::models::OpenDevice;
use super::pictures::Pictures;
use super::seen::Insides;
use super::worker::{self, no_thread};
use crate::data::Folder;
use crate::device::adapters::Choice;
use crate::error::{ErrorKind, Result, error};
use crate::run::Claim;
use crate::run::job::{self, Place};
use crate::train::End;
use crate::train::settings::Settings;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use watcher::{Followed, Watcher};

/// What is being trained.
pub struct Training {
    open_device: OpenDevice,
    log: Arc<Log>,
    insides: Arc<Insides>,
    current: Mutex<Option<Current>>,
    /// The picture whose maps follow the training.
    followed: Arc<Mutex<Option<Followed>>>,
}

struct Current {
    run: String,
    stop: Arc<AtomicBool>,
}

impl Training {
    pub fn new(open_device: OpenDevice, log: Arc<Log>, insides: Arc<Insides>) -> Training {
        let (current, followed) = Default::default();
        Training { open_device, log, insides, current, followed }
    }

    /// Name of the run in progress.
    pub fn current(&self) -> Option<String> {
        self.current.lock().unwrap().as_ref().map(|current| current.run.clone())
    }

    /// Ends the run in progress after the step that is under way, saved. Whether there is one.
    pub fn stop(&self) -> bool {
        let current = self.current.lock().unwrap();
        current.as_ref().inspect(|current| current.stop.store(true, Ordering::Relaxed)).is_some()
    }
}

/// What the page asks for: the fields of its form, and no other setting. Above all no other path.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    train_dir: PathBuf,
    test_dir: PathBuf,
    learning_rate: f64,
    epochs: usize,
    batch_size: usize,
    image_size: Option<usize>,
    dropout: f64,
    seed: Option<u64>,
    device: String,
}

impl Default for Wanted {
    fn default() -> Wanted {
        let usual = Settings::default();
        Wanted {
            train_dir: usual.train_dir,
            test_dir: usual.test_dir,
            learning_rate: usual.learning_rate,
            epochs: usual.epochs,
            batch_size: usual.batch_size,
            image_size: usual.image_size,
            dropout: usual.dropout,
            seed: usual.seed,
            device: devices::automatic(),
        }
    }
}

impl From<Wanted> for Settings {
    fn from(wanted: Wanted) -> Settings {
        Settings {
            train_dir: wanted.train_dir,
            test_dir: wanted.test_dir,
            learning_rate: wanted.learning_rate,
            epochs: wanted.epochs,
            batch_size: wanted.batch_size,
            image_size: wanted.image_size,
            dropout: wanted.dropout,
            seed: wanted.seed,
            ..Settings::default()
        }
    }
}

/// Begins a run.
pub async fn start(
    State(training): State<Arc<Training>>,
    Body(wanted): Body<Wanted>,
) -> Answer<(StatusCode, Json<Value>)> {
    let device = wanted.device.clone();
    let settings = Settings::from(wanted);
    let mut errors: Vec<Value> = settings
        .problems()
        .into_iter()
        .map(|problem| json!({"field": problem.field, "message": problem.message}))
        .collect();
    let dirs = [("train_dir", settings.train_dir.clone()), ("test_dir", settings.test_dir.clone())];
    let scanned = worker::blocking(move || dirs.map(|(field, dir)| (field, Folder::scan(&dir).err())));
    for (field, error) in scanned.await? {
        errors.extend(error.map(|error| json!({"field": field, "message": error.message})));
    }
    if let Some(first) = errors.first() {
        let said = |name: &str| first[name].as_str().unwrap_or_default().to_string();
        let message = format!("{}: {}", said("field"), said("message"));
        return Err(unusable(message).with("errors", json!(errors)));
    }

    let stop = Arc::new(AtomicBool::new(false));
    let mut current = training.current.lock().unwrap();
    if let Some(current) = &*current {
        let message = format!("the run {} is in progress: stop it, or wait for its end", current.run);
        return Err(Refusal::new(StatusCode::CONFLICT, message));
    }
    // Never one that the page names.
    let claim = Claim::new(None).map_err(|why| unusable(sentence(&why)))?;
    let run = claim.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let event = json!({"type": "run", "run": run, "config": config(&settings, &device)});
    let (of_thread, name, stopped) = (training.clone(), run.clone(), stop.clone());
    let thread = std::thread::Builder::new().name("training".to_string());
    // Its first word waits for the lock, and so for the run's own event.
    let begin = move || {
        drop(of_thread.current.lock());
        of_thread.train(&name, &settings, claim, &device, &stopped);
    };
    thread.spawn(begin).map_err(no_thread)?;
    // Under the lock: the end of the run before is in the log by now.
    training.log.begin(&event);
    *current = Some(Current { run: run.clone(), stop });
    Ok((StatusCode::ACCEPTED, Json(json!({"run": run}))))
}

/// The settings as `config.toml` will name them.
fn config(settings: &Settings, device: &str) -> Value {
    let Settings {
        train_dir, test_dir, image_size, learning_rate, epochs, batch_size, dropout, seed, ..
    } = settings;
    json!({
        "train_dir": train_dir, "test_dir": test_dir, "image_size": image_size, "learning_rate": learning_rate,
        "epochs": epochs, "batch_size": batch_size, "dropout": dropout, "seed": seed, "device": device,
    })
}

impl Training {
    /// The whole life of a run, in its thread.
    fn train(&self, run: &str, settings: &Settings, claim: Claim, device: &str, stop: &Arc<AtomicBool>) {
        let trained = catch_unwind(AssertUnwindSafe(|| self.try_train(settings, claim, device, stop)));
        let (end, error) = match trained {
            Ok(Ok(End::Finished | End::StepsDone)) => ("finished", None),
            Ok(Ok(End::Interrupted)) => ("stopped", None),
            Ok(Err(why)) if why.kind == ErrorKind::Interrupted => ("stopped", Some(sentence(&why))),
            Ok(Err(why)) => ("failed", Some(sentence(&why))),
            Err(panic) => {
                let what = panic.downcast_ref::<String>().map(String::as_str);
                let what = what.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given");
                ("failed", Some(format!("the training crashed: {what}. What was saved before stays")))
            }
        };
        // At once: who hears of the end may start the next run, and no run may start before its end is in the log.
        let mut current = self.current.lock().unwrap();
        self.log.push(&json!({"type": "end", "end": end, "error": error, "run": run}));
        *current = None;
    }

    fn try_train(
        &self,
        settings: &Settings,
        claim: Claim,
        device: &str,
        stop: &Arc<AtomicBool>,
    ) -> Result<End> {
        let choice: Choice = device.parse().unwrap_or(Choice::Auto);
        let (device, line) = (self.open_device)(&choice)?;
        let mut watcher = Watcher::new(
            self.log.clone(),
            self.insides.clone(),
            self.followed.clone(),
            settings.train_dir.clone(),
            stop.clone(),
        );
        watcher.say(&format!("Device: {line}"));
        let place = Place { device: &device, line: &line, rungs: &[] };
        let prepared = job::prepare(settings, || Ok(claim), place, &mut watcher)?;
        if stop.load(Ordering::Relaxed) {
            return Err(error!(Interrupted, "stopped before the first step: there is no model"));
        }
        pollster::block_on(job::run(prepared, &mut watcher, stop)).map(|(_, end)| end)
    }
}

/// Ends the run in progress.
pub async fn stop(State(training): State<Arc<Training>>) -> Answer<StatusCode> {
    match training.stop() {
        true => Ok(StatusCode::ACCEPTED),
        false => Err(Refusal::new(StatusCode::CONFLICT, "no run is in progress")),
    }
}

#[derive(Deserialize)]
pub struct Follow {
    picture: Option<u64>,
    #[serde(default = "now_and_then")]
    every: u32,
}

fn now_and_then() -> u32 {
    10
}

/// Chooses the picture whose maps follow the training, or none.
pub async fn follow(
    State(training): State<Arc<Training>>,
    State(pictures): State<Arc<Pictures>>,
    Body(follow): Body<Follow>,
) -> Answer<StatusCode> {
    let followed = match follow.picture {
        Some(_) if follow.every == 0 => return Err(unusable("follow every 1 or more steps")),
        Some(picture) => {
            Some(Followed { picture, source: pictures.get(picture)?, every: follow.every, next: 0 })
        }
        None => None,
    };
    *training.followed.lock().unwrap() = followed;
    Ok(StatusCode::ACCEPTED)
}
