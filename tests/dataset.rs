//! The bundled pictures: drawn by the generator of this version, different from each other, not too easy.

use pawgrad::data::{Batch, Folder, Pictures, epoch_order, synthetic};
use pawgrad::device::Device;
use pawgrad::model::layers::{Dense, Flatten};
use pawgrad::model::{Graph, Model};
use pawgrad::train::Trainer;
use pawgrad::train::evaluate::{Views, evaluate};
use pawgrad::train::plan::Plan;
use std::path::Path;

mod common;

fn load(split: &str, size: usize) -> Pictures {
    let folder = Folder::scan(&Path::new("dataset").join(split)).unwrap();
    Pictures::load(&folder, size, &|_, _| true).unwrap()
}

#[test]
fn the_generator_draws_the_bundled_pictures() {
    let files = synthetic::files();
    assert_eq!(files.len(), 502);
    let mut bytes_in_all = 0;
    for (path, drawn) in &files {
        let bundled = std::fs::read(Path::new("dataset").join(path)).unwrap();
        bytes_in_all += bundled.len();
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            assert!(*drawn == bundled, "{path:?} is not what the generator draws");
        } else {
            // Elsewhere the last bit of a sine may differ.
            let gray = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().to_rgb8().into_raw();
            let close = gray(drawn).iter().zip(gray(&bundled)).all(|(a, b)| a.abs_diff(b) <= 1);
            assert!(close, "{path:?} is more than one level off");
        }
    }
    assert!(bytes_in_all <= 6_000_000, "{bytes_in_all} bytes");
}

#[test]
fn no_test_picture_is_nearly_a_training_picture() {
    let (training, test) = (load("training_set", 32), load("test_set", 32));
    let distance = |a: &[u8], b: &[u8]| {
        let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.len() as f64
    };
    let nearest = (0..test.len())
        .flat_map(|i| (0..training.len()).map(move |j| (i, j)))
        .map(|(i, j)| distance(test.picture(i), training.picture(j)))
        .fold(f64::INFINITY, f64::min);
    // Mean difference of thumbnails, in gray levels: copies with another noise would be near 1.
    assert!(nearest > 5.0, "{nearest}");
}

/// A linear model on the pixels must not tell the classes apart: then the pictures would need no
/// convolutions, and a network that does nothing right could pass.
#[test]
fn logistic_regression_reaches_at_most_75_percent() {
    const SIZE: usize = 64;
    let (training, test) = (load("training_set", SIZE), load("test_set", SIZE));
    let network = common::network(SIZE, Graph::new().then(Flatten {}).then(Dense::new(1)));
    let device = Device::cpu();
    let model = Model::new(network, &device, 1, true).unwrap();
    let plan = Plan::new(&model, device.limits(), training.len(), None).unwrap();
    let mut trainer = Trainer::new(model, plan, 0.001, 1).unwrap();
    let all: Vec<usize> = epoch_order(training.len(), 1, 0, false);
    let batch: Batch = training.gather(&all);

    let accuracy = |trainer: &Trainer, pictures: &Pictures| {
        pollster::block_on(evaluate(&trainer.model, pictures, 100, Views::Own, &false.into()))
            .unwrap()
            .unwrap()
            .accuracy
    };
    let mut best: f64 = 0.0;
    for step in 1..=700 {
        pollster::block_on(trainer.step(&batch).unwrap().finish()).unwrap();
        if step % 100 == 0 {
            best = best.max(accuracy(&trainer, &test));
        }
    }
    // It was trained: the training pictures themselves can be told apart.
    let on_training = accuracy(&trainer, &training);
    assert!(on_training > 0.9, "{on_training}");
    assert!(best <= 0.75, "{best}");
}
