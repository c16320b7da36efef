//! The options of `pawgrad train`.

use crate::commands::{DeviceArgs, check_image_size};
use crate::device::Precision;
use crate::error::{Result, error};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct TrainArgs {
    /// Folder with one sub-folder of training pictures per class
    #[arg(long, default_value = "dataset/training_set", value_name = "DIR")]
    pub train_dir: PathBuf,
    /// Folder with one sub-folder of test pictures per class
    #[arg(long, default_value = "dataset/test_set", value_name = "DIR")]
    pub test_dir: PathBuf,
    /// Height and width that pictures are resized to [default: 256 on a GPU, 64 on the CPU or a software adapter]
    #[arg(long, value_name = "N")]
    pub image_size: Option<usize>,
    /// Adam's step size
    #[arg(long, default_value_t = 0.001, value_name = "RATE")]
    pub learning_rate: f64,
    /// How often to go through all training pictures
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub epochs: usize,
    /// Pictures per optimizer step
    #[arg(long, default_value_t = 32, value_name = "N")]
    pub batch_size: usize,
    /// Share of dense1's outputs that are dropped in training, from 0 up to below 1
    #[arg(long, default_value_t = 0.5, value_name = "RATE")]
    pub dropout: f64,
    /// Seed of weights, shuffling and dropout [default: a new one, which is printed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Start from these weights instead of random ones
    #[arg(long, value_name = "FILE.safetensors")]
    pub init_weights: Option<PathBuf>,
    /// Take the pictures in the order of their paths in every epoch
    #[arg(long)]
    pub no_shuffle: bool,
    /// Run convolution, ReLU and pooling as separate kernels
    #[arg(long)]
    pub no_fuse: bool,
    /// Pictures that the device works on at a time [default: as many as its limits allow]
    #[arg(long, value_name = "N")]
    pub micro_batch: Option<usize>,
    /// Stop after N optimizer steps, without validation
    #[arg(long, value_name = "N")]
    pub max_steps: Option<usize>,
    /// Folder for the results, new or empty [default: runs/<time>]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Time every kernel: a table at the end, and profile.json for ui.perfetto.dev in the run's folder
    #[arg(long)]
    pub profile: bool,
    /// Say more: the network, and how the batch is cut into micro-batches
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say nothing but the result
    #[arg(short, long)]
    pub quiet: bool,
}

impl TrainArgs {
    /// Finds wrong values before anything is loaded.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(error!(Usage, "{what}"));
        self.image_size.map_or(Ok(()), check_image_size)?;
        for (option, value) in [
            ("--batch-size", Some(self.batch_size)),
            ("--epochs", Some(self.epochs)),
            ("--micro-batch", self.micro_batch),
            ("--max-steps", self.max_steps),
        ] {
            if value == Some(0) {
                return wrong(format!("{option} 0 makes no sense: use 1 or more"));
            }
        }
        if !((self.learning_rate as f32).is_finite() && self.learning_rate > 0.0) {
            return wrong(format!(
                "--learning-rate {} must be a number above 0, such as 0.001",
                self.learning_rate
            ));
        }
        if self.no_fuse && self.device.precision == Precision::Mixed {
            return wrong(
                "--precision mixed multiplies in the fused kernels: leave out --no-fuse".to_string(),
            );
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong(format!("--dropout {} must be at least 0 and below 1", self.dropout));
        }
        Ok(())
    }
}
