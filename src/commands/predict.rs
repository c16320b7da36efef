//! `pawgrad predict`

use super::load::{ModelArgs, batch};
use super::output::{errln, outln};
use super::paths::path;
use crate::data::paths::did_you_mean;
use crate::data::{Found, Raster, Skip, Skipped, decode_file, decode_input, folder};
use crate::error::{Result, count, error, path_text, shown, shown_path};
use crate::run::pictures::{by_reason, folders_line};
use crate::train::evaluate::{predicted, scores};
use clap::Args;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct PredictArgs {
    /// Pictures, or folders of pictures; - is a picture from the standard input
    #[arg(required = true, value_name = "IMAGE|DIR", value_parser = path())]
    pictures: Vec<PathBuf>,
    #[command(flatten)]
    model: ModelArgs,
    /// Print one JSON object per picture
    #[arg(long)]
    json: bool,
}

/// One line of `--json`.
#[derive(Serialize)]
struct Prediction<'a> {
    path: String,
    class: &'a str,
    /// Of that class.
    probability: f32,
    /// Of every class.
    scores: BTreeMap<&'a str, f32>,
}

pub async fn run(args: PredictArgs) -> Result<()> {
    let (model, _) = args.model.load().await?;
    let Found { pictures: paths, passed: mut skipped, folders } = files(&args.pictures)?;
    let classes = &model.network.classes;
    let (mut counts, mut unusable) = (vec![0; classes.len()], 0);
    for chunk in paths.chunks(batch("a prediction", &model, paths.len(), &[])?) {
        let mut pixels = Vec::new();
        let mut decoded = Vec::new();
        let raster = model.network.raster();
        let results: Vec<_> = chunk.par_iter().map(|path| decode(path, raster)).collect();
        for (path, result) in chunk.iter().zip(results) {
            match result {
                Ok(bytes) => {
                    pixels.extend(bytes);
                    decoded.push(path);
                }
                Err(reason) => {
                    let meant = if is_input(path) { String::new() } else { did_you_mean(path) };
                    errln!("skipped {}: {reason}{meant}", shown_path(path));
                    unusable += 1;
                    skipped.push(Skipped { path: path.clone(), reason });
                }
            }
        }
        if decoded.is_empty() {
            continue;
        }
        let all = scores(&model, &pixels, decoded.len(), args.model.views()).await?;
        for (path, scores) in decoded.iter().zip(all) {
            let best = predicted(&scores);
            let prediction = Prediction {
                path: path_text(path),
                class: &classes[best],
                probability: scores[best],
                scores: classes.iter().map(String::as_str).zip(scores.iter().copied()).collect(),
            };
            print_prediction(&prediction, args.json);
            counts[best] += 1;
        }
    }
    // One picture has said all.
    let predicted: usize = counts.iter().sum();
    let files = count(predicted + skipped.len(), "file");
    if predicted + skipped.len() > 1 {
        let of_class = classes.iter().zip(counts).map(|(class, count)| format!("{} {count}", shown(class)));
        errln!("{}: {}", count(predicted, "picture"), of_class.collect::<Vec<_>>().join(", "));
        if !skipped.is_empty() {
            errln!("Passed over {} of {files}:\n{}", skipped.len(), by_reason(&skipped));
        }
        if let Some(line) = folders_line(&folders) {
            errln!("{line}");
        }
    }
    if unusable > 0 {
        return Err(error!(Data, "{unusable} of {files} could not be used as pictures"));
    }
    Ok(())
}

/// Classes that are named behind the first.
const OTHERS: usize = 2;

/// What stands for the standard input.
fn is_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The files that were named, and those of folders.
///
/// # Errors
/// `Data` for a folder without pictures; `Usage` where the standard input is to be read twice.
fn files(named: &[PathBuf]) -> Result<Found> {
    if named.iter().filter(|path| is_input(path)).count() > 1 {
        return Err(error!(Usage, "the standard input, -, holds one picture: name it once"));
    }
    let mut files = Found::default();
    for path in named {
        if is_input(path) || !path.is_dir() {
            files.pictures.push(path.clone());
            continue;
        }
        let inside = folder::pictures(path)?;
        if inside.pictures.is_empty() {
            let (dir, others) = (shown_path(path), by_reason(&inside.passed));
            let others = if others.is_empty() {
                "it is empty".to_string()
            } else {
                format!("its files are\n{others}")
            };
            return Err(error!(Data, "the folder {dir} holds no pictures: {others}"));
        }
        files.pictures.extend(inside.pictures);
        files.passed.extend(inside.passed);
        files.folders.extend(inside.folders);
    }
    Ok(files)
}

fn decode(path: &Path, raster: Raster) -> std::result::Result<Vec<u8>, Skip> {
    match is_input(path) {
        true => decode_input(std::io::stdin().lock(), raster),
        false => decode_file(path, raster),
    }
}

fn print_prediction(prediction: &Prediction, json: bool) {
    if json {
        outln!("{}", serde_json::to_string(prediction).expect("a prediction is plain data"));
    } else {
        let Prediction { path, class, probability, scores } = prediction;
        let mut others: Vec<_> = scores.iter().filter(|(name, _)| *name != class).collect();
        others.sort_by(|one, other| other.1.total_cmp(one.1));
        // Of two classes, the other one has the rest.
        let shown_others = if scores.len() > 2 { OTHERS } else { 0 };
        let others: String = others
            .iter()
            .take(shown_others)
            .map(|(name, score)| format!(", {} {:.1} %", shown(name), 100.0 * **score))
            .collect();
        outln!("{}: {} ({:.1} %){others}", shown(path), shown(class), 100.0 * probability);
    }
}
