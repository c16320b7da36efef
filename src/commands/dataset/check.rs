//! `pawgrad dataset check`

use crate::commands::advice::sentence;
use crate::commands::choices::one_of;
use crate::commands::numbers::whole;
use crate::commands::output::{lines, outln};
use crate::commands::paths::path;
use crate::commands::progress::{Detail, Terminal};
use crate::data::{Color, Folder, Pictures, Raster, concerns};
use crate::error::{Result, count, error, path_text};
use crate::run::pictures::{describe, load, must_fit, report};
use crate::run::scan;
use crate::train::settings::image_size_problem;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Looks at everything that training would stumble over: which files are pictures, which of them are damaged, which are in two
/// classes or two folders. Exit code 3 where something was found.
#[derive(Args)]
pub struct CheckArgs {
    /// Folders with one sub-folder of pictures per class, such as a training and a test folder
    #[arg(required = true, value_name = "DIR", value_parser = path())]
    folders: Vec<PathBuf>,
    /// Height and width to which pictures are decoded; two are the same where they are equal at this size
    #[arg(long, default_value_t = 64, value_name = "PIXELS", value_parser = whole::<usize>, allow_negative_numbers = true)]
    image_size: usize,
    /// Whether they are decoded to gray or to colours
    #[arg(long, default_value = "gray", value_name = "gray|rgb", value_parser = one_of(Color::ALL))]
    color: Color,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: CheckArgs) -> Result<()> {
    let size = args.image_size;
    if let Some(problem) = image_size_problem(size) {
        return Err(error!(Usage, "--image-size {problem}"));
    }
    let raster = Raster { size, color: args.color };
    let mut terminal = Terminal::new(if args.json { Detail::Quiet } else { Detail::Normal });
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for dir in &args.folders {
        let loaded = scan(dir).and_then(|folder| {
            must_fit(&[&folder], raster, None)?;
            Ok((load(&folder, raster, &mut terminal)?, folder))
        });
        match loaded {
            Ok((pictures, folder)) => good.push((folder, pictures)),
            Err(why) => bad.push((dir, why)),
        }
    }
    let sets: Vec<(&Folder, &Pictures)> = good.iter().map(|(folder, pictures)| (folder, pictures)).collect();
    let concerns = concerns(&sets);
    if args.json {
        let failed = bad.iter().map(|(dir, why)| json!({"folder": path_text(dir), "error": why.message}));
        let folders: Vec<Value> =
            sets.iter().map(|(folder, pictures)| report(folder, pictures)).chain(failed).collect();
        outln!("{}", json!({"folders": folders, "concerns": concerns}));
    } else {
        for (folder, pictures) in &sets {
            lines(&describe(folder, pictures), true);
        }
        // The message names the folder.
        for (_, why) in &bad {
            outln!("{}", sentence(why));
        }
        for concern in &concerns {
            outln!("Note: {concern}");
        }
    }
    let unusable: usize = sets
        .iter()
        .map(|(_, pictures)| pictures.skipped.iter().filter(|file| !file.reason.is_usual()).count())
        .sum();
    let found = [
        (bad.len(), "folder", "that cannot be used"),
        (unusable, "file", "that cannot be used"),
        (concerns.len(), "thing", "to note"),
    ];
    let found = found.into_iter().filter(|(number, ..)| *number > 0);
    let found: Vec<_> =
        found.map(|(number, noun, which)| format!("{} {which}", count(number, noun))).collect();
    match found.is_empty() {
        true => Ok(()),
        false => Err(error!(Data, "found {}", found.join(", "))),
    }
}
