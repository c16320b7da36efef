//! `pawgrad summary`

use super::choices::one_of;
use super::load::{load_model, model_file};
use super::numbers::whole;
use super::output::{errln, out};
use super::paths::path;
use crate::data::Color;
use crate::data::folder::MOST_CLASSES;
use crate::device::adapters::{self, Choice};
use crate::device::{Device, Precision};
use crate::error::{Result, error};
use crate::files::replace;
use crate::model::Model;
use crate::report::graph;
use crate::run::defaults::default_image_size;
use crate::run::network_file::{DEFAULT, NetworkFile};
use clap::Args;
use std::path::PathBuf;

#[derive(Args)]
pub struct SummaryArgs {
    /// Height and width of the pictures [default: as of `train` on the device]
    #[arg(long, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true, conflicts_with = "model")]
    image_size: Option<usize>,
    /// Whether the network sees pictures in gray or in colour, for one without a file
    #[arg(long, default_value = "gray", value_name = "gray|rgb", value_parser = one_of(Color::ALL), conflicts_with = "model")]
    color: Color,
    /// The network: default, small, batch_norm or residual, or a TOML file that describes one
    #[arg(long, default_value = DEFAULT, value_name = "NAME|FILE", value_parser = path(), conflicts_with = "model")]
    network: PathBuf,
    /// How many classes it tells apart
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = whole::<usize>, allow_negative_numbers = true, conflicts_with = "model")]
    classes: usize,
    /// Draw the network into this SVG file, too
    #[arg(long, value_name = "FILE.svg", value_parser = path())]
    graph: Option<PathBuf>,
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
        Some(path) => load_model(&model_file(path, false)?, &paper)?,
        None => {
            if !(2..=MOST_CLASSES).contains(&args.classes) {
                return Err(error!(
                    Usage,
                    "--classes must be from 2 to {MOST_CLASSES}, not {}", args.classes
                ));
            }
            let classes = match args.classes {
                2 => ["cats", "dogs"].map(str::to_string).to_vec(),
                many => (1..=many).map(|class| format!("class {class}")).collect(),
            };
            let described = NetworkFile::find(&args.network)?;
            let image_size = match args.image_size {
                Some(size) => size,
                None => usual_size(&args.device).await?,
            };
            Model::new(described.network(classes, image_size, args.color, None)?, &paper, 0, true)?
        }
    };
    out!("{}", model.summary());
    if let Some(file) = &args.graph {
        replace(file, graph::svg(&model.network)?.as_bytes())?;
    }
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
