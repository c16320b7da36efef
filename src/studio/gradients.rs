//! The gradient of the loss with respect to what each layer made of a picture, as the page asks for it.

use super::answer::{Answer, Body, Refusal, not_found, of_png, unusable};
use super::atlas::{Range, draw};
use super::inside::gradients::{self, Gradients, Owner};
use super::insides::{Insides, Looked};
use super::seen::{At, MOST_VALUES, passes};
use super::worker::{self, Worker};
use crate::memory;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The number of the class that the picture is taken for; without it, the one that the model predicts.
    label: Option<usize>,
}

/// Runs the loss of a look back through its model, and describes what came of it. What was asked for before is remembered.
pub async fn find(
    State(worker): State<Arc<Worker>>,
    State(insides): State<Arc<Insides>>,
    Path(id): Path<u64>,
    Body(Wanted { label }): Body<Wanted>,
) -> Answer<Json<Value>> {
    let looked = insides.looked(id)?;
    let label = label.unwrap_or(looked.inside.class);
    looked.has_class(label)?;
    let known = looked.gradients.lock().unwrap().get(&label).cloned();
    let gradients = match known {
        Some(known) => known,
        None => {
            let found = Arc::new(run(&worker, looked.clone(), label).await?);
            looked.gradients.lock().unwrap().insert(label, found.clone());
            found
        }
    };
    Ok(Json(worker::blocking(move || describe(&looked, &gradients)).await?))
}

async fn run(worker: &Worker, looked: Arc<Looked>, label: usize) -> Answer<Gradients> {
    let of = looked.of()?.clone();
    let found = worker.run(move |models| {
        let loaded = models.get(&of.file, &of.device)?;
        memory::check("the gradients of all layers", &gradients::needs(&loaded.model))?;
        let sign = || models.life.sign();
        Ok(pollster::block_on(gradients::run(&loaded.model, &of.pixels, label, &sign))?)
    });
    let found = found.await?;
    looked.has_made(&found.logits)?;
    Ok(found)
}

/// All but the values.
fn describe(looked: &Looked, gradients: &Gradients) -> Value {
    let layers = looked.inside.layers.iter().zip(&gradients.layers).map(|(seen, gradient)| {
        let fold = |pick: fn(f32, f32) -> f32, start| gradient.values.iter().copied().fold(start, pick);
        let silent: Vec<_> = match seen.placed.output_shape[..] {
            [_, height, width] => {
                let maps = gradient.values.chunks(height * width).enumerate();
                maps.filter(|(_, map)| map.iter().all(|value| *value == map[0])).map(|(map, _)| map).collect()
            }
            _ => Vec::new(),
        };
        let (owner, words) = match &gradient.owner {
            Owner::Kernel { layer, kernel } => (
                Some(json!({"layer": layer, "kernel": kernel})),
                format!("{kernel} computes it, on the way back through {layer}."),
            ),
            Owner::Loss => (None, "It comes from the loss itself.".to_string()),
            Owner::Sum { layers } => (
                None,
                format!("It is the sum of what comes back from {}, which take this output.", layers.join(" and ")),
            ),
            Owner::Unknown => (None, "Which kernel computes it is not known: this device has no clock.".to_string()),
        };
        json!({
            "name": seen.placed.name, "min": fold(f32::min, f32::INFINITY), "max": fold(f32::max, f32::NEG_INFINITY),
            "silent": silent, "owner": owner, "words": words, "kernels": passes(&gradient.ran),
        })
    });
    json!({
        "label": gradients.label, "class": looked.inside.classes[gradients.label], "loss": gradients.loss,
        "layers": layers.collect::<Vec<_>>(),
    })
}

fn known(insides: &Insides, id: u64, label: usize) -> Answer<(Arc<Looked>, Arc<Gradients>)> {
    let looked = insides.looked(id)?;
    let found = looked.gradients.lock().unwrap().get(&label).cloned();
    Ok((looked, found.ok_or_else(|| not_found("these gradients were not computed, or are forgotten"))?))
}

fn no_layer() -> Refusal {
    not_found("there is no such layer")
}

/// The maps of a layer as one picture, `<layer>.png`: 0 is 128, and each map's largest magnitude is 1 or 255.
pub async fn maps(
    State(insides): State<Arc<Insides>>,
    Path((id, label, name)): Path<(u64, usize, String)>,
) -> Answer<Response> {
    let ((looked, gradients), index) = (known(&insides, id, label)?, of_png(&name)? as usize);
    let drawn = worker::blocking(move || {
        let seen = looked.inside.layers.get(index).ok_or_else(no_layer)?;
        let &[channels, height, width] = &seen.placed.output_shape[..] else {
            return Err(not_found("this layer has no maps, but values"));
        };
        let values = &gradients.layers[index].values;
        draw(&seen.placed.name, values, [channels, height, width], Range::AroundZero)
    });
    drawn.await?
}

/// The values of a layer without maps.
pub async fn values(
    State(insides): State<Arc<Insides>>,
    Path((id, label, index)): Path<(u64, usize, usize)>,
) -> Answer<Json<Value>> {
    let (_, gradients) = known(&insides, id, label)?;
    let values = &gradients.layers.get(index).ok_or_else(no_layer)?.values;
    Ok(Json(json!({"values": values[..values.len().min(MOST_VALUES)]})))
}

/// One value; a unit of a layer without maps is a channel.
pub async fn unit(
    State(insides): State<Arc<Insides>>,
    Path((id, label, index)): Path<(u64, usize, usize)>,
    Query(At { channel, row, column }): Query<At>,
) -> Answer<Json<Value>> {
    let (looked, gradients) = known(&insides, id, label)?;
    let seen = looked.inside.layers.get(index).ok_or_else(no_layer)?;
    let values = &gradients.layers[index].values;
    let [channels, height, width] = match seen.placed.output_shape[..] {
        [channels, height, width] => [channels, height, width],
        _ => [values.len(), 1, 1],
    };
    if channel >= channels || row >= height || column >= width {
        return Err(unusable(format!("{} is {channels} x {height} x {width}", seen.placed.name)));
    }
    Ok(Json(json!({"value": values[(channel * height + row) * width + column]})))
}
