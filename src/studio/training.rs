//! One run at a time, in a thread of its own, through the code that the command line uses.

mod alone;
mod follow;
mod resume;
mod thread;
mod wanted;
mod watcher;

use super::advice::sentence;
use super::answer::{Answer, Body, Refusal, unusable};
use super::insides::Insides;
use super::log::Log;
use super::models::OpenDevice;
use super::runs::with_model;
use super::worker::{self, Worker, no_thread};
use crate::run::network_file::shipped;
use crate::run::{Claim, Config, Resumed, scan};
use crate::train::settings::Settings;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use wanted::{Wanted, refuse};
use watcher::Followed;

pub use follow::follow;
pub use resume::resume;

/// What is being trained.
pub struct Training {
    open_device: OpenDevice,
    log: Arc<Log>,
    insides: Arc<Insides>,
    current: Mutex<Option<Current>>,
    /// Whether the server ends, so that no other run begins. Set and read under the lock of `current`.
    is_ending: AtomicBool,
    /// Whether a shader is being timed, during which no run begins. Set and read under the same lock.
    is_timing: AtomicBool,
    worker: Arc<Worker>,
    /// The picture whose maps follow the training.
    followed: Arc<Mutex<Option<Followed>>>,
}

struct Current {
    run: String,
    stop: Arc<AtomicBool>,
}

/// Where a run begins.
enum Begin {
    /// In a folder of its own.
    New(Claim),
    Checkpoint(Box<Resumed>),
}

impl Begin {
    /// The run's name.
    fn run(&self) -> String {
        let folder = match self {
            Begin::New(claim) => claim.path(),
            Begin::Checkpoint(resumed) => &resumed.folder,
        };
        folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Training {
    pub fn new(
        open_device: OpenDevice,
        log: Arc<Log>,
        insides: Arc<Insides>,
        worker: Arc<Worker>,
    ) -> Training {
        let (current, is_ending, is_timing, followed) = Default::default();
        Training { open_device, log, insides, current, is_ending, is_timing, worker, followed }
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

    /// The same, and no other run begins. Whether there is one to wait for.
    pub fn end(&self) -> bool {
        let current = self.current.lock().unwrap();
        self.is_ending.store(true, Ordering::Relaxed);
        drop(current);
        self.stop()
    }
}

/// Begins a run.
pub async fn start(
    State(training): State<Arc<Training>>,
    Body(sent): Body<Value>,
) -> Answer<(StatusCode, Json<Value>)> {
    let wanted = Wanted::read(sent)?;
    let (device, start_from) = (wanted.device.clone(), wanted.start_from.clone());
    let mut settings = Settings::from(wanted);
    let mut errors: Vec<Value> = settings
        .problems()
        .into_iter()
        .map(|problem| json!({"field": problem.field, "message": problem.message}))
        .collect();
    if shipped(&settings.network).is_none() {
        errors.push(json!({"field": "network", "message": "there is no such network on the page"}));
    }
    let mut dirs = vec![("train_dir", settings.train_dir.clone())];
    if settings.validation_split.is_none() {
        dirs.push(("test_dir", settings.test_dir.clone()));
    }
    let looked = worker::blocking(move || {
        let scanned = dirs.into_iter().map(|(field, dir)| (field, scan(&dir)));
        (scanned.collect::<Vec<_>>(), start_from.map(|name| with_model(Some(&name))))
    });
    let (scanned, start_from) = looked.await?;
    for (mut field, found) in scanned {
        let checked = found.and_then(|folder| match settings.validation_split {
            Some(_) => folder.can_be_split().inspect_err(|_| field = "validation_split"),
            None => Ok(()),
        });
        errors.extend(checked.err().map(|error| json!({"field": field, "message": sentence(&error)})));
    }
    match start_from {
        Some(Ok(run)) => settings.init_weights = Some(run.model_file()),
        Some(Err(why)) => errors.push(json!({"field": "start_from", "message": why.message()})),
        None => {}
    }
    refuse(&errors)?;

    // Nobody else waits for the disk.
    let run = worker::blocking(move || training.begin(settings, device)).await??;
    Ok((StatusCode::ACCEPTED, Json(json!({"run": run}))))
}

impl Training {
    /// Whether a run may begin now.
    fn may_begin(&self, current: Option<&Current>) -> Answer<()> {
        if let Some(current) = current {
            let message = format!("the run {} is in progress: stop it, or wait for its end", current.run);
            return Err(Refusal::new(StatusCode::CONFLICT, message));
        }
        if self.is_ending.load(Ordering::Relaxed) {
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the server ends: start it anew"));
        }
        if self.is_timing.load(Ordering::Relaxed) {
            let message = "a shader is being timed, which takes some seconds: try again then";
            return Err(Refusal::new(StatusCode::CONFLICT, message));
        }
        Ok(())
    }

    /// Begins a run, and gives its name.
    fn begin(self: Arc<Self>, settings: Settings, device: String) -> Answer<String> {
        self.may_begin(self.current.lock().unwrap().as_ref())?;
        // Never one that the page names; and not under the lock, for which the server itself waits.
        let claim = Claim::new(None).map_err(|why| unusable(sentence(&why)))?;
        self.launch(settings, device, Begin::New(claim))
    }

    /// Starts the thread of a run, and gives its name.
    fn launch(self: Arc<Self>, settings: Settings, device: String, from: Begin) -> Answer<String> {
        let run = from.run();
        let config = Config { device: device.clone(), ..Config::of(&settings) };
        let event = json!({"type": "run", "run": run, "config": config.fields()});
        let stop = Arc::new(AtomicBool::new(false));
        let mut current = self.current.lock().unwrap();
        self.may_begin(current.as_ref())?;
        let (of_thread, name, stopped) = (self.clone(), run.clone(), stop.clone());
        let thread = std::thread::Builder::new().name("training".to_string());
        // Its first word waits for the lock, and so for the run's own event.
        let begin = move || {
            drop(of_thread.current.lock());
            of_thread.train(&name, &settings, from, &device, &stopped);
        };
        thread.spawn(begin).map_err(no_thread)?;
        // Under the lock: the end of the run before is in the log by now.
        self.log.begin(&event);
        *current = Some(Current { run: run.clone(), stop });
        Ok(run)
    }
}

/// Ends the run in progress.
pub async fn stop(State(training): State<Arc<Training>>) -> Answer<StatusCode> {
    match training.stop() {
        true => Ok(StatusCode::ACCEPTED),
        false => Err(Refusal::new(StatusCode::CONFLICT, "no run is in progress")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Training, start};
    use crate::device::Device;
    use crate::studio::answer::Body;
    use crate::studio::log::Log;
    use crate::studio::worker::Worker;
    use axum::extract::State;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn no_run_begins_while_the_server_ends() {
        let open_device = |_: &_| Ok((Device::cpu(), String::new()));
        let log = Arc::new(Log::new("boot".to_string()));
        let worker = Arc::new(Worker::new(open_device));
        let training = Arc::new(Training::new(open_device, log, Arc::default(), worker));
        assert!(!training.end(), "no run is in progress");
        let data = tempfile::tempdir().unwrap();
        for class in ["cats", "dogs"] {
            std::fs::create_dir(data.path().join(class)).unwrap();
            std::fs::write(data.path().join(class).join("0.gif"), "GIF89a, and no more is looked at yet")
                .unwrap();
        }
        let wanted = json!({"train_dir": data.path(), "test_dir": data.path()});
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let started = runtime.block_on(start(State(training.clone()), Body(wanted)));
        assert!(started.is_err_and(|why| why.message().contains("the server ends")));
        assert!(training.current().is_none());
    }
}
