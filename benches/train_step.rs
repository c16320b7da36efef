//! Times whole training steps of the default network: forward, backward and Adam.
//!
//! ```text
//! cargo bench --bench train_step -- [--device cpu|software|gpu|…] [--precision mixed] [--image-size 64] [--batch-size 32] [--steps 10] [--no-fuse] [--tuned] [--json]
//! ```
//!
//! Random pixels, default rungs unless `--tuned`; two steps warm up, on a GPU two seconds. Prints images/s as minimum, median and maximum over the steps; `--json` prints
//! the line that benches/compare reads.

use clap::Parser;
use pawgrad::data::Batch;
use pawgrad::device::adapters::{self, Choice};
use pawgrad::device::{DeviceKind, Precision};
use pawgrad::error::{Error, ErrorKind, Result};
use pawgrad::model::{Model, Network, Placed};
use pawgrad::random::generator;
use pawgrad::train::Trainer;
use pawgrad::train::plan::Plan;
use pawgrad::tuning::Tuning;
use rand::RngExt;

const WARM_UP: usize = 2;
/// Seconds of steps that do not count on a GPU, which is slow at first; benches/peers/measure.py has the same.
const WARM_UP_SECONDS: f64 = 2.0;

#[derive(Parser)]
struct Options {
    #[arg(long, default_value = "cpu")]
    device: Choice,
    /// f32 or mixed, as of `train`
    #[arg(long, default_value_t)]
    precision: Precision,
    #[arg(long, default_value_t = 64)]
    image_size: usize,
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    #[arg(long)]
    no_fuse: bool,
    /// Take the rungs that `pawgrad tune` stored for this adapter, as `train` does
    #[arg(long)]
    tuned: bool,
    #[arg(long)]
    json: bool,
    /// What cargo passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    pollster::block_on(bench(Options::parse()))
}

async fn bench(options: Options) -> Result<()> {
    let (device, line) = adapters::open(&options.device, options.precision).await?;
    if options.tuned {
        let tuning = Tuning::stored(&device)?;
        let tuning =
            tuning.ok_or_else(|| Error::new(ErrorKind::Usage, "nothing is tuned: run `pawgrad tune`"))?;
        device.use_tuned_rungs(tuning.rungs);
    }
    let classes = vec!["cats".to_string(), "dogs".to_string()];
    let network = Network::cats_and_dogs(classes, options.image_size, 0.5);
    let model = Model::new(network, &device, 1, !options.no_fuse)?;
    let plan = Plan::new(&model, device.limits(), options.batch_size, None)?;
    let mut trainer = Trainer::new(model, plan, 0.001, 1)?;

    let mut rng = generator(1, "bench", 0);
    let bytes = options.batch_size * options.image_size * options.image_size;
    let pixels = (0..bytes).map(|_| rng.random()).collect();
    let batch = Batch::new(pixels, (0..options.batch_size as u32).map(|n| n % 2).collect());
    let parameters: usize = trainer.model.parameters().iter().map(|tensor| tensor.len()).sum();
    // Backward computes two gradients for each layer, each as much work as its forward pass; but none of the pictures.
    let flop: u64 = trainer.model.nodes().map(Placed::flop).sum();
    let flop = 3 * flop - trainer.model.nodes().next().map_or(0, Placed::flop);
    let mut seconds = Vec::new();
    let begin = std::time::Instant::now();
    let mut warm_up = WARM_UP;
    while seconds.len() < warm_up + options.steps as usize {
        let start = std::time::Instant::now();
        trainer.step(&batch)?.finish().await?;
        seconds.push(start.elapsed().as_secs_f64());
        if device.kind() == DeviceKind::Gpu && begin.elapsed().as_secs_f64() < WARM_UP_SECONDS {
            warm_up = warm_up.max(seconds.len());
        }
    }
    let first_step = seconds[0];
    let mut rates: Vec<_> =
        seconds[warm_up..].iter().map(|seconds| options.batch_size as f64 / seconds).collect();
    rates.sort_by(f64::total_cmp);
    let (min, median, max) = (rates[0], rates[rates.len() / 2], rates[rates.len() - 1]);
    if options.json {
        let line = serde_json::json!({
            "peer": format!("pawgrad {}{}", env!("CARGO_PKG_VERSION"), mixed(options.precision)),
            "device": line.split(" (").next(),
            "parameters": parameters,
            "image_size": options.image_size,
            "batch": options.batch_size,
            "steps": options.steps,
            "images_per_second": round(median),
            "gflop_per_image": flop as f64 / 1e9,
            "first_step_seconds": round(first_step),
            "peak_mib": peak_mib(),
        });
        println!("{line}");
    } else {
        println!("{line}; {0}x{0}, batch {1}", options.image_size, options.batch_size);
        println!("images/s: min {min:.2}, median {median:.2}, max {max:.2} of {} steps", options.steps);
    }
    Ok(())
}

/// As benches/peers say what they were asked for.
fn mixed(precision: Precision) -> &'static str {
    if precision == Precision::Mixed { " (mixed)" } else { "" }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Peak resident memory of this process in MiB; `None` where the system does not tell.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}
