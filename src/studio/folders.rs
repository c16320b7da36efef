//! Data folders that somebody named: what is in them, and small pictures of what is.

use super::answer::{Answer, not_found, png, unusable};
use super::{Shared, worker};
use crate::data::{Cache, Folder, Pictures, decode_file};
use crate::device::Device;
use crate::train::job::default_image_size;
use crate::train::settings::image_size_problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{self, PathBuf};
use std::sync::{Arc, Mutex};

/// Pixels of a thumbnail in height and width.
const THUMBNAIL: usize = 96;
/// Thumbnails of each class.
const SHOWN: usize = 4;
/// Most folders that are remembered: a page asks for a handful.
const REMEMBERED: usize = 64;

/// The folders that were named so far, by number.
#[derive(Default)]
pub struct Folders(Mutex<Vec<Arc<Folder>>>);

impl Folders {
    fn add(&self, folder: Folder) -> Answer<(usize, Arc<Folder>)> {
        let mut folders = self.0.lock().unwrap();
        if let Some(known) = folders.iter().position(|known| **known == folder) {
            return Ok((known, folders[known].clone()));
        }
        // The number is a place in the list, so the oldest one is not dropped but its place taken again.
        let id = if folders.len() < REMEMBERED {
            folders.push(Arc::new(folder));
            folders.len() - 1
        } else {
            let same_root = folders.iter().position(|known| known.root == folder.root);
            let id = same_root.unwrap_or(0);
            folders[id] = Arc::new(folder);
            id
        };
        Ok((id, folders[id].clone()))
    }

    pub fn get(&self, id: usize) -> Answer<Arc<Folder>> {
        self.0
            .lock()
            .unwrap()
            .get(id)
            .cloned()
            .ok_or_else(|| not_found("there is no such folder: name it again"))
    }

    /// The file at `index` of a folder.
    pub fn file(&self, id: usize, index: usize) -> Answer<PathBuf> {
        let folder = self.get(id)?;
        let file =
            folder.files.get(index).ok_or_else(|| not_found("there is no such picture in the folder"))?;
        inside(&folder.root.join(&file.path), &folder.root)
            .ok_or_else(|| not_found("the picture is no longer there, or lies elsewhere"))
    }

    /// The file at `path`, if it lies in one of the folders or among the bundled pictures.
    pub fn find(&self, path: &path::Path) -> Option<PathBuf> {
        let folders = self.0.lock().unwrap();
        let roots = folders.iter().map(|folder| folder.root.as_path()).chain([path::Path::new("dataset")]);
        roots.into_iter().find_map(|root| inside(path, root)).filter(|file| file.is_file())
    }
}

/// `path` with all links followed, if it then still lies in `root`.
fn inside(path: &path::Path, root: &path::Path) -> Option<PathBuf> {
    let (path, root) = (path.canonicalize().ok()?, root.canonicalize().ok()?);
    path.starts_with(root).then_some(path)
}

#[derive(Deserialize)]
pub struct Named {
    path: PathBuf,
}

/// What is in a folder, before anything is decoded.
pub async fn open(State(studio): Shared, Json(named): Json<Named>) -> Answer<Json<Value>> {
    // What is wrong with a folder is the answer to the question, not a failure: it is asked at every key.
    let folder = match worker::blocking(move || Folder::scan(&named.path)).await? {
        Ok(folder) => folder,
        Err(why) => return Ok(Json(json!({"error": why.message}))),
    };
    let (id, folder) = studio.folders.add(folder)?;
    let label = |class: usize| move |file: &&crate::data::folder::PictureFile| file.label as usize == class;
    let classes = folder.classes.iter().enumerate().map(
        |(class, name)| json!({"name": name, "pictures": folder.files.iter().filter(label(class)).count()}),
    );
    let of_class = |class| {
        let files = folder.files.iter().enumerate().filter(move |(_, file)| file.label as usize == class);
        files.map(|(index, _)| index).take(SHOWN)
    };
    let thumbs: Vec<usize> = (0..folder.classes.len()).flat_map(of_class).collect();
    Ok(Json(json!({
        "folder": id, "root": folder.root, "classes": classes.collect::<Vec<_>>(), "total": folder.files.len(), "thumbs": thumbs,
    })))
}

#[derive(Deserialize)]
pub struct Size {
    image_size: Option<usize>,
}

/// Decodes every file, as training will, and says which cannot be used.
pub async fn check(
    State(studio): Shared,
    Path(id): Path<usize>,
    Json(size): Json<Size>,
) -> Answer<Json<Value>> {
    let folder = studio.folders.get(id)?;
    let size = size.image_size.unwrap_or_else(|| default_image_size(&Device::cpu()));
    if let Some(problem) = image_size_problem(size) {
        return Err(unusable(problem));
    }
    let pictures = worker::blocking(move || match Cache::of_user() {
        Some(cache) => cache.load(&folder, size, &|_, _| ()),
        None => Pictures::load(&folder, size, &|_, _| ()),
    });
    let pictures = pictures.await??;
    let skipped = pictures
        .skipped
        .iter()
        .map(|skipped| json!({"path": skipped.path, "reason": skipped.reason.to_string()}));
    Ok(Json(json!({"usable": pictures.len(), "skipped": skipped.collect::<Vec<_>>()})))
}

/// A small picture, `<index>.png`.
pub async fn thumbnail(State(studio): Shared, Path((id, name)): Path<(usize, String)>) -> Answer<Response> {
    let index = name.strip_suffix(".png").and_then(|index| index.parse().ok());
    let file = studio.folders.file(id, index.ok_or_else(|| not_found("there is no such picture"))?)?;
    let pixels = worker::blocking(move || decode_file(&file, THUMBNAIL)).await?;
    png(&pixels.map_err(|why| unusable(why.to_string()))?, THUMBNAIL, THUMBNAIL)
}
