//! A shader that somebody edits in the page: tried, and counted beside the original. It runs in the microscope; on a device
//! only where `time` is asked for, and behind it.

mod exercises;
mod size;
mod time;

pub use exercises::list as exercises;
pub use time::time;

use super::answer::{Answer, Body, unusable};
use super::pictures::Pictures;
use super::worker::{self, Worker};
use crate::microscope::Refusal;
use crate::microscope::lab::{Attempt, Exercise, Settings, Trial, attempt, trial};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use size::{Layer, Sized, Sizes};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Bytes of the longest text.
const LONGEST: usize = 128 << 10;

/// One text is tried at a time: each takes a processor for a second or two.
#[derive(Default)]
pub struct Lab {
    turn: Arc<Mutex<()>>,
    sizes: Sizes,
}

impl Lab {
    /// Waits for a turn. It goes with the work, and ends with it: the visitor may be gone before.
    async fn turn(&self) -> OwnedMutexGuard<()> {
        self.turn.clone().lock_owned().await
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    kernel: String,
    rung: String,
    text: String,
    /// The layer that says the sizes; without it, those at which exercises are counted, here as at the terminal.
    of: Option<Layer>,
}

/// Tries a text.
pub async fn try_text(
    State(lab): State<Arc<Lab>>,
    State(worker): State<Arc<Worker>>,
    State(pictures): State<Arc<Pictures>>,
    Body(wanted): Body<Wanted>,
) -> Answer<Json<Value>> {
    check_length(&wanted.text)?;
    let turn = lab.turn().await;
    let Wanted { kernel, rung, text, of } = wanted;
    let named = (kernel.clone(), rung.clone());
    let work = move || -> Result<_, Refusal> {
        let exercise = Exercise::of(&text)?;
        Ok((trial(&kernel, &rung, &text, Settings::default())?, exercise, turn))
    };
    let (trial, exercise, turn) = worker::blocking(work).await?.map_err(refused)?;
    // Only what is right is counted: a model runs to say at which sizes. The goals of exercises are meant for their own.
    let of = of.filter(|_| exercise.is_none());
    let sized = match trial.verdict.is_right() {
        true => lab.sizes.of((&named.0, &named.1), of.as_ref(), &pictures, &worker).await?,
        false => None,
    };
    let work = move || {
        let _turn = turn;
        answer(trial, exercise.as_ref(), sized)
    };
    Ok(Json(worker::blocking(work).await??))
}

fn refused(why: Refusal) -> super::answer::Refusal {
    unusable(why.to_string())
}

fn check_length(text: &str) -> Answer<()> {
    match text.len() {
        ..=LONGEST => Ok(()),
        len => Err(unusable(format!("the shader has {len} bytes: more than {LONGEST}"))),
    }
}

fn answer(trial: Trial, exercise: Option<&Exercise>, sized: Option<Sized>) -> Answer<Value> {
    let case = sized.as_ref().map(|sized| &sized.case);
    let tried = attempt(trial, exercise, case, Settings::default().subgroup);
    let Attempt { trial, counts, goals, is_done } = tried.map_err(refused)?;
    let layer = sized.filter(|_| counts.is_some()).map(|sized| sized.layer);
    let is_solved = exercise.is_some() && is_done;
    Ok(json!({"trial": trial, "counts": counts, "layer": layer, "goals": goals, "is_solved": is_solved}))
}
