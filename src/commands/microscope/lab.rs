//! A shader of one's own in the place of a kernel's.

use super::args::MicroscopeArgs;
use super::subject::{network_case, no_kernel, no_layer};
use crate::check::Case;
use crate::check::timing::{Compared, Spread};
use crate::commands::output::{errln, outln};
use crate::device::Precision;
use crate::device::adapters::{Choice, open};
use crate::error::{Result, error, shown, shown_path};
use crate::files::read_text;
use crate::microscope::Refusal;
use crate::microscope::lab::{
    Beside, Exercise, Reached, Settings, Totals, Trial, Verdict, Wrong, attempt, nearest, rungs, trial,
};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Bytes of the longest file that is read.
const LONGEST: u64 = 1 << 20;
/// Between two looks whether a file is another.
const LOOK: Duration = Duration::from_millis(200);

/// Tries a file once, or again each time it is saved.
pub async fn run(args: &MicroscopeArgs, file: &Path) -> Result<()> {
    if !args.watch {
        return match try_file(args, file).await? {
            true => Ok(()),
            false => Err(error!(Other, "{} is not what it should be yet", shown_path(file))),
        };
    }
    errln!("Trying {} each time it is saved. Ctrl-C ends it.", shown_path(file));
    let mut last: Option<SystemTime> = None;
    loop {
        // An editor that saves by renaming leaves no file for a moment.
        let saved = std::fs::metadata(file).and_then(|about| about.modified()).ok();
        if saved.is_some() && saved != last {
            if last.is_some() {
                outln!();
            }
            last = saved;
            if let Err(why) = try_file(args, file).await {
                errln!("error: {}", why.message);
            }
        }
        std::thread::sleep(LOOK);
    }
}

/// Whether a file is right, and has reached its goals.
async fn try_file(args: &MicroscopeArgs, file: &Path) -> Result<bool> {
    let name = shown_path(file);
    let refused = |why: Refusal| error!(Usage, "{name}: {why}");
    let text = read_text(file, LONGEST).map_err(|why| error!(Data, "{name} cannot be read: {why}"))?;
    let exercise = Exercise::of(&text).map_err(|why: Refusal| error!(Data, "{name}: {why}"))?;
    let of_file = exercise.as_ref().map(|exercise| (exercise.kernel.clone(), exercise.rung.clone()));
    let (kernel, rung) = match (&args.kernel_of_file, of_file) {
        (Some(kernel), Some((named, rung))) if *kernel == named => (named, Some(rung)),
        (Some(kernel), _) => (kernel.clone(), None),
        (None, Some((named, rung))) => (named, Some(rung)),
        (None, None) => {
            return Err(error!(Usage, "{name} does not say what it is: name its kernel with --as"));
        }
    };
    let rungs = rungs(&kernel).map_err(|_| no_kernel(&kernel))?;
    let is_named = args.rung.is_some() || rung.is_some();
    let rung = match args.rung.clone().or(rung) {
        Some(rung) => rung,
        None => in_file_name(file, &rungs)
            .map_or_else(|| nearest(&kernel, &text), Ok)
            .map_err(refused)?
            .to_string(),
    };
    let settings = Settings { subgroup: args.subgroup, ..Settings::default() };
    // Not every kernel is one of the network's; then nothing is counted.
    let case = network_case(args, &kernel, args.batch_size)?;
    if let (None, Some(_)) = (&case, &args.layer) {
        return Err(no_layer(&kernel));
    }
    let trial = trial(&kernel, &rung, &text, settings).map_err(refused)?;
    let attempt = attempt(trial, exercise.as_ref(), case.as_ref(), args.subgroup).map_err(refused)?;
    if args.json {
        outln!("{}", json!({"trial": attempt.trial, "counts": attempt.counts, "goals": attempt.goals}));
        return Ok(attempt.is_done);
    }
    print_trial(&attempt.trial, &name, &text);
    let others: Vec<_> = rungs.into_iter().filter(|other| *other != rung).collect();
    if !is_named && !others.is_empty() {
        outln!(
            "tried in the place of {rung}, which it is most like; name another with --rung: {}",
            others.join(", ")
        );
    }
    if let (Some(counts), Some(case)) = (&attempt.counts, case) {
        print_counts(counts, &case);
        if let Some(choice) = &args.device {
            print_times(attempt.trial, case, choice, args.subgroup).await?;
        }
    }
    let wanted = exercise.iter().flat_map(|exercise| &exercise.goals);
    for (wanted, Reached { goal, count, reached }) in wanted.zip(&attempt.goals) {
        let it_is = match count {
            Some(count) if wanted.is_share => format!("it is {} of the original", three(*count)),
            Some(count) => format!("it is {}", three(*count)),
            None => "the original has none".to_string(),
        };
        outln!("goal: {goal}: {it_is}, {}", if *reached { "reached" } else { "not yet" });
    }
    if exercise.is_some() && attempt.is_done {
        outln!("solved");
    }
    Ok(attempt.is_done)
}

