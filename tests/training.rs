//! Training as a whole: micro-batches, fusing, learning, diverging, determinism.

mod common;

use pawgrad::data::{Augment, Batch};
use pawgrad::device::Device;
use pawgrad::error::{ErrorKind, Remedy};
use pawgrad::model::{Model, Network};
use pawgrad::random::generator;
use pawgrad::train::plan::Plan;
use pawgrad::train::{Recipe, Trainer};
use rand::RngExt;

const SIZE: usize = 16;

/// Random pictures; those of class 1 are brighter at the top.
fn batch(images: usize) -> Batch {
    let mut rng = generator(3, "test pictures", 0);
    let labels: Vec<u32> = (0..images as u32).map(|n| n % 2).collect();
    let pixels = labels
        .iter()
        .flat_map(|&label| {
            let mut pixel = |row: usize| {
                let top = label == 1 && row < SIZE / 2;
                rng.random_range(0..160u8) + if top { 90 } else { 0 }
            };
            (0..SIZE * SIZE).map(|i| pixel(i / SIZE)).collect::<Vec<_>>()
        })
        .collect();
    Batch::new(pixels, labels)
}

fn trainer(
    device: &Device,
    fuse: bool,
    dropout: f64,
    batch: usize,
    micro_batch: Option<usize>,
    rate: f64,
) -> Trainer {
    let classes = vec!["cats".to_string(), "dogs".to_string()];
    let model = Model::new(Network::cats_and_dogs(classes, SIZE, dropout), device, 5, fuse).unwrap();
    let plan = Plan::new(&model, device.limits(), batch, micro_batch).unwrap();
    Trainer::new(model, plan, rate, 5).unwrap()
}

fn gradients(trainer: &Trainer, batch: &Batch) -> Vec<Vec<f32>> {
    let found = trainer.gradients(batch).unwrap();
    found.gradients.iter().map(|gradient| pollster::block_on(gradient.read_f32()).unwrap()).collect()
}

/// The largest difference, as a share of the largest value of the tensor it is in.
fn distance(a: &[Vec<f32>], b: &[Vec<f32>]) -> f64 {
    let of_tensor = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let largest = a.iter().fold(0.0, |max: f32, v| max.max(v.abs()));
        assert!(largest > 0.0, "a gradient that is zero everywhere proves nothing");
        a.iter().zip(b).fold(0.0, |max: f64, (a, b)| max.max(f64::from((a - b).abs() / largest)))
    };
    a.iter().zip(b).map(of_tensor).fold(0.0, f64::max)
}

fn devices() -> [Device; 2] {
    [Device::cpu(), common::software()]
}

#[test]
fn micro_batches_add_up_to_the_whole_batch_with_dropout() {
    for device in devices() {
        let batch = batch(11);
        let whole = gradients(&trainer(&device, true, 0.5, 11, None, 0.001), &batch);
        for size in [1, 4, 10] {
            let split = gradients(&trainer(&device, true, 0.5, 11, Some(size), 0.001), &batch);
            let distance = distance(&whole, &split);
            assert!(distance <= 1e-5, "micro-batches of {size} on {}: {distance:e}", device.name());
        }
        // Another mask would be seen.
        let other = gradients(&trainer(&device, true, 0.25, 11, None, 0.001), &batch);
        assert!(distance(&whole, &other) > 1e-2);
    }
}

/// What is done to a picture depends on the picture and the epoch, not on how a batch is cut.
#[test]
fn micro_batches_add_up_to_the_whole_batch_with_augmentation() {
    let recipe = Recipe { augment: Augment::strong(), label_smoothing: 0.1, ..Recipe::plain() };
    for device in devices() {
        let batch = batch(11);
        let trainer = |size| trainer(&device, true, 0.0, 11, size, 0.001).with_recipe(&recipe).unwrap();
        let whole = gradients(&trainer(None), &batch);
        for size in [1, 4, 10] {
            let distance = distance(&whole, &gradients(&trainer(Some(size)), &batch));
            assert!(distance <= 1e-5, "micro-batches of {size} on {}: {distance:e}", device.name());
        }
        let next = Batch { epoch: 1, ..batch.clone() };
        let others = Batch { pictures: (20..31).collect(), ..batch.clone() };
        for other in [next, others] {
            assert!(distance(&whole, &gradients(&trainer(None), &other)) > 1e-2);
        }
    }
}

