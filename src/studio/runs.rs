//! Runs, as their folders describe them: those of the page and those of the command line.

use super::answer::{Answer, Body, not_found};
use super::log::Log;
use super::steps::Steps;
use super::worker;
use crate::run::{self, PastRun, Summary, summaries};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The run of this name: one of those that are there, so that no name leads elsewhere.
pub fn find(name: &str) -> Answer<PastRun> {
    run::find(name)?.ok_or_else(|| not_found(format!("there is no run {name}")))
}

/// The run of this name, or the newest one that has a model.
pub fn with_model(name: Option<&str>) -> Answer<PastRun> {
    let Some(name) = name else {
        let newest = run::newest_with_model()?;
        return newest
            .ok_or_else(|| not_found("there is no model yet: train one first, for an epoch at least"));
    };
    let run = find(name)?;
    match run.has_model() {
        true => Ok(run),
        false => Err(not_found(format!("the run {name} has no model: one is saved after every epoch"))),
    }
}

/// Which epoch the model of a run is of, from 1, as its history says.
pub fn epoch_of_model(run: &PastRun) -> Value {
    let Summary { title, state, epochs, epochs_done, best_epoch, .. } = Summary::new(run);
    let best = best_epoch.filter(|_| run.has_best());
    let epoch = best.unwrap_or(epochs_done as u64);
    json!({"title": title, "state": state, "epoch": epoch, "epochs": epochs, "best": best.is_some()})
}

/// A line for each run.
pub async fn list() -> Answer<Json<Vec<Summary>>> {
    Ok(Json(worker::blocking(summaries).await??))
}

/// A run's line, settings, steps, epochs, and the confusion matrix of its last validation.
pub async fn show(Path(name): Path<String>) -> Answer<Json<Value>> {
    let answer = worker::blocking(move || -> Answer<Value> {
        let run = find(&name)?;
        let mut answer = json!(Summary::new(&run));
        answer["config"] = run.config().clone();
        answer["steps"] = json!(Steps::read(&run.steps_file()));
        answer["history"] = json!(run.epochs().unwrap_or_default());
        answer["confusion"] = json!(run.outcome().and_then(|outcome| outcome.confusion));
        Ok(answer)
    });
    Ok(Json(answer.await??))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    title: String,
}

/// Names a run.
pub async fn rename(Path(name): Path<String>, Body(wanted): Body<Title>) -> Answer<StatusCode> {
    worker::blocking(move || -> Answer<()> { Ok(run::rename(&find(&name)?, &wanted.title)?) }).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a run, and the events of it. Says what stays in its folder, as it is not the run's.
pub async fn delete(State(log): State<Arc<Log>>, Path(name): Path<String>) -> Answer<Json<Value>> {
    let deleted = name.clone();
    let left = worker::blocking(move || -> Answer<_> { Ok(run::delete(&find(&deleted)?)?) }).await??;
    log.forget(&name);
    Ok(Json(json!({"left": left})))
}
