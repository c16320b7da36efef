//! A network of one's own, on pictures of one's own: do the stripes lie or stand? It is trained for a few epochs, made
//! into the bytes of a model file, and loaded again. No file is read or written.
//!
//!     cargo run --release --example own_network

use pawgrad::data::{Pictures, epoch_order};
use pawgrad::device::Device;
use pawgrad::error::Result;
use pawgrad::model::layers::{Conv2d, Dense, Flatten, MaxPool2d, Relu};
use pawgrad::model::{Graph, Model, Network};
use pawgrad::random::generator;
use pawgrad::train::Trainer;
use pawgrad::train::evaluate::{Views, evaluate, scores};
use pawgrad::train::plan::Plan;
use rand::RngExt;
use std::sync::atomic::AtomicBool;

const SIZE: usize = 16;
const BATCH: usize = 16;
const EPOCHS: u64 = 5;

fn main() -> Result<()> {
    pollster::block_on(run())
}

async fn run() -> Result<()> {
    // `then` adds a layer behind the last one and numbers its name. The last layer gives one logit.
    let layers = Graph::new()
        .then(Conv2d::new(4, 3))
        .then(Relu {})
        .then(MaxPool2d::new(2))
        .then(Conv2d::new(8, 3))
        .then(Relu {})
        .then(MaxPool2d::new(4))
        .then(Flatten {})
        .then(Dense::new(1));
    let classes = vec!["lying".to_string(), "standing".to_string()];
    let network = Network::new(classes.clone(), SIZE, layers);

    let device = Device::cpu();
    let model = Model::new(network, &device, 1, true)?;
    println!("{}", model.summary());

    let (training, test) = (stripes(&classes, 160, 1), stripes(&classes, 40, 2));
    let plan = Plan::new(&model, device.limits(), BATCH, None)?;
    let mut trainer = Trainer::new(model, plan, 0.01, 1)?;
    for epoch in 0..EPOCHS {
        let (mut loss, mut hits) = (0.0, 0);
        for indices in epoch_order(training.len(), 1, epoch, true).chunks(BATCH) {
            let step = trainer.step(&training.gather(indices))?.finish().await?;
            loss += step.loss * step.images as f32 / training.len() as f32;
            hits += step.hits;
        }
        println!("epoch {}  loss {loss:.4}  right {hits} of {}", epoch + 1, training.len());
    }

    let found = evaluate(&trainer.model, &test, BATCH, Views::Own, &AtomicBool::new(false))
        .await?
        .expect("nobody stops it");
    println!("test      loss {:.4}  accuracy {:.2}", found.loss, found.accuracy);
    assert!(found.accuracy > 0.9);

    // A file of these bytes is all that a prediction needs, on any device.
    let file = trainer.model.to_bytes().await?;
    let loaded = Model::from_bytes(&file, &device, true)?;
    let before = scores(&trainer.model, test.picture(0), 1, Views::Own).await?;
    assert_eq!(before, scores(&loaded, test.picture(0), 1, Views::Own).await?);
    println!("{} bytes; the loaded model gives the same scores: {before:?}", file.len());
    Ok(())
}

/// So many noisy pictures of stripes, lying and standing in turn.
fn stripes(classes: &[String], count: usize, seed: u64) -> Pictures {
    let mut random = generator(seed, "stripes", 0);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for picture in 0..count {
        let (label, width, phase) = (picture % 2, random.random_range(2..5), random.random_range(0..8));
        for row in 0..SIZE {
            for column in 0..SIZE {
                let across = if label == 0 { row } else { column };
                let stripe = if (across + phase) / width % 2 == 0 { 60 } else { 150 };
                pixels.push(stripe + random.random_range(0..60));
            }
        }
        labels.push(label as u32);
    }
    let (classes, paths, skipped) = (classes.to_vec(), vec!["drawn".into(); count], Vec::new());
    Pictures { classes, raster: SIZE.into(), pixels, labels, paths, skipped }
}
