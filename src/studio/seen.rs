//! What is inside, as the page asks for it: layers, maps, single values.

use super::answer::{Answer, Body, not_found, of_png, png};
use super::inside::{self, Inside, Seen};
use super::pictures::Pictures;
use super::recent::Recent;
use super::worker::{self, Worker};
use super::{devices, runs};
use crate::device::memory::room;
use crate::error::Result;
use crate::memory;
use crate::model::layers::{Conv2d, Unit};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Looks that are remembered, and their bytes: one takes 40 MB at 256 x 256.
const REMEMBERED: usize = 8;
const REMEMBERED_BYTES: usize = 1 << 30;
/// The same of a training that is followed, which makes new ones all the time.
const FOLLOWED: usize = 3;
/// Numbers of those begin here.
const FIRST_FOLLOWED: u64 = 1 << 32;
/// Most values of a layer without maps that are sent.
const MOST_VALUES: usize = 4096;

/// The last few, by number.
pub struct Insides {
    asked: Recent<Arc<Inside>>,
    followed: Recent<Arc<Inside>>,
}

impl Default for Insides {
    fn default() -> Insides {
        let bytes = |inside: &Arc<Inside>| inside.bytes();
        Insides {
            asked: Recent::new(REMEMBERED, REMEMBERED_BYTES, bytes),
            followed: Recent::new(FOLLOWED, REMEMBERED_BYTES, bytes),
        }
    }
}

impl Insides {
    fn add(&self, inside: Arc<Inside>) -> u64 {
        self.asked.add(inside)
    }

    pub fn add_followed(&self, inside: Arc<Inside>) -> u64 {
        FIRST_FOLLOWED + self.followed.add(inside)
    }

    fn get(&self, id: u64) -> Answer<Arc<Inside>> {
        let found = match id.checked_sub(FIRST_FOLLOWED) {
            Some(id) => self.followed.get(id),
            None => self.asked.get(id),
        };
        found.ok_or_else(|| not_found("this was forgotten: look inside again"))
    }
}

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
        let inside = pollster::block_on(inside::run(&loaded.model, slots, &pixels, &|| models.life.sign()))?;
        Ok((inside, loaded.note))
    });
    let (inside, note) = inside.await?;
    let inside = Arc::new(inside);
    let id = insides.add(inside.clone());
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
        "class": inside.classes[inside.heat.class], "logit": inside.logit, "layers": layers,
    })
}

fn layer(index: usize, seen: &Seen) -> Value {
    let kernels = seen.ran.iter().map(|span| {
        let gflops = (span.label.flop > 0.0).then(|| span.label.flop / span.seconds / 1e9);
        json!({
            "kernel": span.label.kernel, "rung": span.label.rung, "pass": span.label.pass,
            "groups": groups(span.label.groups), "ms": span.seconds * 1e3, "gflops": gflops,
        })
    });
    let fold = |pick: fn(f32, f32) -> f32, start| seen.values.iter().copied().fold(start, pick);
    json!({
        "index": index, "name": seen.placed.name, "type": seen.placed.layer.label(),
        "meaning": seen.placed.layer.meaning(),
        "shape": seen.placed.output_shape, "parameters": seen.placed.slot_values(),
        "min": fold(f32::min, f32::INFINITY), "max": fold(f32::max, f32::NEG_INFINITY),
        "kernels": kernels.collect::<Vec<_>>(), "fused": seen.fused,
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
    let pixels = seen.values.len() as u64;
    // A PNG of maps is hardly smaller than they are, and is made in a list that doubles, and once more as it is copied.
    let needs = [("maps", pixels), ("their picture", 4 * pixels)];
    memory::check(&format!("the picture of {}", seen.placed.name), &needs)?;
    let (atlas, columns) = atlas(&seen.values, channels, height, width)?;
    png(&atlas, columns * width, channels.div_ceil(columns) * height)
}

/// Maps side by side, as bytes, and how many of them make a row.
///
/// # Errors
/// `OutOfMemory` where there is no room for them.
fn atlas(values: &[f32], channels: usize, height: usize, width: usize) -> Result<(Vec<u8>, usize)> {
    let columns = (1..).find(|columns| columns * columns >= channels).expect("there is a root");
    let len = columns * width * channels.div_ceil(columns) * height;
    let mut pixels = room(len)?;
    pixels.resize(len, 0);
    for (channel, map) in values.chunks(height * width).enumerate() {
        let least = map.iter().copied().fold(f32::INFINITY, f32::min);
        let most = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let scale = if most > least { 255.0 / (most - least) } else { 0.0 };
        let (top, left) = (channel / columns * height, channel % columns * width);
        for (row, line) in map.chunks(width).enumerate() {
            let first = (top + row) * columns * width + left;
            for (pixel, value) in pixels[first..first + width].iter_mut().zip(line) {
                *pixel = ((value - least) * scale).round() as u8;
            }
        }
    }
    Ok((pixels, columns))
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

/// Where the network looks.
pub async fn heat(State(insides): State<Arc<Insides>>, Path(id): Path<u64>) -> Answer<Json<Value>> {
    let inside = insides.get(id)?;
    let mut answer = json!(inside.heat);
    answer["class"] = json!(inside.classes[inside.heat.class]);
    Ok(Json(answer))
}

/// A place in a layer.
#[derive(Deserialize)]
pub struct At {
    #[serde(default)]
    channel: usize,
    #[serde(default)]
    row: usize,
    #[serde(default)]
    column: usize,
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

#[cfg(test)]
mod tests {
    use super::atlas;

    #[test]
    fn maps_lie_row_by_row_each_with_its_own_range() {
        // Three maps of 1 x 2: two columns, the fourth place stays black.
        let (pixels, columns) = atlas(&[0.0, 1.0, 5.0, 5.0, -2.0, -4.0], 3, 1, 2).unwrap();
        assert_eq!(columns, 2);
        assert_eq!(pixels, [0, 255, 0, 0, 255, 0, 0, 0]);
    }
}
