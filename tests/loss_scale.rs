//! Loss scaling, which needs no tensor cores: what it leaves alone, what it skips, how the scale moves, and when it ends a run.

mod common;

use pawgrad::data::Batch;
use pawgrad::device::Device;
use pawgrad::error::{ErrorKind, Result};
use pawgrad::model::{Model, Network};
use pawgrad::optim::{Adam, LossScale};
use pawgrad::tensor::Tensor;
use pawgrad::train::Trainer;
use pawgrad::train::plan::Plan;
use pawgrad::train::{Scaling, StepResult};

const SIZE: usize = 16;

fn trainer(device: &Device, rate: f64) -> Trainer {
    let classes = vec!["cats".to_string(), "dogs".to_string()];
    let model = Model::new(Network::cats_and_dogs(classes, SIZE, 0.5), device, 5, true).unwrap();
    let plan = Plan::new(&model, device.limits(), 6, Some(4)).unwrap();
    Trainer::new(model, plan, rate, 5).unwrap()
}

fn step(trainer: &mut Trainer) -> Result<StepResult> {
    let pixels = (0..6 * SIZE * SIZE).map(|i| (i * 37 % 251) as u8).collect();
    let batch = Batch::new(pixels, vec![0, 1, 0, 1, 0, 1]);
    pollster::block_on(trainer.step(&batch)?.finish())
}

fn weights(trainer: &Trainer) -> Vec<u8> {
    pollster::block_on(trainer.model.to_bytes()).unwrap()
}

fn devices() -> [Device; 2] {
    [Device::cpu(), common::software()]
}

fn scaled(device: &Device, exponent: i32, growth_interval: u32) -> Trainer {
    trainer(device, 0.001).with_loss_scale(LossScale::starting_at(device, exponent, growth_interval).unwrap())
}

/// Powers of two change no digit: losses and weights are those without scaling, bit for bit.
#[test]
fn without_overflow_scaling_changes_nothing() {
    for device in devices() {
        let (mut plain, mut scaled) = (trainer(&device, 0.001), scaled(&device, 16, 2));
        for expected in [65536.0, 131_072.0, 131_072.0, 262_144.0] {
            let (plain, scaled) = (step(&mut plain).unwrap(), step(&mut scaled).unwrap());
            assert_eq!((plain.loss, plain.hits), (scaled.loss, scaled.hits), "{}", device.name());
            assert_eq!(
                scaled.scaling,
                Some(Scaling { scale: expected, skipped: false }),
                "{}",
                device.name()
            );
            assert_eq!(plain.scaling, None);
        }
        assert!(weights(&plain) == weights(&scaled), "{}", device.name());
    }
}

#[test]
fn the_default_scale_is_that_of_pytorch() {
    let device = Device::cpu();
    let scale = LossScale::new(&device).unwrap();
    assert_eq!(pollster::block_on(scale.scale().read_f32()).unwrap(), [65536.0]);
}

/// f32 overflows at 2^128. The first step is far too long: the gradients of the second are large, and times 2^125
/// infinite.
#[test]
fn an_overflow_skips_the_step_and_halves_the_scale() {
    for device in devices() {
        let trainer = trainer(&device, 1.0);
        let mut trainer = trainer.with_loss_scale(LossScale::starting_at(&device, 125, 2000).unwrap());
        assert_eq!(
            step(&mut trainer).unwrap().scaling,
            Some(Scaling { scale: 2f32.powi(125), skipped: false })
        );
        let (before, mut skipped) = (weights(&trainer), 0);
        loop {
            let result = step(&mut trainer).unwrap();
            let scaling = result.scaling.unwrap();
            assert!(result.loss.is_finite(), "the loss itself is not scaled: {result:?}");
            skipped += i32::from(scaling.skipped);
            assert_eq!(scaling.scale, 2f32.powi(125 - skipped), "loss_scale.update on {}", device.name());
            if !scaling.skipped {
                break;
            }
            let same = weights(&trainer) == before;
            assert!(same, "adam.scaled_step on {}: a skipped step updates nothing", device.name());
        }
        assert!((1..60).contains(&skipped), "{skipped} steps were skipped on {}", device.name());
        assert!(weights(&trainer) != before, "{}: the step that was not skipped", device.name());
    }
}

