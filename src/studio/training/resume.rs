//! Going on with a run that was stopped, killed or finished.

use super::{Begin, Training};
use crate::device::Precision;
use crate::run::{Config, Resumed};
use crate::studio::advice::sentence;
use crate::studio::answer::{Answer, Body, unusable};
use crate::studio::runs;
use crate::studio::worker;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What may change on the way.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Of the whole run, those before it included; `None` for as many as it had.
    epochs: Option<usize>,
}

/// Goes on with the run of this name, with its settings, on its device.
pub async fn resume(
    State(training): State<Arc<Training>>,
    Path(name): Path<String>,
    Body(wanted): Body<Wanted>,
) -> Answer<(StatusCode, Json<Value>)> {
    let run = worker::blocking(move || training.resume(&name, wanted.epochs)).await??;
    Ok((StatusCode::ACCEPTED, Json(json!({"run": run}))))
}

impl Training {
    fn resume(self: Arc<Self>, name: &str, epochs: Option<usize>) -> Answer<String> {
        self.may_begin(self.current.lock().unwrap().as_ref())?;
        let run = runs::find(name)?;
        let refused = |why| unusable(sentence(&why));
        let mut resumed = Resumed::open(run.path(), false).map_err(refused)?;
        let mut settings = resumed.about.config.settings();
        // What stopped it there was for then.
        settings.max_steps = settings.max_steps.filter(|&most| most > resumed.position.step as usize);
        let Config { precision, rungs, .. } = &resumed.about.config;
        if *precision != Precision::F32 || !rungs.is_empty() {
            return Err(unusable("the run has a precision or rungs of its own: it goes on from a terminal"));
        }
        settings.epochs = epochs.unwrap_or(settings.epochs);
        if let Some(problem) = settings.problems().first() {
            return Err(unusable(format!("{}: {}", problem.field, problem.message)));
        }
        let Config { precision, rungs, device_option, .. } = resumed.about.config.clone();
        resumed.check_settings(&Config { precision, rungs, ..Config::of(&settings) }).map_err(refused)?;
        resumed.is_over(&settings.schedule(0)).map_err(refused)?;
        self.launch(settings, device_option, Begin::Checkpoint(Box::new(resumed)))
    }
}
