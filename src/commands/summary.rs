//! `pawgrad summary`

use super::load::{load_model, model_file};
use super::numbers::whole;
use super::output::{errln, out};
use super::paths::path;
use super::settings::color;
use crate::data::Color;
use crate::device::adapters::{self, Choice};
use crate::device::{Device, Precision};
use crate::error::Result;
use crate::model::{Model, Network};
use crate::run::job::default_image_size;
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct SummaryArgs {
    /// Height and width of the pictures [default: as of `train` on the device]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true, conflicts_with = "model")]
    image_size: Option<usize>,
    /// Whether the network sees pictures in gray or in colour, for one without a file
    #[arg(long, default_value = "gray", value_name = "gray|rgb", value_parser = color(), conflicts_with = "model")]
    color: Color,
    /// The device of `train`, which decides the usual size of pictures
    #[arg(long, default_value = "auto", value_name = "DEVICE", conflicts_with = "model")]
    device: Choice,
    /// Describe the network of this model file, or of this run, instead of the default one
    #[arg(long, value_name = "FILE|RUN", value_parser = path())]
    model: Option<PathBuf>,
}

pub async fn run(args: SummaryArgs) -> Result<()> {
    // No values are needed, and with large pictures there may be no memory for them.
    let paper = Device::on_paper(*Device::cpu().limits());
    let model = match &args.model {
        Some(path) => load_model(&model_file(path)?, &paper)?,
        None => {
            let classes = vec!["cats".to_string(), "dogs".to_string()];
            let image_size = match args.image_size {
                Some(size) => size,
                None => usual_size(&args.device).await?,
            };
            Model::new(
                Network::cats_and_dogs(classes, image_size, 0.5).in_color(args.color),
                &paper,
                0,
                true,
            )?
        }
    };
    out!("{}", model.summary());
    Ok(())
}

/// The size that `train` takes where none is given; says so.
async fn usual_size(device: &Choice) -> Result<usize> {
    let (device, line) = adapters::open(device, Precision::F32).await?;
    let size = default_image_size(&device);
    errln!(
        "For pictures of {size}x{size} pixels, as `train` takes them on {line}; --image-size takes others"
    );
    Ok(size)
}
