//! The code of a kernel, as it ran: its shaders and its definition.

use super::answer::{Answer, not_found};
use super::worker;
use crate::cases::Source;
use crate::check;
use axum::Json;
use axum::extract::Query;
use rust_embed::Embed;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Embed)]
#[folder = "src/reference"]
struct References;

#[derive(Deserialize)]
pub struct Wanted {
    kernel: String,
}

/// Every rung's shader, and the definition in Rust.
pub async fn show(Query(wanted): Query<Wanted>) -> Answer<Json<Value>> {
    worker::blocking(move || find(&wanted)).await?
}

fn find(wanted: &Wanted) -> Answer<Json<Value>> {
    let unknown = || not_found("there is no such kernel");
    let call = check::all().into_iter().map(|case| case.call).find(|call| call.name() == wanted.kernel);
    let call = call.ok_or_else(unknown)?;
    let (op, entry) = wanted.kernel.split_once('.').ok_or_else(unknown)?;
    let shader: Vec<_> = call
        .sources()
        .into_iter()
        .map(|Source { rung, file, text, .. }| {
            json!({"rung": rung, "file": format!("shaders/{file}"), "source": text})
        })
        .collect();
    let file = format!("{op}.rs");
    let reference = References::get(&file).ok_or_else(unknown)?;
    Ok(Json(json!({
        "kernel": wanted.kernel, "entry": entry, "shader": shader,
        "reference": {
            "file": format!("src/reference/{file}"), "function": entry,
            "source": String::from_utf8_lossy(&reference.data),
        },
    })))
}
