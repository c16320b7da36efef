//! The networks that the page offers, as they are for so many classes, and for pictures of a size and colour.

use super::answer::{Answer, not_found, unusable};
use crate::data::Color;
use crate::data::folder::MOST_CLASSES;
use crate::model::slot::Slot;
use crate::model::{Network, Role};
use crate::report::graph;
use crate::run::network_file::{NetworkFile, shipped};
use crate::train::settings::image_size_problem;
use axum::Json;
use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    classes: usize,
    image_size: usize,
    color: Color,
}

/// One of those that are shipped: a page may name no file.
fn network(name: &str, wanted: &Wanted) -> Answer<Network> {
    let &Wanted { classes, image_size, color } = wanted;
    let (name, text) = shipped(name).ok_or_else(|| not_found("there is no such network on the page"))?;
    if !(2..=MOST_CLASSES).contains(&classes) {
        return Err(unusable(format!(
            "a network tells from 2 to {MOST_CLASSES} classes apart, not {classes}"
        )));
    }
    if let Some(problem) = image_size_problem(image_size) {
        return Err(unusable(format!("an image size of {problem}")));
    }
    let classes = (1..=classes).map(|class| format!("class {class}")).collect();
    Ok(NetworkFile::parse(name, text)?.network(classes, image_size, color, None)?)
}

/// How large it is.
pub async fn show(Path(name): Path<String>, Query(wanted): Query<Wanted>) -> Answer<Json<Value>> {
    let placed = network(&name, &wanted)?.placed()?;
    let trained = placed.iter().flat_map(|node| &node.slots).filter(|slot| slot.role == Role::Parameter);
    let parameters: usize = trained.map(Slot::len).sum();
    Ok(Json(json!({"layers": placed.len(), "parameters": parameters})))
}

/// The picture of it, an SVG.
pub async fn graph(Path(name): Path<String>, Query(wanted): Query<Wanted>) -> Answer<impl IntoResponse> {
    let drawn = graph::svg(&network(&name, &wanted)?)?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], drawn))
}
