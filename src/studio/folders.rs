//! Data folders that somebody named: what is in them, and small pictures of what is.

use super::advice::sentence;
use super::answer::{Answer, Body, not_found, of_png, png, unusable};
use super::recent::Recent;
use super::worker;
use crate::data::paths::tidy;
use crate::data::{self, Color, Concern, Folder, Raster, decode_file};
use crate::device::Device;
use crate::error::{Error, Remedy, path_text};
use crate::run::defaults::default_image_size;
use crate::run::pictures::{must_fit, passed_folders, report};
use crate::run::scan_while;
use crate::train::settings::image_size_problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{self, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Pixels of a thumbnail in height and width.
const THUMBNAIL: usize = 96;
/// Thumbnails of each class.
const SHOWN: usize = 4;
/// Most folders that a path is completed to.
const COMPLETED: usize = 50;
/// Most folders that are remembered: a page asks for a handful.
const REMEMBERED: usize = 64;

/// The folders that were named, by number.
pub struct Folders {
    recent: Recent<Arc<Folder>>,
    /// One is checked at a time: each takes the memory of its pictures.
    checking: tokio::sync::Mutex<()>,
}

impl Default for Folders {
    fn default() -> Folders {
        let recent = Recent::new(REMEMBERED, usize::MAX, |_| 0);
        Folders { recent, checking: tokio::sync::Mutex::default() }
    }
}

impl Folders {
    fn add(&self, folder: Folder) -> (u64, Arc<Folder>) {
        let folder = Arc::new(folder);
        let id =
            self.recent.find(|known| *known == folder).unwrap_or_else(|| self.recent.add(folder.clone()));
        (id, folder)
    }

    pub fn get(&self, id: u64) -> Answer<Arc<Folder>> {
        self.recent.get(id).ok_or_else(|| not_found("there is no such folder: name it again"))
    }

    /// The file at `index` of a folder.
    pub fn file(&self, id: u64, index: usize) -> Answer<PathBuf> {
        let folder = self.get(id)?;
        let file =
            folder.files.get(index).ok_or_else(|| not_found("there is no such picture in the folder"))?;
        inside(&folder.root.join(&file.path), &folder.root)
            .ok_or_else(|| not_found("the picture is no longer there, or lies elsewhere"))
    }

    /// The file at `path`, if it lies in one of the folders or among the bundled pictures.
    pub fn find(&self, path: &path::Path) -> Option<PathBuf> {
        let folders = self.recent.all();
        let roots = folders.iter().map(|folder| folder.root.as_path()).chain([path::Path::new("dataset")]);
        roots.into_iter().find_map(|root| inside(path, root)).filter(|file| file.is_file())
    }
}

/// `path` with all links followed, if it then still lies in `root`.
pub fn inside(path: &path::Path, root: &path::Path) -> Option<PathBuf> {
    let (path, root) = (path.canonicalize().ok()?, root.canonicalize().ok()?);
    path.starts_with(root).then_some(path)
}

#[derive(Deserialize)]
pub struct Named {
    path: PathBuf,
}

/// The path that was meant; `None` for one of another machine.
fn of_this_machine(path: &path::Path) -> Option<PathBuf> {
    // A link from elsewhere may bring a configuration along: its paths must not make this machine ask others. Quotes hide what
    // a path begins with, and to take them away it is looked for.
    let is_ours = |path: &path::Path| {
        !["\\\\", "//"].iter().any(|start| path.to_string_lossy().trim().starts_with(start))
    };
    is_ours(path).then(|| tidy(path)).filter(|path| is_ours(path))
}

/// The folders that a path which is being typed may become, at most [`COMPLETED`] of them by name: what a shell would complete.
/// As with [`open`], any folder of this machine may be named; hidden ones are not listed.
pub async fn complete(Body(named): Body<Named>) -> Answer<Json<Value>> {
    let text = named.path.to_string_lossy();
    let text = text.trim_start();
    // A quote that was opened is closed behind the path.
    let quote = text.chars().next().filter(|c| ['"', '\''].contains(c)).map(String::from).unwrap_or_default();
    let text = match &text[quote.len()..] {
        "~" => "~/",
        text => text,
    };
    let (typed, begin) = text.split_at(text.rfind(['/', std::path::MAIN_SEPARATOR]).map_or(0, |at| at + 1));
    let dir = if typed.is_empty() { "." } else { typed };
    let Some(dir) = of_this_machine(dir.as_ref()) else { return Ok(Json(json!({"folders": []}))) };
    let begin = begin.to_string();
    let names = worker::blocking(move || data::paths::folders_in(&dir, &begin, COMPLETED)).await?;
    let folders: Vec<_> = names.into_iter().map(|name| format!("{quote}{typed}{name}{quote}")).collect();
    Ok(Json(json!({"folders": folders})))
}

/// What is in a folder, before anything is decoded.
pub async fn open(State(folders): State<Arc<Folders>>, Body(named): Body<Named>) -> Answer<Json<Value>> {
    let Some(dir) = of_this_machine(&named.path) else {
        return Ok(Json(json!({"error": "folders of other machines are not looked into here"})));
    };
    // What is wrong with a folder is the answer to the question, not a failure: it is asked at every key.
    // Whoever types on stops it.
    let goes_on = Arc::new(AtomicBool::new(true));
    let _stops = Stops(goes_on.clone());
    let scanned = worker::blocking(move || scan_while(&dir, &|| goes_on.load(Relaxed)));
    let folder = match scanned.await? {
        Ok(folder) => folder,
        Err(Error { message, remedy: Some(Remedy::OneOfSets { training, test }), .. }) => {
            let sets = json!({"training": path_text(&training), "test": path_text(&test)});
            return Ok(Json(json!({"error": message, "sets": sets})));
        }
        Err(why) => return Ok(Json(json!({"error": sentence(&why)}))),
    };
    let (id, folder) = folders.add(folder);
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
        "folder": id, "root": path_text(&folder.root), "classes": classes.collect::<Vec<_>>(), "total": folder.files.len(),
        "passed": folder.passed.len(), "passed_folders": passed_folders(&folder), "thumbs": thumbs,
    })))
}

