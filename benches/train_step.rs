//! Times whole training steps of the default network: forward, backward and Adam.
//!
//! ```text
//! cargo bench --bench train_step -- [--device cpu|software|gpu|…] [--image-size 64] [--batch 32] [--steps 10] [--no-fuse]
//! ```
//!
//! Random pixels, two steps to warm up. Prints images/s as minimum, median and maximum over the steps.

use clap::Parser;
use pawgrad::data::Batch;
use pawgrad::device::adapters::{self, Choice};
use pawgrad::error::Result;
use pawgrad::model::{Model, Network};
use pawgrad::random::generator;
use pawgrad::train::Trainer;
use pawgrad::train::plan::Plan;
use rand::RngExt;

#[derive(Parser)]
struct Options {
    #[arg(long, default_value = "cpu")]
    device: Choice,
    #[arg(long, default_value_t = 64)]
    image_size: usize,
    #[arg(long, default_value_t = 32)]
    batch: usize,
    #[arg(long, default_value_t = 10)]
    steps: usize,
    #[arg(long)]
    no_fuse: bool,
    /// What cargo passes to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    pollster::block_on(bench(Options::parse()))
}

async fn bench(options: Options) -> Result<()> {
    let (device, line) = adapters::open(&options.device).await?;
    let classes = vec!["cats".to_string(), "dogs".to_string()];
    let network = Network::cats_and_dogs(classes, options.image_size, 0.5);
    let model = Model::new(network, &device, 1, !options.no_fuse)?;
    let plan = Plan::new(&model, device.limits(), options.batch, None)?;
    let mut trainer = Trainer::new(model, plan, 0.001, 1)?;

    let mut rng = generator(1, "bench", 0);
    let bytes = options.batch * options.image_size * options.image_size;
    let pixels = (0..bytes).map(|_| rng.random()).collect();
    let batch = Batch { pixels, labels: (0..options.batch as u32).map(|n| n % 2).collect() };
    let mut rates = Vec::new();
    for step in 0..options.steps + 2 {
        let start = std::time::Instant::now();
        trainer.step(&batch)?.finish().await?;
        if step >= 2 {
            rates.push(options.batch as f64 / start.elapsed().as_secs_f64());
        }
    }
    rates.sort_by(f64::total_cmp);
    let (min, median, max) = (rates[0], rates[rates.len() / 2], rates[rates.len() - 1]);
    println!("{line}; {0}x{0}, batch {1}", options.image_size, options.batch);
    println!("images/s: min {min:.2}, median {median:.2}, max {max:.2} of {} steps", options.steps);
    Ok(())
}
