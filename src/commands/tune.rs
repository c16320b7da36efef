//! `pawgrad tune`

use super::numbers::whole;
use super::output::outln;
use crate::check::fingerprints;
use crate::check::tune::{Tuned, tune};
use crate::data::Batch;
use crate::device::adapters::{self, Choice};
use crate::device::{Device, DeviceKind, Precision, RungTable};
use crate::error::{Result, error, shown_path};
use crate::model::{Model, Network};
use crate::run::defaults::default_image_size;
use crate::train::Trainer;
use crate::train::plan::Plan;
use crate::tuning::{Tuning, kernel_of};
use clap::Args;
use std::time::Instant;

#[derive(Args)]
pub struct TuneArgs {
    /// auto, gpu, software, or an adapter's name or index (see `pawgrad devices`)
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: Choice,
    /// f32, or mixed: halves are multiplied on tensor cores, for `train --precision mixed`
    #[arg(long, default_value_t, value_name = "f32|mixed")]
    precision: Precision,
    /// Height and width of the pictures [default: as of `train`]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    image_size: Option<usize>,
    /// Pictures per optimizer step
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    batch_size: usize,
    /// Pictures that the device works on at a time [default: as many as its limits allow]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true)]
    micro_batch: Option<usize>,
    /// Tune convolution, ReLU and pooling as separate kernels, for `train --no-fuse`
    #[arg(long)]
    no_fuse: bool,
}

pub async fn run(args: TuneArgs) -> Result<()> {
    let start = Instant::now();
    if args.batch_size == 0 || args.micro_batch == Some(0) {
        return Err(error!(Usage, "--batch-size and --micro-batch must be 1 or more"));
    }
    let (device, line) = adapters::open(&args.device, args.precision).await?;
    let image_size = args.image_size.unwrap_or_else(|| default_image_size(&device));
    outln!("{line}; {image_size}x{image_size}, batch {}", args.batch_size);
    if device.kind() == DeviceKind::Cpu {
        outln!("There is nothing to tune: the CPU's own code has one fast version of every kernel.");
        return Ok(());
    }
    let (defaults, batch) = defaults(&device, image_size, &args).await?;

    outln!("\n{:<31} {:<8} {:<34} others", "kernel", "layer", "fastest");
    // What was tuned for other sizes stays, but for kernels whose shaders have changed since. A file that cannot be read
    // is replaced.
    let known = fingerprints();
    let stored = Tuning::stored(&device).ok().flatten();
    let mut tuning = stored.unwrap_or_else(|| Tuning::new(&device, RungTable::new()));
    tuning.rungs.retain(|key, _| known.contains(kernel_of(key)));
    let (mut before, mut after) = (0.0, 0.0);
    tune(&device, image_size as u32, batch as u32, &defaults, |found| {
        outln!("{}", line_of(&found));
        (before, after) = (before + found.default.1, after + found.best.1);
        tuning.rungs.insert(found.key, found.best.0.to_string());
        // After every kernel, so that nothing is lost when the rest is not waited for.
        tuning.store(&device)
    })
    .await?;
    outln!(
        "\nTogether {:.2} ms instead of {:.2} ms with the defaults; found in {:.0} s.",
        after * 1e3,
        before * 1e3,
        start.elapsed().as_secs_f64()
    );
    outln!("Stored in {}: `train` uses it from now on.", shown_path(&Tuning::path(&device)?));
    Ok(())
}

/// The rungs that a training step takes by default, and the batch that they run at.
async fn defaults(device: &Device, image_size: usize, args: &TuneArgs) -> Result<(RungTable, usize)> {
    let network = Network::cats_and_dogs(vec!["cats".to_string(), "dogs".to_string()], image_size, 0.5);
    let model = Model::new(network, device, 1, !args.no_fuse)?;
    let plan = Plan::new(&model, device.limits(), args.batch_size, args.micro_batch)?;
    let micro_batch = plan.micro_batch;
    let mut trainer = Trainer::new(model, plan, 0.001, 1)?;
    let pixels = vec![0; micro_batch * image_size * image_size];
    trainer.step(&Batch::new(pixels, vec![0; micro_batch]))?.finish().await?;
    Ok((device.chosen_rungs(), micro_batch))
}

fn line_of(found: &Tuned) -> String {
    let shown = |&(rung, seconds): &(&str, f64)| {
        let mark = if rung == found.default.0 { " (default)" } else { "" };
        format!("{rung}{mark} {:.3} ms", seconds * 1e3)
    };
    let others = found.tried.iter().filter(|(rung, _)| *rung != found.best.0).map(shown);
    let others = others.collect::<Vec<_>>().join(", ");
    format!("{:<31} {:<8} {:<34} {others}", found.kernel, found.layer, shown(&found.best))
        .trim_end()
        .to_string()
}
