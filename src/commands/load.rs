//! Loading what several commands need: pictures with a progress bar, files, the newest model.

use super::progress::decode_bar;
use crate::data::{Cache, Folder, Pictures};
use crate::device::Device;
use crate::error::{Error, Result, error};
use crate::model::Model;
use crate::train::run_folder::MODEL_FILE;
use std::path::{Path, PathBuf};

/// Most skipped files that are listed one by one.
const LISTED: usize = 20;

/// All pictures of a folder, decoded now or earlier; files that had to be skipped are listed on stderr.
pub fn load_pictures(dir: &Path, image_size: usize, quiet: bool) -> Result<Pictures> {
    let folder = Folder::scan(dir)?;
    let bar = decode_bar(&folder, quiet);
    let progress = |done, _total| bar.set_position(done as u64);
    let pictures = match Cache::of_user() {
        Some(cache) => cache.load(&folder, image_size, &progress)?,
        None => Pictures::load(&folder, image_size, &progress)?,
    };
    bar.finish_and_clear();
    if !quiet {
        let (count, classes) = (pictures.len(), pictures.classes.join(", "));
        eprintln!(
            "Found {count} pictures of {} classes ({classes}) in {}",
            pictures.classes.len(),
            dir.display()
        );
    }
    if !pictures.skipped.is_empty() {
        eprintln!("Skipped {} files:", pictures.skipped.len());
        for skipped in pictures.skipped.iter().take(LISTED) {
            eprintln!("  {skipped}");
        }
        if pictures.skipped.len() > LISTED {
            eprintln!("  … and {} more", pictures.skipped.len() - LISTED);
        }
    }
    Ok(pictures)
}

/// The model of `file`, or of the newest run.
pub fn load_model(file: Option<&Path>, device: &Device) -> Result<Model> {
    let file = match file {
        Some(file) => file.to_path_buf(),
        None => newest_model()?,
    };
    let bytes = read_file(&file)?;
    Model::from_bytes(&bytes, device, true).map_err(|why| named(&file, why))
}

/// A model or weights file as bytes.
pub fn read_file(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|why| error!(Model, "{} cannot be read: {why}", file.display()))
}

/// The error with the file's name in front.
pub fn named(file: &Path, why: Error) -> Error {
    Error::new(why.kind, format!("{}: {}", file.display(), why.message))
}

/// The model of the newest folder in `runs`, by its name, which is its time.
fn newest_model() -> Result<PathBuf> {
    let runs = std::fs::read_dir("runs").into_iter().flatten().flatten();
    let models = runs.map(|run| run.path().join(MODEL_FILE)).filter(|model| model.is_file());
    models.max().ok_or_else(|| {
        error!(
            Model,
            "there is no finished run in runs/: train one with `pawgrad train`, or name a file with --model"
        )
    })
}