/// The rung that the name of a file says, as those of shaders do: `dense.2_shared.wgsl`.
fn in_file_name(file: &Path, rungs: &[&'static str]) -> Option<&'static str> {
    let stem = file.file_stem()?.to_str()?;
    rungs.iter().copied().find(|rung| stem.rsplit('.').next() == Some(*rung) && stem != *rung)
}

fn print_trial(trial: &Trial, name: &str, text: &str) {
    let Trial { kernel, rung, verdict, right, cases, .. } = trial;
    let quoted = |line: u32| text.lines().nth(line as usize - 1).unwrap_or_default().trim().to_string();
    outln!("{name} as {kernel}, {rung}");
    match verdict {
        Verdict::Right => {
            outln!("right: equal to the definition in {right} of {cases} trials, nothing found");
            if right < cases {
                outln!("the other trials are larger, and were left out");
            }
        }
        Verdict::Refused { line, what } => {
            outln!("not valid: {}", shown(what));
            line.iter().for_each(|&line| outln!("  {line:>4}  {}", shown(quoted(line))));
        }
        Verdict::Found { findings, case } => {
            for finding in findings {
                outln!("found: {}", shown(finding));
                finding.lines.iter().for_each(|&line| outln!("  {line:>4}  {}", shown(quoted(line))));
            }
            outln!("case: {case}");
        }
        Verdict::Wrong(Wrong { name, place, got, expected, count, len, thread, group, line, hint, case }) => {
            outln!(
                "wrong: {name}{place:?} is {got}, and should be {expected}; {count} of {len} values differ"
            );
            match (thread, group, line) {
                (Some(thread), Some([x, y, z]), Some(line)) => {
                    outln!("it is written by thread {thread} of group {x}, {y}, {z}:");
                    outln!("  {line:>4}  {}", shown(quoted(*line)));
                }
                _ => outln!("no thread writes it; before the first write, every value of an output is a NaN"),
            }
            hint.iter().for_each(|hint| outln!("{hint}"));
            outln!("case: {case}");
        }
    }
}

/// Times a text that was right: some groups run in the microscope first, at the sizes of `case`.
async fn print_times(trial: Trial, case: Case, choice: &Choice, subgroup: u32) -> Result<()> {
    let watched = trial.watch(case, subgroup)?;
    let (device, line) = open(choice, Precision::F32).await?;
    let Compared { edited, original, ratio, ratio_low, ratio_high } = watched.times(&device, &|| ()).await?;
    let ms = |Spread { median, low, high, .. }: Spread| {
        let [median, low, high] = [median, low, high].map(|seconds| seconds * 1e3);
        format!("{median:.3} ms ({low:.3} to {high:.3})")
    };
    outln!("time on {line}, all checks on: {}, the original {}", ms(edited), ms(original));
    outln!("share: {ratio:.2} ({ratio_low:.2} to {ratio_high:.2})");
    Ok(())
}

/// What is counted: the word of goals, what it is, and the count; `None` where there is nothing of the kind.
type Row = (&'static str, &'static str, fn(&Totals) -> Option<f64>);

fn print_counts(counts: &Beside, case: &Case) {
    let Beside { edited, original, notes } = counts;
    outln!(
        "\n{:<48} {:>12} {:>12} {:>8}",
        format!("{}, {}", case.why, case.call.name()),
        "this",
        "the original",
        "share"
    );
    // Goals use the first word.
    let rows: [Row; 10] = [
        ("", "multiply-adds", |totals| Some(totals.multiply_adds)),
        ("accesses", "loads and stores of buffers", |totals| Some(totals.accesses)),
        ("sectors", "pieces of 32 bytes that these touch", |totals| Some(totals.sectors)),
        ("shared", "loads and stores of workgroup memory", |totals| Some(totals.shared)),
        ("conflicts", "these take so many times as long", |totals| {
            (totals.shared > 0.0).then_some(totals.conflicts)
        }),
        ("barriers", "that groups pass", |totals| Some(totals.barriers)),
        ("instructions", "of subgroups", |totals| Some(totals.instructions)),
        ("active", "share of a subgroup's threads", |totals| Some(totals.active)),
        ("", "threads of a group", |totals| Some(totals.group_threads as f64)),
        ("", "bytes of its workgroup memory", |totals| Some(totals.group_bytes as f64)),
    ];
    for (word, name, get) in rows {
        let (one, other) = (get(edited), get(original));
        let share = one.zip(other).filter(|(_, other)| *other > 0.0).map(|(one, other)| one / other);
        let or_none = |v: Option<f64>, shown: fn(f64) -> String| v.map_or_else(|| "-".to_string(), shown);
        let number = |v: f64| if v.fract() == 0.0 || v >= 1000.0 { format!("{v:.0}") } else { three(v) };
        let [one, other] = [one, other].map(|v| or_none(v, number));
        outln!("{word:<12} {name:<35} {one:>12} {other:>12} {:>8}", or_none(share, three));
    }
    notes.iter().for_each(|note| outln!("note: {note}"));
}

/// Three digits that matter.
fn three(x: f64) -> String {
    let digits = match x.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        0.0 => 2,
        _ => 4,
    };
    format!("{x:.digits$}")
}