/// One parameter, with gradients that are given.
struct Single {
    parameter: Tensor,
    adam: Adam,
    scale: LossScale,
}

impl Single {
    fn new(device: &Device, exponent: i32, growth_interval: u32) -> Single {
        let parameter = Tensor::from_f32(device, &[3], &[1.0, 2.0, 3.0]).unwrap();
        let adam = Adam::new(&[&parameter], 0.001).unwrap();
        let scale = LossScale::starting_at(device, exponent, growth_interval).unwrap();
        Single { parameter, adam, scale }
    }

    /// Whether the step was skipped, and the scale after it.
    fn step(&mut self, gradient: f32) -> (bool, f32) {
        let gradient = Tensor::from_f32(self.parameter.device(), &[3], &[0.5, gradient, -0.5]).unwrap();
        let flag = self.adam.apply_scaled(&[&self.parameter], &[gradient], &self.scale).unwrap();
        let flag = pollster::block_on(flag.read_u32()).unwrap();
        (flag == [1], pollster::block_on(self.scale.scale().read_f32()).unwrap()[0])
    }

    fn values(&self) -> Vec<f32> {
        pollster::block_on(self.parameter.read_f32()).unwrap()
    }
}

#[test]
fn the_scale_grows_after_the_interval_and_an_overflow_begins_it_anew() {
    for device in devices() {
        let mut single = Single::new(&device, 4, 3);
        let inf = f32::INFINITY;
        for (gradient, expected) in [
            (1.0, (false, 16.0)),
            (1.0, (false, 16.0)),
            (f32::NAN, (true, 8.0)),
            (1.0, (false, 8.0)),
            (1.0, (false, 8.0)),
            (1.0, (false, 16.0)),
            (-inf, (true, 8.0)),
            (inf, (true, 4.0)),
        ] {
            let before = single.values();
            assert_eq!(single.step(gradient), expected, "loss_scale.update on {}", device.name());
            assert_eq!(single.values() == before, expected.0, "adam.scaled_step on {}", device.name());
        }
    }
}

#[test]
fn the_largest_scale_stays() {
    for device in devices() {
        let mut single = Single::new(&device, 124, 1);
        let scales: Vec<_> = (0..3).map(|_| single.step(1.0).1).collect();
        assert_eq!(scales, [2f32.powi(125); 3], "loss_scale.update on {}", device.name());
    }
}

/// Where a smaller scale does not help, the run must end.
#[test]
fn gradients_that_overflow_at_any_scale_end_the_run() {
    for device in devices() {
        let mut trainer = scaled(&device, 1, 2000);
        let batch = Batch::new(vec![9; 6 * SIZE * SIZE], vec![0; 6]);
        let mut apply_infinite = || {
            let mut found = trainer.gradients(&batch).unwrap();
            let first = &mut found.gradients[0];
            *first = Tensor::from_f32(&device, first.shape(), &vec![f32::INFINITY; first.len()]).unwrap();
            pollster::block_on(trainer.apply(found).unwrap().finish())
        };
        let results = [apply_infinite(), apply_infinite()];
        assert_eq!(results[0].as_ref().unwrap().scaling, Some(Scaling { scale: 1.0, skipped: true }));
        let why = results[1].as_ref().unwrap_err();
        assert_eq!(why.kind, ErrorKind::Diverged);
        assert!(
            why.message.contains("step 2") && why.message.contains("even with a loss scale of 1"),
            "{}",
            why.message
        );
    }
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_also_with_scaling() {
    for device in devices() {
        let classes = vec!["cats".to_string(), "dogs".to_string()];
        let model = Model::new(Network::cats_and_dogs(classes, SIZE, 0.0), &device, 5, true).unwrap();
        let plan = Plan::new(&model, device.limits(), 6, None).unwrap();
        let trainer = Trainer::new(model, plan, 1e30, 5).unwrap();
        let mut trainer = trainer.with_loss_scale(LossScale::new(&device).unwrap());
        let why = (0..5).find_map(|_| step(&mut trainer).err()).expect("a learning rate of 1e30 diverges");
        assert_eq!(why.kind, ErrorKind::Diverged);
        assert!(why.message.contains("the loss is"), "{}", why.message);
    }
}
