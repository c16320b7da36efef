//! `pawgrad evaluate`

use super::load::{ModelArgs, batch};
use super::output::{errln, outln};
use super::paths::path;
use super::progress::{Detail, Terminal};
use crate::data;
use crate::error::{Result, count, error, list, shown, shown_path};
use crate::memory::{largest_that_fits, of_pictures, of_use};
use crate::model::Model;
use crate::run::{bundled_test, load_pictures, scan};
use crate::train::Progress;
use crate::train::evaluate::{ClassScores, Evaluation, evaluate};
use crate::train::settings::validation_split_problem;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

#[derive(Args)]
pub struct EvaluateArgs {
    /// Folder with one sub-folder of pictures per class [default: what the run kept from training, else dataset/test_set]
    #[arg(long, value_name = "DIR", value_parser = path())]
    test_dir: Option<PathBuf>,
    /// Only this share of each class: what a training with the same share of that folder kept
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true, requires = "test_dir")]
    validation_split: Option<f64>,
    #[command(flatten)]
    model: ModelArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub async fn run(args: EvaluateArgs) -> Result<()> {
    let (model, origin) = args.model.load().await?;
    if let Some(message) = args.validation_split.and_then(validation_split_problem) {
        return Err(error!(Usage, "--validation-split: {message}"));
    }
    let (test_dir, split, kept) = match args.test_dir {
        Some(dir) => (dir, args.validation_split, None),
        None => match origin.kept() {
            Some((dir, share, kept)) => (dir.to_path_buf(), Some(share), Some(kept)),
            None => ("dataset/test_set".into(), None, None),
        },
    };
    let train_dir = origin.train_dir().filter(|_| split.is_none());
    if let Some(note) = train_dir.and_then(|train_dir| bundled_test(train_dir, &test_dir)) {
        errln!("{note}");
    }
    let mut terminal = Terminal::new(if args.json { Detail::Quiet } else { Detail::Normal });
    let (folder, raster) = (scan(&test_dir)?, model.network.raster());
    let batch = batch_beside(&model, data::at_once(folder.files.len(), split))?;
    let mut pictures = load_pictures(&folder, raster, &mut terminal)?;
    if let Some(share) = split {
        pictures = pictures.split(share)?;
        terminal.message(&format!("Of these, {} that a training keeps to test on", pictures.len()));
        if let Some(kept) = kept.filter(|kept| **kept != *pictures.counts()) {
            terminal.warning(&format!(
                "Note: the folder has changed since the training, which kept {} pictures. It may have seen some of these",
                kept.iter().sum::<usize>()
            ));
        }
    }
    let classes = &model.network.classes;
    if pictures.classes != *classes {
        let (found, wanted) = (list(&pictures.classes), list(classes));
        return Err(error!(Data, "{} has the classes {found}, the model {wanted}", shown_path(&test_dir)));
    }
    let never = AtomicBool::new(false);
    let Some(evaluation) = evaluate(&model, &pictures, batch, args.model.views(), &never).await? else {
        return Ok(());
    };
    if !evaluation.loss.is_finite() {
        let loss = evaluation.loss;
        return Err(error!(
            Diverged,
            "the loss is {loss}: the model's weights are too large for these pictures"
        ));
    }
    if args.json {
        let Evaluation { loss, accuracy, confusion } = &evaluation;
        let images = pictures.len();
        let per_class: serde_json::Map<_, _> =
            classes.iter().cloned().zip(evaluation.of_classes().iter().map(|class| json!(class))).collect();
        let json = json!({
            "images": images, "loss": loss, "accuracy": accuracy, "classes": classes, "confusion": confusion,
            "per_class": per_class, "verdict": evaluation.verdict(classes),
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
        print_classes(classes, &evaluation.of_classes());
        if let Some(verdict) = evaluation.verdict(classes) {
            outln!("\n{verdict}");
        }
    }
    Ok(())
}

/// How many pictures are computed at a time while all of them lie there decoded.
fn batch_beside(model: &Model, pictures: usize) -> Result<usize> {
    let raster = model.network.raster();
    let what = format!("evaluating {pictures} pictures of {raster}");
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

/// Classes of the largest table that fits a terminal, and mistakes that are listed in the place of a larger one.
const MOST_COLUMNS: usize = 16;
const MISTAKES: usize = 20;

/// Rows are what pictures show, columns what they were taken for.
fn print_confusion(classes: &[String], confusion: &[Vec<usize>]) {
    if classes.len() > MOST_COLUMNS {
        return print_mistakes(classes, confusion);
    }
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

/// What was taken for something else most often.
fn print_mistakes(classes: &[String], confusion: &[Vec<usize>]) {
    let cells = confusion.iter().enumerate().flat_map(|(class, row)| {
        row.iter().enumerate().map(move |(taken_for, count)| (*count, class, taken_for))
    });
    let mut mistakes: Vec<_> =
        cells.filter(|(count, class, taken_for)| *count > 0 && class != taken_for).collect();
    mistakes.sort_by_key(|(count, class, taken_for)| (std::cmp::Reverse(*count), *class, *taken_for));
    if !mistakes.is_empty() {
        outln!("\nMost often taken for something else:");
    }
    for (count, class, taken_for) in mistakes.into_iter().take(MISTAKES) {
        outln!("{count:>6}  {}, taken for {}", shown(&classes[class]), shown(&classes[taken_for]));
    }
}

fn print_classes(classes: &[String], scores: &[ClassScores]) {
    let classes: Vec<_> = classes.iter().map(shown).collect();
    let width = classes.iter().map(|class| class.chars().count()).max().unwrap_or(0).max(6);
    outln!("\n{:>width$} {:>9} {:>9} {:>9} {:>9}", "class", "pictures", "precision", "recall", "F1");
    let percent =
        |share: Option<f64>| share.map_or("-".to_string(), |share| format!("{:.1} %", 100.0 * share));
    for (class, ClassScores { pictures, precision, recall, f1 }) in classes.iter().zip(scores) {
        let [precision, recall, f1] = [precision, recall, f1].map(|share| percent(*share));
        outln!("{class:>width$} {pictures:>9} {precision:>9} {recall:>9} {f1:>9}");
    }
}
