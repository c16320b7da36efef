//! What is inside, as the page asks for it: layers, maps, single values.

use super::answer::{Answer, Body, not_found, of_png};
use super::atlas::{Range, draw};
use super::inside::{self, Inside, Seen};
use super::insides::{Insides, Of};
use super::pictures::Pictures;
use super::worker::{self, Worker};
use super::{devices, runs};
use crate::check;
use crate::device::Span;
use crate::model::Origin;
use crate::model::layers::{Conv2d, Unit};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

/// Most values of a layer without maps that are sent.
pub const MOST_VALUES: usize = 4096;

#[derive(Deserialize)]
pub struct Wanted {
    picture: u64,
    run: Option<String>,
    #[serde(default = "devices::automatic")]
    device: String,
}

/// Runs a picture layer by layer.
pub async fn look(
    State(pictures): State<Arc<Pictures>>,
    State(worker): State<Arc<Worker>>,
    State(insides): State<Arc<Insides>>,
    Body(wanted): Body<Wanted>,
) -> Answer<Json<Value>> {
    let source = pictures.get(wanted.picture)?;
    let name = wanted.run;
    let run = worker::blocking(move || runs::with_model(name.as_deref())).await??;
    let file = run.model_file();
    let inside = worker.run(move |models| {
        let loaded = models.get(&file, &wanted.device)?;
        loaded.can_be_looked_into()?;
        let pixels = source.decode(loaded.model.network.raster())?;
        let slots = loaded.slots.clone();
        let of = Of { file, device: wanted.device, pixels: pixels.clone() };
        let inside = pollster::block_on(inside::run(&loaded.model, slots, &pixels, &|| models.life.sign()))?;
        Ok((inside, of, loaded.note))
    });
    let (inside, of, note) = inside.await?;
    let inside = Arc::new(inside);
    let id = insides.add(inside.clone(), of);
    let mut answer = worker::blocking(move || describe(id, &inside)).await?;
    answer["run"] = json!(run.name);
    answer["note"] = json!(note);
    Ok(Json(answer))
}

/// The same of what is remembered, such as of a training that is followed.
pub async fn show(State(insides): State<Arc<Insides>>, Path(id): Path<u64>) -> Answer<Json<Value>> {
    let inside = insides.get(id)?;
    Ok(Json(worker::blocking(move || describe(id, &inside)).await?))
}

/// All but the values.
fn describe(id: u64, inside: &Inside) -> Value {
    let layers: Vec<_> = inside.layers.iter().enumerate().map(|(index, seen)| layer(index, seen)).collect();
    json!({
        "inside": id, "image_size": inside.raster.size, "color": inside.raster.color, "classes": inside.classes, "scores": inside.scores,
        "class": inside.classes[inside.class], "logit": inside.logit(), "has_heat": inside.heat.is_some(),
        "layers": layers,
    })
}

/// Passes that ran, with their times.
pub fn passes(ran: &[Span]) -> Vec<Value> {
    let pass = |span: &Span| {
        let gflops = (span.label.flop > 0.0).then(|| span.label.flop / span.seconds / 1e9);
        json!({
            "kernel": span.label.kernel, "rung": span.label.rung, "pass": span.label.pass,
            "groups": groups(span.label.groups), "ms": span.seconds * 1e3, "gflops": gflops,
        })
    };
    ran.iter().map(pass).collect()
}

/// The kernels that run back through a layer in training, by what ran forward. What only the input stands before needs no
/// gradient of what it takes.
fn backward(seen: &Seen) -> Vec<&'static str> {
    static NAMES: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let mut known = BTreeSet::new();
        let names = check::all().into_iter().map(|case| case.call.name());
        names.filter(|name| name.contains(".backward") && known.insert(*name)).collect()
    });
    let forward = seen.ran.iter().map(|span| span.label.kernel).chain(seen.fused);
    let ops: BTreeSet<_> = forward.filter_map(|kernel| kernel.split('.').next()).collect();
    let is_first = seen.placed.inputs.iter().all(|origin| *origin == Origin::Input);
    let runs = |name: &&str| {
        let (op, entry) = name.split_once('.').unwrap_or((name, ""));
        ops.contains(op) && !(is_first && entry == "backward_x")
    };
    NAMES.iter().copied().filter(runs).collect()
}

