//! `pawgrad summary`

use super::load::{load_model, model_file};
use super::output::out;
use super::paths::path;
use crate::device::Device;
use crate::error::Result;
use crate::model::{Model, Network};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct SummaryArgs {
    /// Height and width of the pictures
    #[arg(long, default_value_t = 256, value_name = "N", conflicts_with = "model")]
    image_size: usize,
    /// Describe the network of this model file, or of this run, instead of the default one
    #[arg(long, value_name = "FILE|RUN", value_parser = path())]
    model: Option<PathBuf>,
}

pub fn run(args: SummaryArgs) -> Result<()> {
    // No values are needed, and with large pictures there may be no memory for them.
    let device = Device::on_paper(*Device::cpu().limits());
    let model = match &args.model {
        Some(path) => load_model(&model_file(path)?, &device)?,
        None => {
            let classes = vec!["cats".to_string(), "dogs".to_string()];
            Model::new(Network::cats_and_dogs(classes, args.image_size, 0.5), &device, 0, true)?
        }
    };
    out!("{}", model.summary());
    Ok(())
}
