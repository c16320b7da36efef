//! A small network learns the bundled pictures on the software adapter: what kernels and tape add up to on a driver.
//!
//! It takes a minute or more, so `cargo test` leaves it out, and `tests/drivers` runs it on every driver that it finds:
//! `cargo test --release --test learning -- --ignored --nocapture`. With PAWGRAD_PRECISION=mixed it learns in mixed precision.

mod common;

use pawgrad::check;
use pawgrad::data::{Folder, Pictures, epoch_order};
use pawgrad::device::{Precision, adapters};
use pawgrad::model::layers::{Conv2d, Dense, Dropout, Flatten, MaxPool2d, Relu};
use pawgrad::model::{Graph, Model};
use pawgrad::train::Trainer;
use pawgrad::train::evaluate::{Views, evaluate};
use pawgrad::train::plan::Plan;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

const SIZE: usize = 32;
const BATCH: usize = 8;
const SEED: u64 = 4;
/// On the CPU, seeds 1 to 4 reach ACCURACY in 6 or 7.
const EPOCHS: u64 = 10;
const ACCURACY: f64 = 0.97;

/// The default network with a fiftieth of its work, as some drivers are slow.
fn network() -> Graph {
    let pooled =
        |graph: Graph, filters| graph.then(Conv2d::new(filters, 3)).then(Relu {}).then(MaxPool2d::new(2));
    [16, 32, 32]
        .into_iter()
        .fold(Graph::new(), pooled)
        .then(Flatten {})
        .then(Dense::new(32))
        .then(Relu {})
        .then(Dropout::new(0.2))
        .then(Dense::new(1))
}

fn pictures(split: &str) -> Pictures {
    let folder = Folder::scan(&Path::new(env!("CARGO_MANIFEST_DIR")).join("dataset").join(split)).unwrap();
    Pictures::load(&folder, SIZE, &|_, _| true).unwrap()
}

#[test]
#[ignore = "takes a minute or more: tests/drivers runs it on every driver"]
fn a_small_network_learns_the_bundled_pictures() {
    let (training, test) = (pictures("training_set"), pictures("test_set"));
    let precision = std::env::var("PAWGRAD_PRECISION").map_or(Precision::F32, |named| named.parse().unwrap());
    let opened = adapters::open(&adapters::Choice::Software, precision);
    let (device, _) = pollster::block_on(opened).expect("a software adapter with this precision");
    let model = Model::new(common::network(SIZE, network()), &device, SEED, true).unwrap();
    let plan = Plan::new(&model, device.limits(), BATCH, None).unwrap();
    let mut trainer = Trainer::new(model, plan, 0.002, SEED).unwrap();

    // Convolutions take most of the time: by the last rung that computes them here, which a driver for tests may not have as its
    // default.
    let op = "conv2d_relu_pool";
    let first: Vec<_> = (0..BATCH).collect();
    let computes = |rung: &&&str| {
        device.force_rung(op, rung);
        trainer.gradients(&training.gather(&first)).is_ok()
    };
    match precision {
        Precision::F32 => {
            let rung =
                *check::rungs(&device)[op].iter().rev().find(computes).expect("a rung that computes it");
            println!("{}, {}: {op} by {rung}", device.name(), device.driver());
        }
        // Those for tensor cores leave the first convolution to others.
        Precision::Mixed => {
            drop(trainer.gradients(&training.gather(&first)).unwrap());
            let rungs = device.chosen_rungs();
            let tensor = rungs.iter().filter(|(_, rung)| rung.contains("_tensor")).count();
            println!("{}, {}: {tensor} kernels on tensor cores", device.name(), device.driver());
            assert_eq!(tensor, 6, "forward, backward_x and backward_w of two convolutions: {rungs:?}");
        }
    }

    for epoch in 0..EPOCHS {
        let (started, mut loss) = (Instant::now(), 0.0);
        for indices in epoch_order(training.len(), SEED, epoch, true).chunks(BATCH) {
            let step = trainer.step(&training.gather(indices)).unwrap();
            let step = pollster::block_on(step.finish()).unwrap();
            loss += f64::from(step.loss) * step.images as f64 / training.len() as f64;
        }
        let never = AtomicBool::new(false);
        let found =
            pollster::block_on(evaluate(&trainer.model, &test, BATCH, Views::Own, &never)).unwrap().unwrap();
        let accuracy = found.accuracy;
        println!(
            "epoch {}: loss {loss:.4}, {accuracy} of the test pictures, {:.1?}",
            epoch + 1,
            started.elapsed()
        );
        if accuracy >= ACCURACY {
            return;
        }
    }
    panic!("not {ACCURACY} of the test pictures in {EPOCHS} epochs");
}
