//! Where the network looks for a class, as the page asks for it.

use super::answer::{Answer, Body, not_found};
use super::inside::{Heat, Inside, heat};
use super::insides::Insides;
use super::worker::Worker;
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The number of the class.
    class: usize,
}

fn described(inside: &Inside, heat: &Heat) -> Json<Value> {
    let mut answer = json!(heat);
    answer["class"] = json!(inside.classes[heat.class]);
    Json(answer)
}

/// For the class that the model predicts.
pub async fn show(State(insides): State<Arc<Insides>>, Path(id): Path<u64>) -> Answer<Json<Value>> {
    let inside = insides.get(id)?;
    let heat = inside.heat.as_ref().ok_or_else(|| not_found(heat::WITHOUT))?;
    Ok(described(&inside, heat))
}

/// For any class: the picture runs through its model once more.
pub async fn find(
    State(worker): State<Arc<Worker>>,
    State(insides): State<Arc<Insides>>,
    Path(id): Path<u64>,
    Body(Wanted { class }): Body<Wanted>,
) -> Answer<Json<Value>> {
    let looked = insides.looked(id)?;
    looked.has_class(class)?;
    if looked.inside.heat.as_ref().is_some_and(|heat| heat.class == class) {
        return show(State(insides), Path(id)).await;
    }
    let of = looked.of()?.clone();
    let found = worker.run(move |models| {
        let loaded = models.get(&of.file, &of.device)?;
        loaded.can_be_looked_into()?;
        Ok(pollster::block_on(heat::run(&loaded.model, &of.pixels, class, &|| models.life.sign()))?)
    });
    let (heat, logits) = found.await?;
    looked.has_made(&logits)?;
    Ok(described(&looked.inside, &heat))
}
