//! `pawgrad predict`

use super::load::{ModelArgs, batch};
use super::output::{errln, outln};
use crate::data::{decode_file, folder, tally};
use crate::error::{Result, error, path_text, shown, shown_path};
use crate::train::evaluate::{predicted, scores};
use clap::Args;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Args)]
pub struct PredictArgs {
    /// Pictures, or folders of pictures
    #[arg(required = true, value_name = "IMAGE|DIR")]
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
    let model = args.model.load().await?;
    let mut paths = Vec::new();
    for path in &args.pictures {
        if !path.is_dir() {
            paths.push(path.clone());
            continue;
        }
        let found = folder::pictures(path)?;
        if !found.passed.is_empty() {
            let (dir, files) = (shown_path(path), found.passed.len());
            errln!("passed over {files} files in {dir}: {}", tally(&found.passed));
        }
        if found.pictures.is_empty() {
            return Err(error!(Data, "the folder {} holds no pictures", shown_path(path)));
        }
        paths.extend(found.pictures);
    }

    let (mut shown, mut skipped) = (0, 0);
    for chunk in paths.chunks(batch("a prediction", &model, paths.len(), &[])?) {
        let mut pixels = Vec::new();
        let mut decoded = Vec::new();
        let size = model.network.image_size;
        let results: Vec<_> = chunk.par_iter().map(|path| decode_file(path, size)).collect();
        for (path, result) in chunk.iter().zip(results) {
            match result {
                Ok(bytes) => {
                    pixels.extend(bytes);
                    decoded.push(path);
                }
                Err(reason) => {
                    skipped += 1;
                    errln!("skipped {}: {reason}", shown_path(path));
                }
            }
        }
        if decoded.is_empty() {
            continue;
        }
        let classes = &model.network.classes;
        for (path, scores) in decoded.iter().zip(scores(&model, &pixels, decoded.len()).await?) {
            let best = predicted(&scores);
            let prediction = Prediction {
                path: path_text(path),
                class: &classes[best],
                probability: scores[best],
                scores: classes.iter().map(String::as_str).zip(scores.iter().copied()).collect(),
            };
            print_prediction(&prediction, args.json);
            shown += 1;
        }
    }
    if skipped > 0 || shown == 0 {
        return Err(error!(Data, "{skipped} of {} files could not be used as pictures", paths.len()));
    }
    Ok(())
}

fn print_prediction(prediction: &Prediction, json: bool) {
    if json {
        outln!("{}", serde_json::to_string(prediction).expect("a prediction is plain data"));
    } else {
        let Prediction { path, class, probability, .. } = prediction;
        outln!("{}: {} ({:.1} %)", shown(path), shown(class), 100.0 * probability);
    }
}
