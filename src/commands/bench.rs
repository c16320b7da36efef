//! `pawgrad bench`

use super::numbers::whole;
use super::only::{names_of, only};
use super::output::outln;
use super::paths::path;
use crate::check::kernels::{self, Prepared};
use crate::check::{Case, Table, ceiling, table, timing};
use crate::device::adapters::{self, Choice};
use crate::device::{Checks, Device, DeviceKind, Precision};
use crate::error::{ErrorKind, Result, error, shown};
use crate::files::replace;
use crate::train::settings::image_size_problem;
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Args)]
pub struct BenchArgs {
    /// auto, gpu, cpu, software, or an adapter's name or index (see `pawgrad devices`)
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: Choice,
    /// f32, or mixed: with the rungs that multiply halves on tensor cores
    #[arg(long, default_value_t, value_name = "f32|mixed")]
    precision: Precision,
    /// Height and width of the pictures
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = whole::<u32>, allow_negative_numbers = true)]
    image_size: u32,
    /// Pictures that a kernel works on, at most: one submit must take them
    #[arg(long, default_value_t = 32, value_name = "N", alias = "batch", value_parser = whole::<u32>, allow_negative_numbers = true)]
    batch_size: u32,
    /// Only this layer, such as conv2, or op, such as dense; or kernels and layers whose name contains this
    #[arg(long, default_value = "", value_name = "TEXT")]
    only: String,
    /// Only rungs from this one on: 2 leaves out the plain ones
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    from_rung: usize,
    /// How often each is run, after once to warm up
    #[arg(long, default_value_t = 5, value_name = "N", alias = "runs", value_parser = whole::<usize>, allow_negative_numbers = true)]
    times: usize,
    /// Compile with these checks of wgpu's instead of those that are shipped: all, none, or a list of zeroing, bounds, loops
    #[arg(long, value_name = "CHECKS")]
    checks: Option<Checks>,
    /// Also write what was measured into this file, as JSON
    #[arg(long, value_name = "FILE", value_parser = path(), alias = "json")]
    out: Option<PathBuf>,
}

/// What `--out` writes. Times are in seconds.
#[derive(Serialize)]
struct Report {
    adapter: String,
    driver: String,
    precision: String,
    image_size: u32,
    batch: u32,
    /// wgpu's checks in kernels: those that are shipped, or these.
    checks: String,
    peak_flop_per_second: f64,
    peak_bytes_per_second: f64,
    rows: Vec<Row>,
}

/// One rung of one kernel at the sizes of one layer.
#[derive(Serialize)]
struct Row {
    kernel: &'static str,
    layer: &'static str,
    rung: &'static str,
    /// Whether the adapter takes it unless another is asked for.
    default: bool,
    median: f64,
    fastest: f64,
    flop: f64,
    bytes: f64,
    /// Of the peak that limits it, arithmetic or memory; by the median.
    share_of_peak: f64,
}

