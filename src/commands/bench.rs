//! `pawgrad bench`

use super::DeviceArgs;
use super::output::outln;
use crate::check::{Table, ceiling, kernels, table, timing};
use crate::error::{Result, error};
use clap::Args;

#[derive(Args)]
pub struct BenchArgs {
    #[command(flatten)]
    device: DeviceArgs,
    /// Height and width of the pictures
    #[arg(long, default_value_t = 64, value_name = "N")]
    image_size: u32,
    /// Pictures that a kernel works on
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch: u32,
    /// Only kernels whose name or layer contains this
    #[arg(long, default_value = "", value_name = "TEXT")]
    only: String,
    /// Only rungs from this one on: 2 leaves out the plain ones
    #[arg(long, default_value_t = 1, value_name = "N")]
    from_rung: usize,
    /// How often each is run, after once to warm up
    #[arg(long, default_value_t = 5, value_name = "N")]
    runs: usize,
}

pub async fn run(args: BenchArgs) -> Result<()> {
    if args.runs == 0 || args.batch == 0 || args.from_rung == 0 {
        return Err(error!(Usage, "--runs, --batch and --from-rung must be 1 or more"));
    }
    let (device, line) = args.device.open().await?;
    let most = ceiling::measure(&device).await?;
    let (gflops, gigabytes) = (most.flops / 1e9, most.bandwidth / 1e9);
    outln!("{line}; {0}x{0}, batch {1}", args.image_size, args.batch);
    outln!("It does at most {gflops:.1} GFLOP/s, and copies {gigabytes:.1} GB/s.\n");
    let header = ["kernel", "layer", "rung", "ms", "fastest", "GFLOP/s", "GB/s", "of most"];
    let [kernel, layer, rung, median, fastest, rate, moved, share] = header;
    outln!("{kernel:<31} {layer:<8} {rung:<10} {median:>9} {fastest:>9} {rate:>8} {moved:>7} {share:>8}");
    for case in table(Table::Network { image_size: args.image_size, batch: args.batch }) {
        if !format!("{} {}", case.call.name(), case.why).contains(&args.only) {
            continue;
        }
        for rung in case.call.rungs(&device).into_iter().skip(args.from_rung - 1) {
            let times = timing::time(&case, &device, rung, args.runs).await?;
            let (median, fastest) = (times[times.len() / 2], times[0]);
            let (flop, bytes) = (case.call.flop(), kernels::bytes(&case));
            let rate = if flop > 0.0 { format!("{:.1}", flop / median / 1e9) } else { "-".to_string() };
            let share = 100.0 * (flop / median / most.flops).max(bytes / median / most.bandwidth);
            outln!(
                "{:<31} {:<8} {rung:<10} {:>9.3} {:>9.3} {rate:>8} {:>7.1} {share:>6.0} %",
                case.call.name(),
                case.why,
                median * 1e3,
                fastest * 1e3,
                bytes / median / 1e9,
            );
        }
    }
    Ok(())
}
