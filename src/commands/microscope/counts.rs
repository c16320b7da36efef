//! What the rungs of a kernel do, in numbers.

use super::args::MicroscopeArgs;
use super::subject::{network_case, no_layer};
use crate::check::Case;
use crate::commands::output::{errln, outln};
use crate::error::{Result, error, shown};
use crate::microscope::counts::{Counts, Sample, count, least_bytes};
use crate::microscope::job::Job;
use crate::microscope::limits::Limits;
use rayon::prelude::*;
use serde::Serialize;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What takes longer than this says how far it is.
const QUIET: Duration = Duration::from_secs(1);

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
    let (begun, of, done) = (Instant::now(), wanted.len(), AtomicUsize::new(0));
    let counted = |rung: &&'static str| {
        let job = Job::new(&*case.call, rung, args.subgroup);
        let counted = job.and_then(|job| {
            count(&job, job.buffers(&inputs, &outputs), args.subgroup, Sample::Enough, Limits::default())
        });
        let done = done.fetch_add(1, Relaxed) + 1;
        if begun.elapsed() > QUIET {
            errln!("counted {rung}, {done} of {of}");
        }
        match counted {
            Ok(passes) => Rung { rung, refused: None, passes },
            Err(why) => Rung { rung, refused: Some(why.to_string()), passes: Vec::new() },
        }
    };
    let rungs = wanted.par_iter().map(counted).collect();
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
    outln!("A call must move at least {}B of buffers.\n", spaced(*least_bytes as f64));
    outln!(
        "{:<12} {:<20} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>17} {:>9} {:>6} {:>8} {:>8} {:>7} {:>8}",
        "rung",
        "pass",
        "groups",
        "mul-add",
        "float",
        "integer",
        "loads",
        "stores",
        "sectors (fewest)",
        "shared/ma",
        "banks",
        "barriers",
        "instr.",
        "active",
        "counted"
    );
    for Rung { rung, refused, passes } in &report.rungs {
        if let Some(why) = refused {
            outln!("{rung:<12} is not counted: {why}");
        }
        passes.iter().for_each(|pass| print_pass(rung, pass));
    }
    outln!("\n{LEGEND}");
    let passes = || report.rungs.iter().flat_map(|rung| &rung.passes);
    if passes().any(|pass| pass.sampled < pass.threads) {
        let error = passes().map(|pass| pass.error).fold(0.0, f64::max);
        let error = (error * 1000.0).ceil() / 10.0;
        outln!(
            "counted    share of the threads that were run; the counts are scaled, give or take {error:.1}%"
        );
    }
}

/// The columns.
const LEGEND: &str = "\
float      arithmetic on floats but for multiply-adds; integer: on integers; both by threads, as multiply-adds are
loads      of buffers and textures, and stores, by threads; a vector is one
sectors    pieces of 32 bytes that these loads touch, by subgroups; in brackets, as few as there could be for the same bytes
shared/ma  loads and stores of workgroup memory for a multiply-add
banks      how many times as long these take since threads want other words of one bank; 1.00x is without conflicts
instr.     instructions that subgroups execute; active: the mean share of a subgroup's threads that execute one";

fn print_pass(rung: &str, pass: &Counts) {
    let shared = pass.shared_loads.accesses + pass.shared_stores.accesses;
    let share = if pass.multiply_adds > 0.0 { shared / pass.multiply_adds } else { 0.0 };
    let turns = pass.shared_loads.turns + pass.shared_stores.turns;
    let least = pass.shared_loads.least_turns + pass.shared_stores.least_turns;
    let banks = if least > 0.0 { format!("{:.2}x", turns / least) } else { "-".to_string() };
    let fewest = short(pass.loads.least_sectors + pass.texels.least_sectors);
    let counted = 100.0 * pass.sampled as f64 / pass.threads.max(1) as f64;
    let counted = if counted < 10.0 { format!("{counted:.1}") } else { format!("{counted:.0}") };
    outln!(
        "{rung:<12} {:<20} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {share:>9.2} {banks:>6} {:>8} {:>8} {:>6.0}% {counted:>7}%",
        pass.entry,
        pass.groups,
        short(pass.multiply_adds),
        short(pass.floats),
        short(pass.integers),
        short(pass.loads.accesses + pass.texels.accesses),
        short(pass.stores.accesses),
        short(pass.loads.sectors + pass.texels.sectors),
        format!("({fewest})"),
        short(pass.barriers),
        short(pass.instructions),
        pass.active * 100.0
    );
}

/// A number with three digits, and its unit right behind it.
fn short(number: f64) -> String {
    spaced(number).replace(' ', "")
}

/// The same in front of another unit: `8.92 M`.
fn spaced(number: f64) -> String {
    let (number, unit) = match number {
        1e9.. => (number / 1e9, "G"),
        1e6.. => (number / 1e6, "M"),
        1e3.. => (number / 1e3, "k"),
        _ => return format!("{number:.0} "),
    };
    let digits = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    format!("{number:.digits$} {unit}")
}
