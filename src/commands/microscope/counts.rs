//! What the rungs of a kernel do, in numbers.

use super::args::MicroscopeArgs;
use super::subject::{network_case, no_layer};
use crate::check::Case;
use crate::commands::output::outln;
use crate::error::{Result, error, shown};
use crate::microscope::counts::{Counts, count, least_bytes};
use crate::microscope::job::Job;
use crate::microscope::limits::Limits;
use serde::Serialize;

/// Groups that are run to count, of grids with more.
const SAMPLE: u64 = 12;

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    kernel: &'static str,
    layer: &'static str,
    image_size: u32,
    batch: u32,
    subgroup: u32,
    /// Bytes that a call must move at least.
    least_bytes: u64,
    rungs: Vec<Rung>,
}

#[derive(Serialize)]
struct Rung {
    rung: &'static str,
    /// Why it is not counted.
    refused: Option<String>,
    passes: Vec<Counts>,
}

pub fn run(args: &MicroscopeArgs) -> Result<()> {
    let case = network_case(args, &args.kernel, args.batch_size)?.ok_or_else(|| no_layer(&args.kernel))?;
    let report = report(&case, args)?;
    if args.json {
        let text = serde_json::to_string(&report).map_err(|why| error!(Other, "no JSON: {why}"))?;
        outln!("{text}");
    } else {
        print(&report);
    }
    Ok(())
}

fn report(case: &Case, args: &MicroscopeArgs) -> Result<Report> {
    let [inputs, outputs] = case.zeros();
    let names: Vec<_> =
        case.call.sources().iter().filter(|source| source.fits).map(|source| source.rung).collect();
    let asked = args.rung.as_deref().unwrap_or("all");
    let wanted: Vec<_> = names.iter().copied().filter(|name| asked == "all" || asked == *name).collect();
    if wanted.is_empty() {
        let (kernel, rung) = (&args.kernel, shown(asked));
        return Err(error!(
            Usage,
            "{kernel} has no rung {rung} for these sizes: there are {}",
            names.join(", ")
        ));
    }
    let mut rungs = Vec::new();
    for rung in wanted {
        let job = Job::new(&*case.call, rung, args.subgroup);
        let counted = job.and_then(|job| {
            count(&job, job.buffers(&inputs, &outputs), args.subgroup, SAMPLE, Limits::default())
        });
        rungs.push(match counted {
            Ok(passes) => Rung { rung, refused: None, passes },
            Err(why) => Rung { rung, refused: Some(why.to_string()), passes: Vec::new() },
        });
    }
    Ok(Report {
        kernel: case.call.name(),
        layer: case.why,
        image_size: args.image_size,
        batch: args.batch_size,
        subgroup: args.subgroup,
        least_bytes: least_bytes(&inputs, &outputs),
        rungs,
    })
}

fn print(report: &Report) {
    let Report { kernel, layer, image_size, batch, subgroup, least_bytes, .. } = report;
    outln!(
        "{kernel}, {layer}: pictures of {image_size}x{image_size}, batch {batch}; subgroups of {subgroup}"
    );
    outln!("A call must move at least {} of buffers.\n", short(*least_bytes as f64));
    outln!(
        "{:<12} {:<20} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {:>9} {:>6} {:>7}",
        "rung",
        "pass",
        "groups",
        "mul-add",
        "float",
        "integer",
        "loads",
        "sectors",
        "at best",
        "shared/ma",
        "banks",
        "active"
    );
    for Rung { rung, refused, passes } in &report.rungs {
        if let Some(why) = refused {
            outln!("{rung:<12} is not counted: {why}");
        }
        for pass in passes {
            let shared = pass.shared_loads.accesses + pass.shared_stores.accesses;
            let share = if pass.multiply_adds > 0.0 { shared / pass.multiply_adds } else { 0.0 };
            let turns = pass.shared_loads.turns + pass.shared_stores.turns;
            let least = pass.shared_loads.least_turns + pass.shared_stores.least_turns;
            let banks = if least > 0.0 { format!("{:.2}x", turns / least) } else { "-".to_string() };
            outln!(
                "{rung:<12} {:<20} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {share:>9.2} {banks:>6} {:>6.0}%",
                pass.entry,
                pass.groups,
                short(pass.multiply_adds),
                short(pass.floats),
                short(pass.integers),
                short(pass.loads.accesses + pass.texels.accesses),
                short(pass.loads.sectors + pass.texels.sectors),
                short(pass.loads.least_sectors + pass.texels.least_sectors),
                pass.active * 100.0
            );
        }
    }
    let sampled = report.rungs.iter().flat_map(|rung| &rung.passes).any(|pass| pass.sampled < pass.groups);
    if sampled {
        outln!("\nOf grids with more than {SAMPLE} groups, {SAMPLE} were run, spread evenly, and scaled.");
    }
}

/// A number with three digits.
fn short(number: f64) -> String {
    let (number, unit) = match number {
        1e9.. => (number / 1e9, "G"),
        1e6.. => (number / 1e6, "M"),
        1e3.. => (number / 1e3, "k"),
        _ => return format!("{number:.0}"),
    };
    let digits = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    format!("{number:.digits$}{unit}")
}
