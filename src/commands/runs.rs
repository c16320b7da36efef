//! `pawgrad runs`

use super::output::outln;
use crate::error::{Result, shown};
use crate::run::{RUNS, Summary, summaries};
use clap::Args;

#[derive(Args)]
pub struct RunsArgs {
    /// Print one JSON array with an object per run
    #[arg(long)]
    json: bool,
}

/// Columns, and whether they hold numbers, which end where their column does.
const COLUMNS: [(&str, bool); 11] = [
    ("run", false),
    ("end", false),
    ("epochs", true),
    ("best", true),
    ("last", true),
    ("rate", true),
    ("batch", true),
    ("size", true),
    ("seed", true),
    ("time", true),
    ("data", false),
];

pub fn run(args: RunsArgs) -> Result<()> {
    let runs = summaries()?;
    if args.json {
        outln!("{}", serde_json::to_string(&runs).expect("a summary is plain data"));
    } else if runs.is_empty() {
        outln!("No run in {RUNS}/ yet: `pawgrad train` makes one");
    } else {
        table(&runs).iter().for_each(|line| outln!("{line}"));
    }
    Ok(())
}

/// A head, a line for each run, and where a run failed its reason beneath.
fn table(runs: &[Summary]) -> Vec<String> {
    let rows: Vec<_> = runs.iter().map(cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].0.len()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).zip(COLUMNS).map(|((cell, width), (_, is_number))| {
            if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    let mut lines = vec![line(&COLUMNS.map(|(name, _)| name.to_string()))];
    for (run, cells) in runs.iter().zip(&rows) {
        lines.push(line(cells));
        let title = run.title.as_ref().map(|title| format!("  named {}", shown(title)));
        let reason = run.reason.as_ref().map(|reason| format!("  {}", shown(reason)));
        let problem = run.problem.as_ref().map(|problem| format!("  {}", shown(problem)));
        lines.extend([title, reason, problem].into_iter().flatten());
    }
    lines
}

fn cells(run: &Summary) -> [String; COLUMNS.len()] {
    let percent = |share: Option<f64>| share.map_or(missing(), |share| format!("{:.1} %", 100.0 * share));
    let data = match (&run.train_dir, run.training_pictures) {
        (Some(dir), Some(pictures)) => format!("{pictures} of {}", shown(dir)),
        (Some(dir), None) => shown(dir),
        _ => missing(),
    };
    [
        shown(&run.name),
        run.end.clone(),
        format!("{}/{}", run.epochs_done, text(run.epochs)),
        percent(run.best_val_accuracy),
        percent(run.val_accuracy),
        run.learning_rate.map_or(missing(), rate),
        text(run.batch_size),
        text(run.image_size),
        text(run.seed),
        run.seconds.map_or(missing(), duration),
        data,
    ]
}

fn missing() -> String {
    "-".to_string()
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or(missing(), |value| value.to_string())
}

/// As a person would type it.
fn rate(rate: f64) -> String {
    if (1e-5..1e5).contains(&rate) { rate.to_string() } else { format!("{rate:e}") }
}

/// `0.9 s`, `0:19`, `3:05`, `1:02:03`.
fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let all = seconds.round() as u64;
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
