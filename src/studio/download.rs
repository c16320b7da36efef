//! The model of a run, as a file for the visitor.

use super::answer::{Answer, not_found};
use super::runs::with_model;
use super::worker;
use crate::data::open_regular;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::fs::File;
use std::io::{self, Read};

/// Bytes that are read at a time: a model is too large to be held in memory for each who asks.
const PART: u64 = 1 << 20;

/// `model.safetensors`. A run that goes on replaces the file, and does not change the one that is being sent.
pub async fn model(Path(name): Path<String>) -> Answer<Response> {
    let opened = worker::blocking(move || -> Answer<_> {
        let run = with_model(Some(&name))?;
        let (file, len) = open_regular(&run.model_file())
            .map_err(|why| not_found(format!("the model of {name} cannot be read: {why}")))?;
        Ok((run.name, file, len))
    });
    let (name, file, len) = opened.await??;
    // A folder may have any name; a header may not.
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let parts = futures_util::stream::try_unfold((file, len), async |(file, left)| {
        let read = worker::blocking(move || part(file, left)).await;
        let (bytes, file) = read.map_err(|why| io::Error::other(why.message().to_string()))??;
        let len = bytes.len() as u64;
        io::Result::Ok((len > 0).then(|| (bytes, (file, left - len))))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_string()),
        (header::CONTENT_LENGTH, len.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.safetensors\"")),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// The next bytes of a file, of which so many are left.
fn part(mut file: File, left: u64) -> io::Result<(Bytes, File)> {
    let mut bytes = Vec::new();
    file.by_ref().take(left.min(PART)).read_to_end(&mut bytes)?;
    Ok((bytes.into(), file))
}
