//! `pawgrad evaluate`

use super::load::{ModelArgs, batch};
use super::output::{errln, outln};
use super::paths::path;
use super::progress::{Detail, Terminal};
use crate::error::{Result, count, error, list, shown, shown_path};
use crate::memory::{largest_that_fits, of_pictures, of_use};
use crate::model::Model;
use crate::run::{bundled_test, load_pictures, scan};
use crate::train::evaluate::{Evaluation, evaluate};
use clap::Args;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

#[derive(Args)]
pub struct EvaluateArgs {
    /// Folder with one sub-folder of pictures per class
    #[arg(long, default_value = "dataset/test_set", value_name = "DIR", value_parser = path())]
    test_dir: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(args: EvaluateArgs) -> Result<()> {
    let (model, origin) = args.model.load().await?;
    let train_dir = origin.train_dir();
    if let Some(note) = train_dir.and_then(|train_dir| bundled_test(train_dir, &args.test_dir)) {
        errln!("{note}");
    }
    let mut terminal = Terminal::new(if args.json { Detail::Quiet } else { Detail::Normal });
    let (folder, raster) = (scan(&args.test_dir)?, model.network.raster());
    let pictures = folder.files.len();
    let batch = batch_beside(&model, pictures)?;
    let pictures = load_pictures(&folder, raster, &mut terminal)?;
    let classes = &model.network.classes;
    if pictures.classes != *classes {
        let (found, wanted) = (list(&pictures.classes), list(classes));
        return Err(error!(
            Data,
            "{} has the classes {found}, the model {wanted}",
            shown_path(&args.test_dir)
        ));
    }
    let never = AtomicBool::new(false);
    let Some(evaluation) = evaluate(&model, &pictures, batch, &never).await? else { return Ok(()) };
    if args.json {
        let Evaluation { loss, accuracy, confusion } = &evaluation;
        let images = pictures.len();
        let json = serde_json::json!({
            "images": images, "loss": loss, "accuracy": accuracy, "classes": classes, "confusion": confusion,
            "verdict": evaluation.verdict(classes),
        });
        outln!("{json}");
    } else {
        outln!(
            "{}: accuracy {:.2} %, loss {:.4}",
            count(pictures.len(), "picture"),
            100.0 * evaluation.accuracy,
            evaluation.loss
        );
        print_confusion(classes, &evaluation.confusion);
        if let Some(verdict) = evaluation.verdict(classes) {
            outln!("\n{verdict}");
        }
    }
    Ok(())
}

/// How many pictures are computed at a time while all of them lie there decoded.
fn batch_beside(model: &Model, pictures: usize) -> Result<usize> {
    let raster = model.network.raster();
    let what = format!("evaluating {pictures} pictures of {raster} pixels");
    batch(&what, model, pictures, &[of_pictures(pictures, raster)]).or_else(|why| {
        let needs = |pictures| Ok([of_use(model, 1)?, vec![of_pictures(pictures, raster)]].concat());
        let fits = match largest_that_fits(1..pictures, needs)? {
            Some(pictures) => format!("{pictures} pictures would fit"),
            None => "not even one would fit".to_string(),
        };
        let message = format!("{}; {fits}", why.message);
        Err(why.saying(message))
    })
}

/// Rows are what pictures show, columns what they were taken for.
fn print_confusion(classes: &[String], confusion: &[Vec<usize>]) {
    let classes: Vec<_> = classes.iter().map(shown).collect();
    let width = classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(6);
    let header: Vec<_> = classes.iter().map(|class| format!("{class:>width$}")).collect();
    outln!("\n{:>width$}   taken for", "");
    outln!("{:>width$} {}", "is", header.join(" "));
    for (class, row) in classes.iter().zip(confusion) {
        let cells: Vec<_> = row.iter().map(|count| format!("{count:>width$}")).collect();
        outln!("{class:>width$} {}", cells.join(" "));
    }
}