#[derive(Deserialize)]
pub struct Check {
    image_size: Option<usize>,
    /// A folder that will be used with this one: what they share is said.
    beside: Option<u64>,
    #[serde(default)]
    color: Color,
}

/// Decodes every file, as training will, and says which cannot be used, and what is odd.
pub async fn check(
    State(folders): State<Arc<Folders>>,
    Path(id): Path<u64>,
    Body(asked): Body<Check>,
) -> Answer<Json<Value>> {
    let folder = folders.get(id)?;
    let beside = asked.beside.map(|id| folders.get(id)).transpose()?;
    let size = asked.image_size.unwrap_or_else(|| default_image_size(&Device::cpu()));
    if let Some(problem) = image_size_problem(size) {
        return Err(unusable(problem));
    }
    let _turn = folders.checking.lock().await;
    let all: Vec<&Folder> = beside.iter().chain([&folder]).map(|folder| &**folder).collect();
    let raster = Raster { size, color: asked.color };
    must_fit(&all, raster, None)?;
    // Whoever leaves the page stops it.
    let goes_on = Arc::new(AtomicBool::new(true));
    let _stops = Stops(goes_on.clone());
    let sign = move |_, _| goes_on.load(Relaxed);
    let checked = worker::blocking(move || -> Result<Value, Error> {
        let pictures = data::load(&folder, raster, &sign)?;
        let own = (&*folder, &pictures);
        let mut concerns = data::concerns(&[own]);
        if let Some(beside) = beside {
            let others = data::load(&beside, raster, &sign)?;
            let of_both =
                |concern: &Concern| matches!(concern, Concern::SameFolder { .. } | Concern::Shared { .. });
            concerns.extend(data::concerns(&[(&*beside, &others), own]).into_iter().filter(of_both));
        }
        let mut report = report(&folder, &pictures);
        report["concerns"] = json!(concerns.iter().map(ToString::to_string).collect::<Vec<_>>());
        Ok(report)
    });
    Ok(Json(checked.await??))
}

struct Stops(Arc<AtomicBool>);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

/// A small picture, `<index>.png`.
pub async fn thumbnail(
    State(folders): State<Arc<Folders>>,
    Path((id, name)): Path<(u64, String)>,
) -> Answer<Response> {
    let file = folders.file(id, of_png(&name)? as usize)?;
    // As it is, whatever a network will see of it.
    let raster = Raster { size: THUMBNAIL, color: Color::Rgb };
    let pixels = worker::blocking(move || decode_file(&file, raster)).await?;
    png(&pixels.map_err(|why| unusable(why.to_string()))?, THUMBNAIL, THUMBNAIL)
}
