//! What does a picture show? Loads a model file, decodes the picture, prints the class and its probability.
//!
//!     cargo run --release --example predict -- MODEL PICTURE
//!
//! MODEL is a `model.safetensors` of any run: it holds the network, the names of the classes and the size of pictures.

use pawgrad::data::decode_bytes;
use pawgrad::device::{Precision, adapters};
use pawgrad::model::Model;
use pawgrad::train::evaluate::{Views, predicted, scores};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let [model, picture] = std::env::args()
        .skip(1)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| "usage: predict MODEL PICTURE")?;
    pollster::block_on(predict(&model, &picture))
}

async fn predict(model: &str, picture: &str) -> Result<(), Box<dyn Error>> {
    // A hardware GPU if there is one, else the CPU.
    let (device, _why) = adapters::open(&adapters::Choice::Auto, Precision::F32).await?;
    let model = Model::from_bytes(&std::fs::read(model)?, &device, true)?;

    let pixels =
        decode_bytes(&std::fs::read(picture)?, model.network.image_size).map_err(|why| why.to_string())?;
    let scores = scores(&model, &pixels, 1, Views::Own).await?.remove(0);
    let best = predicted(&scores);
    println!("{}: {:.1} %", model.network.classes[best], 100.0 * scores[best]);

    assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-5, "probabilities add up to 1");
    Ok(())
}
