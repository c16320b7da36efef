//! One run at a time, in a thread of its own, through the code that the command line uses.

mod alone;
mod follow;
mod wanted;
mod watcher;

use super::advice::sentence;
use super::answer::{Answer, Body, Refusal, unusable};
use super::insides::Insides;
use super::log::Log;
use super::models::OpenDevice;
use super::runs::with_model;
use super::worker::{self, Worker, no_thread};
use crate::device::adapters::Choice;
use crate::error::{ErrorKind, Result};
use crate::run::job::{self, Place, Start};
use crate::run::network_file::shipped;
use crate::run::{self, Claim, Summary, scan};
use crate::train::settings::Settings;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use wanted::{Wanted, config, refuse};
use watcher::{Followed, Watcher};

pub use follow::follow;

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
        let run = claim.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let event = json!({"type": "run", "run": run, "config": config(&settings, &device)});
        let stop = Arc::new(AtomicBool::new(false));
        let mut current = self.current.lock().unwrap();
        self.may_begin(current.as_ref())?;
        let (of_thread, name, stopped) = (self.clone(), run.clone(), stop.clone());
        let thread = std::thread::Builder::new().name("training".to_string());
        // Its first word waits for the lock, and so for the run's own event.
        let begin = move || {
            drop(of_thread.current.lock());
            of_thread.train(&name, &settings, claim, &device, &stopped);
        };
        thread.spawn(begin).map_err(no_thread)?;
        // Under the lock: the end of the run before is in the log by now.
        self.log.begin(&event);
        *current = Some(Current { run: run.clone(), stop });
        Ok(run)
    }

    /// The whole life of a run, in its thread.
    fn train(&self, run: &str, settings: &Settings, claim: Claim, device: &str, stop: &Arc<AtomicBool>) {
        let trained = catch_unwind(AssertUnwindSafe(|| self.try_train(settings, claim, device, stop)));
        let (state, error) = match trained {
            Ok(Ok(())) => (run::State::Finished, None),
            Ok(Err(why)) if why.kind == ErrorKind::Interrupted => (run::State::Stopped, Some(sentence(&why))),
            Ok(Err(why)) => (run::State::Failed, Some(sentence(&why))),
            Err(panic) => {
                let what = panic.downcast_ref::<String>().map(String::as_str);
                let what = what.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given");
                (
                    run::State::Failed,
                    Some(format!("the training crashed: {what}. What was saved before stays")),
                )
            }
        };
        // A run that began tells its end by its folder, as to everyone; others have none.
        let told = run::find(run).ok().flatten().map(|run| Summary::new(&run));
        let (state, words, seconds, verdict) = told.map_or((state, None, None, None), |told| {
            (told.state, Some(told.end), told.seconds, told.verdict)
        });
        // At once: who hears of the end may start the next run, and no run may start before its end is in the log.
        let mut current = self.current.lock().unwrap();
        self.log.push(&json!({
            "type": "end", "end": state, "words": words, "seconds": seconds, "verdict": verdict, "error": error, "run": run,
        }));
        *current = None;
    }

    fn try_train(
        &self,
        settings: &Settings,
        claim: Claim,
        asked: &str,
        stop: &Arc<AtomicBool>,
    ) -> Result<()> {
        let choice: Choice = asked.parse().unwrap_or(Choice::Auto);
        // Models that are kept for the next prediction would count against this run.
        self.worker.let_go();
        let (device, line) = (self.open_device)(&choice)?;
        let mut watcher = Watcher::new(
            self.log.clone(),
            self.insides.clone(),
            self.followed.clone(),
            settings.train_dir.clone(),
            stop.clone(),
        );
        watcher.say(&format!("Device: {line}"));
        let place = Place { device: &device, option: asked, line: &line, rungs: &[] };
        let mut claim = Some(claim);
        let mut claim = || Ok(claim.take().expect("it is claimed once"));
        let prepared = job::prepare(settings, Start::New(&mut claim), place, &mut watcher)?;
        if stop.load(Ordering::Relaxed) {
            return Err(prepared.stop(&mut watcher));
        }
        let done = pollster::block_on(job::run(prepared, &mut watcher, stop))?;
        done.verdict.iter().for_each(|verdict| watcher.say(verdict));
        Ok(())
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