pub async fn run(args: BenchArgs) -> Result<()> {
    if args.times == 0 || args.batch_size == 0 || args.from_rung == 0 {
        return Err(error!(Usage, "--times, --batch-size and --from-rung must be 1 or more"));
    }
    let (size, batch) = (args.image_size, args.batch_size);
    if let Some(problem) = image_size_problem(size as usize) {
        return Err(error!(Usage, "--image-size {problem}"));
    }
    // conv1's output and dense1's weight are the largest tensors.
    let largest = (u64::from(batch) * 64).max(512) * u64::from(size).pow(2);
    if largest > u64::from(u32::MAX) {
        return Err(error!(
            Usage,
            "{size}x{size} pictures, {batch} at a time, make a tensor of {largest} values, and kernels index with 32 \
             bits: use a smaller --image-size or --batch-size"
        ));
    }
    let (device, line) = adapters::open(&args.device, args.precision).await?;
    if let Some(checks) = args.checks {
        device.set_checks(checks);
    }
    let batch = batch_of_a_submit(&device, size, batch);
    let cases = table(Table::Network { image_size: size, batch });
    let layers: BTreeSet<_> = cases.iter().map(|case| case.why).collect();
    let names = |case: &Case| [names_of(case.call.name()), vec![case.why.to_string()]].concat();
    let cases = only(cases, &args.only, names);
    if cases.is_empty() {
        return Err(error!(
            Usage,
            "no kernel and no layer has \"{}\" in its name: there are {}, and the kernels of `bench` without --only",
            shown(&args.only),
            layers.into_iter().collect::<Vec<_>>().join(", ")
        ));
    }

    let mut rows = Vec::new();
    let peak = ceiling::measure(&device).await?;
    outln!("{line}; {size}x{size}, batch {batch}");
    if batch < args.batch_size {
        outln!("One submit may not take as much as a batch of {} there.", args.batch_size);
    }
    outln!("Peak: {:.1} GFLOP/s, and {:.1} GB/s copied.\n", peak.flops / 1e9, peak.bandwidth / 1e9);
    let header = ["kernel", "layer", "rung", "ms", "fastest", "GFLOP/s", "GB/s", "of peak"];
    let [kernel, layer, rung, median, fastest, rate, moved, share] = header;
    outln!("{kernel:<31} {layer:<19} {rung:<12} {median:>9} {fastest:>9} {rate:>8} {moved:>7} {share:>8}");
    for case in &cases {
        let name = format!("{:<31} {:<19}", case.call.name(), case.why);
        let call = match Prepared::new(case, &device) {
            Err(why) if why.kind == ErrorKind::OutOfMemory => {
                outln!("{name} does not fit this device");
                continue;
            }
            call => call?,
        };
        for (index, rung) in case.call.rungs(&device).into_iter().enumerate() {
            // 2 of 2_shared, which may be the first that this device can run; those without numbers are made for software
            // adapters, and take seconds on a GPU.
            let number = rung.split('_').next().and_then(|number| number.parse().ok());
            if number.is_none() && device.kind() == DeviceKind::Gpu
                || number.unwrap_or(index + 1) < args.from_rung
            {
                continue;
            }
            let times = timing::time(&call, &device, rung, args.times).await?;
            let (median, fastest) = (times[times.len() / 2], times[0]);
            let (flop, bytes) = (case.call.flop(), kernels::bytes(case));
            let rate = if flop > 0.0 { format!("{:.1}", flop / median / 1e9) } else { "-".to_string() };
            let share = (flop / median / peak.flops).max(bytes / median / peak.bandwidth);
            let default = case.call.default_rung(device.limits()).is_some_and(|default| default.rung == rung);
            rows.push(Row {
                kernel: case.call.name(),
                layer: case.why,
                rung,
                default,
                median,
                fastest,
                flop,
                bytes,
                share_of_peak: share,
            });
            outln!(
                "{name} {rung:<12} {:>9.3} {:>9.3} {rate:>8} {:>7.1} {:>6.0} %",
                median * 1e3,
                fastest * 1e3,
                bytes / median / 1e9,
                share * 100.0,
            );
        }
    }
    if let Some(file) = &args.out {
        let report = Report {
            adapter: device.name().to_string(),
            driver: device.driver().to_string(),
            precision: args.precision.to_string(),
            image_size: size,
            batch,
            checks: args.checks.map_or("shipped".to_string(), |checks| checks.to_string()),
            peak_flop_per_second: peak.flops,
            peak_bytes_per_second: peak.bandwidth,
            rows,
        };
        replace(file, &serde_json::to_vec_pretty(&report).expect("a report is plain data"))?;
    }
    Ok(())
}

/// The largest batch up to `most` of which every kernel fits one submit.
fn batch_of_a_submit(device: &Device, image_size: u32, most: u32) -> u32 {
    let one = table(Table::Network { image_size, batch: 1 });
    let flop = one.iter().map(|case| case.call.flop()).fold(1.0, f64::max);
    let fitting = (device.limits().max_submit_flop as f64 / flop) as u32;
    most.min(fitting).max(1)
}