#[test]
fn loss_and_hits_of_micro_batches_add_up() {
    let device = Device::cpu();
    let batch = batch(11);
    let result = |size| {
        let mut trainer = trainer(&device, true, 0.5, 11, size, 0.001);
        pollster::block_on(trainer.step(&batch).unwrap().finish()).unwrap()
    };
    let (whole, split) = (result(None), result(Some(3)));
    assert!((whole.loss - split.loss).abs() <= 1e-6 * whole.loss, "{whole:?} {split:?}");
    assert_eq!((whole.hits, whole.images), (split.hits, split.images));
}

#[test]
fn a_class_weight_of_three_is_each_of_its_pictures_three_times() {
    let few = batch(5);
    let size = SIZE * SIZE;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (picture, &label) in few.pixels.chunks(size).zip(&few.labels) {
        for _ in 0..[1, 3][label as usize] {
            pixels.extend_from_slice(picture);
            labels.push(label);
        }
    }
    let repeated = Batch::new(pixels, labels);
    for device in devices() {
        // A sigmoid, and a softmax, whose third class has no picture.
        for classes in [2, 3] {
            let trainer = |micro_batch| {
                let names = (0..classes).map(|class| format!("class {class}")).collect();
                let model = Model::new(Network::cats_and_dogs(names, SIZE, 0.0), &device, 5, true).unwrap();
                let plan = Plan::new(&model, device.limits(), 9, micro_batch).unwrap();
                Trainer::new(model, plan, 0.001, 5).unwrap()
            };
            let weights = &[1.0, 3.0, 7.0][..classes];
            let plain = trainer(None);
            // Each mean is one over the pictures that there are.
            let scaled = |gradients: Vec<Vec<f32>>, pictures: usize| {
                let scale = |value: f32| value * pictures as f32;
                gradients
                    .into_iter()
                    .map(|values| values.into_iter().map(scale).collect())
                    .collect::<Vec<_>>()
            };
            let expected = scaled(gradients(&plain, &repeated), repeated.labels.len());
            for micro_batch in [None, Some(2)] {
                let weighted = trainer(micro_batch).with_class_weights(weights).unwrap();
                let got = scaled(gradients(&weighted, &few), few.labels.len());
                let far = distance(&expected, &got);
                assert!(far < 1e-5, "{classes} classes on {}, {micro_batch:?}: {far}", device.name());
            }
            assert!(distance(&expected, &scaled(gradients(&plain, &few), few.labels.len())) > 0.1);
        }
    }
}

#[test]
fn fused_and_separate_kernels_give_equal_gradients() {
    for device in devices() {
        let batch = batch(6);
        let fused = gradients(&trainer(&device, true, 0.5, 6, None, 0.001), &batch);
        let separate = gradients(&trainer(&device, false, 0.5, 6, None, 0.001), &batch);
        let distance = distance(&fused, &separate);
        assert!(distance <= 1e-5, "{}: {distance:e}", device.name());
    }
}

#[test]
fn the_devices_give_equal_gradients() {
    let [cpu, software] = devices();
    let batch = batch(6);
    let one = gradients(&trainer(&cpu, true, 0.5, 6, None, 0.001), &batch);
    let other = gradients(&trainer(&software, true, 0.5, 6, None, 0.001), &batch);
    let distance = distance(&one, &other);
    assert!(distance <= 1e-5, "{distance:e}");
}

#[test]
fn it_learns_what_can_be_learned() {
    let mut trainer = trainer(&Device::cpu(), true, 0.0, 16, None, 0.001);
    let batch = batch(16);
    let step = |trainer: &mut Trainer| pollster::block_on(trainer.step(&batch).unwrap().finish()).unwrap();
    let first = step(&mut trainer);
    assert!((0.4..1.2).contains(&first.loss), "near ln 2 at the start: {first:?}");
    let last = (0..60).map(|_| step(&mut trainer)).last().unwrap();
    assert!(last.loss < 0.02 && last.hits == 16, "{last:?}");
}

#[test]
fn a_diverging_run_stops_with_its_step() {
    for device in devices() {
        let mut trainer = trainer(&device, true, 0.0, 4, None, 1e30);
        let batch = batch(4);
        let results: Vec<_> =
            (0..4).map(|_| pollster::block_on(trainer.step(&batch).unwrap().finish())).collect();
        let at = results.iter().position(Result::is_err).expect("a learning rate of 1e30 diverges");
        let why = results[at].as_ref().unwrap_err();
        assert_eq!(why.kind, ErrorKind::Diverged);
        assert!(why.message.contains(&format!("step {}", at + 1)), "{}", why.message);
    }
}

