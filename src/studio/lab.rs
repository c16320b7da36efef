//! A shader that somebody edits in the page: tried, and counted beside the original. It runs in the microscope alone, never
//! on a device.

use super::answer::{Answer, Body, unusable};
use super::worker;
use crate::check::{Table, table};
use crate::microscope::Refusal;
use crate::microscope::lab::{Attempt, BATCH, Exercise, IMAGE_SIZE, Settings, attempt};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Bytes of the longest text.
const LONGEST: usize = 128 << 10;

/// One text is tried at a time: each takes a processor for a second or two.
#[derive(Default)]
pub struct Lab(Arc<tokio::sync::Mutex<()>>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    kernel: String,
    rung: String,
    text: String,
}

/// Tries a text.
pub async fn try_text(State(lab): State<Arc<Lab>>, Body(wanted): Body<Wanted>) -> Answer<Json<Value>> {
    if wanted.text.len() > LONGEST {
        return Err(unusable(format!("the shader has {} bytes: more than {LONGEST}", wanted.text.len())));
    }
    let turn = lab.0.clone().lock_owned().await;
    // The turn ends with the work: the visitor may be gone before.
    let work = move || {
        let _turn = turn;
        answer(&wanted)
    };
    Ok(Json(worker::blocking(work).await??))
}

fn answer(wanted: &Wanted) -> Answer<Value> {
    let Wanted { kernel, rung, text } = wanted;
    let refused = |why: Refusal| unusable(why.to_string());
    let exercise = Exercise::of(text).map_err(refused)?;
    let case = table(Table::Network { image_size: IMAGE_SIZE, batch: BATCH });
    let case = case.into_iter().find(|case| case.call.name() == kernel);
    let tried = attempt((kernel, rung), text, exercise.as_ref(), case.as_ref(), Settings::default());
    let Attempt { trial, counts, goals, .. } = tried.map_err(refused)?;
    let sizes =
        json!({"image_size": IMAGE_SIZE, "batch": BATCH, "layer": counts.and(case.map(|case| case.why))});
    Ok(json!({"trial": trial, "counts": counts, "sizes": sizes, "goals": goals}))
}