fn layer(index: usize, seen: &Seen) -> Value {
    let inputs = seen.placed.inputs.iter().map(|origin| match *origin {
        Origin::Input => None,
        Origin::Node(index) => Some(index),
    });
    let fold = |pick: fn(f32, f32) -> f32, start| seen.values.iter().copied().fold(start, pick);
    json!({
        "index": index, "name": seen.placed.name, "type": seen.placed.layer.label(),
        "meaning": seen.placed.layer.meaning(),
        "shape": seen.placed.output_shape, "parameters": seen.placed.slot_values(),
        "min": fold(f32::min, f32::INFINITY), "max": fold(f32::max, f32::NEG_INFINITY),
        "kernels": passes(&seen.ran), "fused": seen.fused, "backward": backward(seen),
        "inputs": inputs.collect::<Vec<_>>(),
    })
}

/// `8x4x2`.
pub fn groups(groups: Option<[u32; 3]>) -> Option<String> {
    groups.map(|[x, y, z]| format!("{x}x{y}x{z}"))
}

fn layer_of(inside: &Inside, index: usize) -> Answer<&Seen> {
    inside.layers.get(index).ok_or_else(|| not_found("there is no such layer"))
}

/// All maps of a layer as one picture, `<layer>.png`: rows of maps, each from its own darkest to its own brightest.
pub async fn maps(
    State(insides): State<Arc<Insides>>,
    Path((id, name)): Path<(u64, String)>,
) -> Answer<Response> {
    let (inside, index) = (insides.get(id)?, of_png(&name)? as usize);
    worker::blocking(move || draw_maps(&inside, index)).await?
}

fn draw_maps(inside: &Inside, index: usize) -> Answer<Response> {
    let seen = layer_of(inside, index)?;
    let &[channels, height, width] = &seen.placed.output_shape[..] else {
        return Err(not_found("this layer has no maps, but values"));
    };
    draw(&seen.placed.name, &seen.values, [channels, height, width], Range::Own)
}

/// The values of a layer without maps.
pub async fn values(
    State(insides): State<Arc<Insides>>,
    Path((id, index)): Path<(u64, usize)>,
) -> Answer<Json<Value>> {
    let inside = insides.get(id)?;
    let values = &layer_of(&inside, index)?.values;
    Ok(Json(json!({"values": values[..values.len().min(MOST_VALUES)]})))
}

/// The windows of the first convolution.
pub async fn filters(State(insides): State<Arc<Insides>>, Path(id): Path<u64>) -> Answer<Json<Value>> {
    let inside = insides.get(id)?;
    let first = inside.layers.iter().position(|seen| seen.placed.layer.downcast::<Conv2d>().is_some());
    let first = first.ok_or_else(|| not_found("there is no convolution"))?;
    let slot = inside.layers[first].placed.slots.iter().find(|slot| slot.name == "weight");
    let weight = inside.slots_of(first).into_iter().find(|(name, _)| *name == "weight");
    let (Some(&[_, in_channels, height, width]), Some((_, weight))) =
        (slot.map(|slot| &slot.shape[..]), weight)
    else {
        return Err(not_found("the first convolution's windows were not read"));
    };
    let windows: Vec<Vec<&[f32]>> = weight
        .chunks(in_channels * height * width)
        .map(|filter| filter.chunks(height * width).collect())
        .collect();
    Ok(Json(json!({"filters": windows, "height": height, "width": width})))
}

/// A place in a layer.
#[derive(Deserialize)]
pub struct At {
    #[serde(default)]
    pub channel: usize,
    #[serde(default)]
    pub row: usize,
    #[serde(default)]
    pub column: usize,
}

/// The arithmetic behind one value.
pub async fn unit(
    State(insides): State<Arc<Insides>>,
    Path((id, index)): Path<(u64, usize)>,
    Query(At { channel, row, column }): Query<At>,
) -> Answer<Json<Unit>> {
    let inside = insides.get(id)?;
    Ok(Json(worker::blocking(move || inside.unit(index, channel, row, column)).await??))
}
