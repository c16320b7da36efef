//! A shader that somebody edits in the page: tried, and counted beside the original. It runs in the microscope; on a device
//! only where `time` is asked for, and behind it.

mod exercises;
mod time;

pub use exercises::list as exercises;
pub use time::time;

use super::answer::{Answer, Body, unusable};
use super::worker;
use crate::check::{Table, table};
use crate::microscope::Refusal;
use crate::microscope::lab::{self, Attempt, Exercise, Settings, attempt};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Bytes of the longest text.
const LONGEST: usize = 128 << 10;
/// The sizes at which it is counted; an exercise as at the terminal, as its goals are meant for these.
const IMAGE_SIZE: u32 = 32;
const BATCH: u32 = 2;

/// One text is tried at a time: each takes a processor for a second or two.
#[derive(Default)]
pub struct Lab(Arc<Mutex<()>>);

impl Lab {
    /// Waits for a turn. It goes with the work, and ends with it: the visitor may be gone before.
    async fn turn(&self) -> OwnedMutexGuard<()> {
        self.0.clone().lock_owned().await
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    kernel: String,
    rung: String,
    text: String,
}

/// Tries a text.
pub async fn try_text(State(lab): State<Arc<Lab>>, Body(wanted): Body<Wanted>) -> Answer<Json<Value>> {
    check_length(&wanted.text)?;
    let turn = lab.turn().await;
    let work = move || {
        let _turn = turn;
        answer(&wanted)
    };
    Ok(Json(worker::blocking(work).await??))
}

fn check_length(text: &str) -> Answer<()> {
    match text.len() {
        ..=LONGEST => Ok(()),
        len => Err(unusable(format!("the shader has {len} bytes: more than {LONGEST}"))),
    }
}

fn answer(wanted: &Wanted) -> Answer<Value> {
    let Wanted { kernel, rung, text } = wanted;
    let refused = |why: Refusal| unusable(why.to_string());
    let exercise = Exercise::of(text).map_err(refused)?;
    let (image_size, batch) =
        if exercise.is_some() { (lab::IMAGE_SIZE, lab::BATCH) } else { (IMAGE_SIZE, BATCH) };
    let case = table(Table::Network { image_size, batch });
    let case = case.into_iter().find(|case| case.call.name() == kernel);
    let tried = attempt((kernel, rung), text, exercise.as_ref(), case.as_ref(), Settings::default());
    let Attempt { trial, counts, goals, is_done } = tried.map_err(refused)?;
    let sizes =
        json!({"image_size": image_size, "batch": batch, "layer": counts.and(case.map(|case| case.why))});
    let is_solved = exercise.is_some() && is_done;
    Ok(json!({"trial": trial, "counts": counts, "sizes": sizes, "goals": goals, "is_solved": is_solved}))
}