#[test]
fn equal_seeds_give_equal_bits_and_others_do_not() {
    let bytes = |device: &Device, seed| {
        let classes = vec!["cats".to_string(), "dogs".to_string()];
        let model = Model::new(Network::cats_and_dogs(classes, SIZE, 0.5), device, seed, true).unwrap();
        let plan = Plan::new(&model, device.limits(), 8, Some(3)).unwrap();
        let mut trainer = Trainer::new(model, plan, 0.001, seed).unwrap();
        for _ in 0..3 {
            pollster::block_on(trainer.step(&batch(8)).unwrap().finish()).unwrap();
        }
        pollster::block_on(trainer.model.to_bytes()).unwrap()
    };
    for device in devices() {
        let first = bytes(&device, 1);
        assert!(first == bytes(&device, 1), "{}: equal seeds", device.name());
        assert!(first != bytes(&device, 2), "{}: another seed", device.name());
    }
}

#[test]
fn a_model_file_gives_the_same_model_back() {
    let trainer = trainer(&Device::cpu(), true, 0.5, 4, None, 0.001);
    let bytes = pollster::block_on(trainer.model.to_bytes()).unwrap();
    let again = Model::from_bytes(&bytes, &Device::cpu(), true).unwrap();
    assert_eq!(again.network, trainer.model.network);
    assert!(bytes == pollster::block_on(again.to_bytes()).unwrap());
    let names: Vec<_> = again.tensors().iter().map(|named| named.name.as_str()).collect();
    assert_eq!(names[..4], ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"]);
    assert_eq!(names[10..], ["dense3.weight", "dense3.bias"]);
}

#[test]
fn the_default_network_has_the_sizes_of_its_description() {
    let classes = vec!["cats".to_string(), "dogs".to_string()];
    let nodes = |size| Network::cats_and_dogs(classes.clone(), size, 0.5).placed().unwrap();
    let parameters: usize = nodes(256).iter().map(|placed| placed.slot_values()).sum();
    assert_eq!(parameters, 33_932_545);
    let pool3 = |size| nodes(size).into_iter().find(|placed| placed.name == "pool3").unwrap().output_shape;
    assert_eq!(pool3(256), [256, 32, 32]);
    // Pools floor: 150 -> 75 -> 37 -> 18.
    assert_eq!(pool3(150), [256, 18, 18]);
}

#[test]
fn a_plan_never_exceeds_the_devices_limits() {
    let device = Device::cpu();
    let classes = vec!["cats".to_string(), "dogs".to_string()];
    let model = |size, fuse| {
        Model::new(Network::cats_and_dogs(classes.clone(), size, 0.5), &device, 0, fuse).unwrap()
    };
    // WebGPU's defaults: 128 MiB bindings. Unfused, conv1 of one 64x64 picture is 1 MiB.
    let limits =
        pawgrad::device::Limits { max_buffer: 256 << 20, max_binding: 128 << 20, ..*device.limits() };
    let unfused = model(64, false);
    assert_eq!(Plan::new(&unfused, &limits, 1000, None).unwrap().micro_batch, 128);
    assert_eq!(Plan::new(&unfused, &limits, 32, None).unwrap().micro_batch, 32);
    let fused = model(64, true);
    assert_eq!(Plan::new(&fused, &limits, 1000, None).unwrap().micro_batch, 512);

    let why = Plan::new(&unfused, &limits, 1000, Some(200)).unwrap_err();
    assert_eq!(why.kind, ErrorKind::OutOfMemory);
    assert_eq!(why.remedy, Some(Remedy::MicroBatch(128)), "{}", why.message);
    let tiny = pawgrad::device::Limits { max_binding: 9 << 20, ..limits };
    let why = Plan::new(&unfused, &tiny, 4, None);
    assert_eq!(why.unwrap().micro_batch, 4);
    let tiny = pawgrad::device::Limits { max_binding: 1 << 20, ..limits };
    let why = Plan::new(&unfused, &tiny, 4, None).unwrap_err();
    assert!(why.message.contains("conv3.weight takes 1179648 bytes"), "{}", why.message);
}
