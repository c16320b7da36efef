//! How long a shader takes on a device, beside the original.

use super::size::{Layer, Sized};
use super::{Lab, check_length};
use crate::check::Case;
use crate::microscope::lab::{Settings, Watched, trial};
use crate::studio::answer::{Answer, Body, unusable};
use crate::studio::pictures::Pictures;
use crate::studio::training::Training;
use crate::studio::worker::{self, Worker};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Floating-point operations of the largest call: ten seconds on a device that does 5 GFLOP/s.
const MOST_FLOP: f64 = 5e10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    kernel: String,
    rung: String,
    text: String,
    device: String,
    /// The layer that says the sizes; without it, those at which exercises are counted.
    of: Option<Layer>,
}

/// Times a text. First it is tried once more, whatever was said of it before, and then some groups of it run in the
/// interpreter at the very sizes; no run is in progress meanwhile on any device.
pub async fn time(
    State(lab): State<Arc<Lab>>,
    State(worker): State<Arc<Worker>>,
    State(pictures): State<Arc<Pictures>>,
    State(training): State<Arc<Training>>,
    Body(wanted): Body<Wanted>,
) -> Answer<Json<Value>> {
    check_length(&wanted.text)?;
    let turn = lab.turn().await;
    // Said at once; a run may begin while the interpreter is at work.
    drop(training.alone()?);
    let Wanted { kernel, rung, text, device, of } = wanted;
    let found = lab.sizes.of((&kernel, &rung), of.as_ref(), &pictures, &worker).await?;
    let nowhere = || unusable(format!("no layer has the kernel {kernel}"));
    let Sized { case, layer } = found.ok_or_else(nowhere)?;
    let work = move || watched(&kernel, &rung, &text, case).map(|watched| (watched, turn));
    let (watched, turn) = worker::blocking(work).await??;
    let alone = training.alone()?;
    let times = worker.run(move |models| {
        // With it, and not with the request: what hangs on a device is still there when nobody waits for it any more.
        let (_turn, _alone) = (turn, alone);
        // A device that the text takes down takes others of the same adapter with it.
        models.forget();
        let (device, line) = models.open(&device)?;
        let times = pollster::block_on(watched.times(&device, &|| models.life.sign()))?;
        Ok(json!({"device": line, "times": times}))
    });
    let mut answer = times.await?;
    answer["layer"] = layer;
    Ok(Json(answer))
}

fn watched(kernel: &str, rung: &str, text: &str, case: Case) -> Answer<Watched> {
    if case.call.flop() > MOST_FLOP {
        return Err(unusable("this layer takes too long to be timed here: use a model of smaller pictures"));
    }
    let settings = Settings::default();
    let trial = trial(kernel, rung, text, settings).map_err(|why| unusable(why.to_string()))?;
    trial.watch(case, settings.subgroup).map_err(|why| unusable(why.message))
}
