//! Pictures to predict and to look into: uploaded, or named by path or by place in a folder.

use super::answer::{Answer, Refusal, not_found, of_png, png, unusable};
use super::folders::Folders;
use super::recent::Recent;
use super::worker;
use crate::data::paths::tidy;
use crate::data::{Color, Raster, decode_bytes, decode_file};
use crate::model::network::MIN_IMAGE_SIZE;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::http::header;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// Most bytes of an upload.
pub const MAX_BYTES: usize = 16 << 20;
/// Most pictures that are remembered, and most bytes of uploads.
const REMEMBERED: usize = 1024;
const REMEMBERED_BYTES: usize = 256 << 20;
/// Largest size at which a picture is shown.
const MAX_SHOWN: usize = 1024;

/// The pictures that pages know, by number.
pub struct Pictures(Recent<Picture>);

/// Where a picture is.
#[derive(Clone)]
pub enum Picture {
    Upload(Bytes),
    File(Arc<PathBuf>),
}

impl Picture {
    /// As a network sees it: bytes `[size, size, channels]`.
    pub fn decode(&self, raster: impl Into<Raster>) -> Answer<Vec<u8>> {
        let decoded = match self {
            Picture::Upload(bytes) => decode_bytes(bytes, raster),
            Picture::File(path) => decode_file(path, raster),
        };
        decoded.map_err(|why| unusable(format!("this picture cannot be used: {why}")))
    }

    fn bytes(&self) -> usize {
        match self {
            Picture::Upload(bytes) => bytes.len(),
            Picture::File(_) => 0,
        }
    }
}

impl Default for Pictures {
    fn default() -> Pictures {
        Pictures(Recent::new(REMEMBERED, REMEMBERED_BYTES, Picture::bytes))
    }
}

impl Pictures {
    pub fn add(&self, source: Picture) -> u64 {
        self.0.add(source)
    }

    pub fn get(&self, id: u64) -> Answer<Picture> {
        self.0.get(id).ok_or_else(|| not_found("this picture was forgotten: add it again"))
    }
}

/// A picture that is not uploaded.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Named {
    Path { path: PathBuf },
    Indexed { folder: u64, index: usize },
}

/// Remembers a picture: the body itself, or the one that JSON names.
pub async fn add(
    State(pictures): State<Arc<Pictures>>,
    State(folders): State<Arc<Folders>>,
    request: Request,
) -> Answer<Json<Value>> {
    let content = request.headers().get(header::CONTENT_TYPE);
    let is_upload = content.is_some_and(|content| content == "application/octet-stream");
    let bytes =
        Bytes::from_request(request, &()).await.map_err(|why| Refusal::new(why.status(), why.body_text()))?;
    let (source, name) = if is_upload {
        (Picture::Upload(bytes), None)
    } else {
        let named: Named =
            serde_json::from_slice(&bytes).map_err(|why| unusable(format!("not understood: {why}")))?;
        let path = worker::blocking(move || named.file(&folders)).await??;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        (Picture::File(Arc::new(path)), name)
    };
    // Whatever is no picture is refused now, not when it is used.
    let tried = source.clone();
    worker::blocking(move || tried.decode(MIN_IMAGE_SIZE)).await??;
    Ok(Json(json!({"picture": pictures.add(source), "name": name})))
}

impl Named {
    /// The file that was named, if it is one that may be shown.
    fn file(&self, folders: &Folders) -> Answer<PathBuf> {
        match self {
            Named::Indexed { folder, index } => folders.file(*folder, *index),
            Named::Path { path } => folders.find(&tidy(path)).ok_or_else(|| {
                not_found(
                    "there is no such picture in the training or test folder of this page, or in dataset/: \
                     pictures elsewhere can be dropped here",
                )
            }),
        }
    }
}

#[derive(Deserialize)]
pub struct Shown {
    #[serde(default = "shown_size")]
    size: usize,
    #[serde(default)]
    color: Color,
}

fn shown_size() -> usize {
    256
}

/// The picture, `<id>.png`, as a network of that size and colour sees it.
pub async fn show(
    State(pictures): State<Arc<Pictures>>,
    Path(name): Path<String>,
    Query(Shown { size, color }): Query<Shown>,
) -> Answer<Response> {
    let source = pictures.get(of_png(&name)?)?;
    let size = size.clamp(1, MAX_SHOWN);
    let pixels = worker::blocking(move || source.decode(Raster { size, color })).await??;
    png(&pixels, size, size)
}
