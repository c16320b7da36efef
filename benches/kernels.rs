//! Times every kernel with every rung at the default network's shapes.
//!
//! ```text
//! cargo bench --bench kernels -- [--device cpu|software|gpu|…] [--image-size 64] [--batch 32] [--op conv2d] [--runs 5]
//! ```
//!
//! Prints the median of the runs after one that warms up: milliseconds, GFLOP/s for kernels that compute,
//! and GB/s of the bytes that must be moved at least once. Times include one submit and the wait for it.

use clap::Parser;
use pawgrad::check::{Case, Table, cases::Style, kernels, table};
use pawgrad::device::Device;
use pawgrad::device::adapters::{self, Choice};
use pawgrad::error::Result;

#[derive(Parser)]
struct Options {
    #[arg(long, default_value = "cpu")]
    device: Choice,
    #[arg(long, default_value_t = 64)]
    image_size: u32,
    #[arg(long, default_value_t = 32)]
    batch: u32,
    /// Only the kernels of this op
    #[arg(long)]
    op: Option<String>,
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// What cargo passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (device, line) = pollster::block_on(adapters::open(&options.device))?;
    println!("{line}; {0}x{0}, batch {1}\n", options.image_size, options.batch);
    println!("{:<30} {:<8} {:<12} {:>10} {:>10} {:>8}", "kernel", "layer", "rung", "ms", "GFLOP/s", "GB/s");
    for case in table(Table::Network { image_size: options.image_size, batch: options.batch }) {
        if options.op.as_deref().is_some_and(|op| op != case.call.op()) {
            continue;
        }
        for rung in case.call.rungs(&device) {
            let seconds = time(&case, &device, rung, options.runs)?;
            let gflops = match case.call.flop() {
                0.0 => "-".to_string(),
                flop => format!("{:.1}", flop / seconds / 1e9),
            };
            println!(
                "{:<30} {:<8} {rung:<12} {:>10.3} {gflops:>10} {:>8.1}",
                case.call.name(),
                case.why,
                seconds * 1e3,
                kernels::bytes(&case) / seconds / 1e9
            );
        }
    }
    Ok(())
}

/// Median seconds of one call.
fn time(case: &Case, device: &Device, rung: &str, runs: usize) -> Result<f64> {
    let call = kernels::Prepared::new(case, device, rung, Style::Random)?;
    pollster::block_on(call.run_and_wait())?;
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = std::time::Instant::now();
        pollster::block_on(call.run_and_wait())?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
