//! Networks at random, of up to eight layers and what makes logits of them: small ones, of awkward sizes, many of them equal.
//!
//! With whole numbers for inputs, weights and upstream gradients, everything that is computed is exact in f32: the devices and
//! the definitions in f64 must agree in every bit of it. With other numbers each kernel is run on what the definitions were
//! given, and compared within its bound; and the gradients say how a small step of all weights changes what comes out, whoever
//! takes what from whom.

use crate::common::{software, weights_file};
use pawgrad::cases::{Style, Values};
use pawgrad::check::kernels::{check_values, magnitude};
use pawgrad::check::replay::{Replay, Replayed};
use pawgrad::data::Color;
use pawgrad::device::Device;
use pawgrad::model::layers::{
    Add, AnyLayer, BatchNorm, Conv2d, Dense, Dropout, Flatten, GlobalAvgPool, LeakyRelu, MaxPool2d, Relu,
};
use pawgrad::model::network::Preprocessing;
use pawgrad::model::{Graph, Mode, Model, Network, Role};
use pawgrad::ops::add::accumulate;
use pawgrad::ops::conv2d::Padding;
use pawgrad::ops::input::pack;
use pawgrad::random::generator;
use pawgrad::tape::Tape;
use pawgrad::tensor::Tensor;
use rand::{Rng, RngExt};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

/// What is drawn of a layer; a number that does not fit is taken modulo what does.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Conv {
        filters: usize,
        window: usize,
        stride: usize,
        same: bool,
        bias: bool,
    },
    Pool {
        window: usize,
        stride: usize,
    },
    Relu,
    Leaky(f64),
    /// The sum with what the layer so many places before made.
    Add(usize),
    Mean,
    Norm,
    Flatten,
    Dense {
        units: usize,
        bias: bool,
    },
    Dropout,
}

#[derive(Debug, Clone, PartialEq)]
struct Drawn {
    size: usize,
    color: bool,
    batch: usize,
    classes: usize,
    fuse: bool,
    seed: u64,
    layers: Vec<Kind>,
}

fn draw(seed: u64, index: u64, exact: bool) -> Drawn {
    let random = &mut generator(seed, "networks", index);
    // Channels, height and width of one size hide what is mixed up; others show it.
    let size = random.random_range(8..14);
    let width = |random: &mut dyn Rng| if random.random() { size } else { random.random_range(1..10) };
    let (color, batch, classes) = (random.random(), random.random_range(1..6), random.random_range(2..5));
    let (fuse, seed) = (random.random(), random.random());
    let mut drawn = Drawn { size, color, batch, classes, fuse, seed, layers: Vec::new() };
    let count = random.random_range(1..=8);
    // Most layers fit few shapes: others are drawn until one does.
    for _ in 0..20 * count {
        let kind = match random.random_range(0..13) {
            0..=3 => Kind::Conv {
                filters: width(random),
                window: [1, 2, 3, 5][random.random_range(0..4)],
                stride: random.random_range(1..4),
                same: random.random(),
                bias: random.random(),
            },
            4 => Kind::Pool { window: random.random_range(1..4), stride: random.random_range(1..4) },
            5 => Kind::Relu,
            6 => Kind::Leaky([0.0, 0.25, 0.5][random.random_range(0..3)]),
            7 | 8 => Kind::Add(random.random_range(1..5)),
            9 if exact => continue,
            9 => Kind::Norm,
            // What is behind these has no height and width any more: they come late.
            10 if drawn.layers.len() + 3 > count => {
                [Kind::Mean, Kind::Flatten][random.random_range(0..2)].clone()
            }
            11 => Kind::Dense { units: width(random), bias: random.random() },
            12 => Kind::Dropout,
            _ => continue,
        };
        drawn.layers.push(kind);
        if drawn.network().is_none() {
            drawn.layers.pop();
        }
        if drawn.layers.len() == count {
            break;
        }
    }
    drawn
}

impl Drawn {
    /// The network; `None` where the layers do not fit each other.
    fn network(&self) -> Option<Network> {
        let names = (0..self.classes).map(|class| format!("class {class}")).collect();
        let color = if self.color { Color::Rgb } else { Color::Gray };
        let mut network = Network::new(names, self.size, Graph::new()).in_color(color);
        // Of black and white pixels, -2 and 2: no rounding.
        network.preprocessing = Preprocessing { mean: 0.5, std_dev: 0.25, ..network.preprocessing };
        let logits = network.head.logits(self.classes).unwrap();
        let end = [Kind::Flatten, Kind::Dense { units: logits, bias: true }];
        for kind in self.layers.iter().chain(&end) {
            let nodes = network.nodes.clone();
            let back = |places: usize| {
                let at = nodes.nodes.len().checked_sub(1 + places);
                at.map(|at| nodes.nodes[at].name.clone())
            };
            let layer: AnyLayer = match *kind {
                Kind::Conv { filters, window, stride, same, bias } => Arc::new(Conv2d {
                    filters,
                    kernel_size: [window; 2],
                    strides: [stride; 2],
                    padding: if same { Padding::Same } else { Padding::Valid },
                    use_bias: bias,
                }),
                Kind::Pool { window, stride } => {
                    Arc::new(MaxPool2d { pool_size: [window; 2], strides: [stride; 2] })
                }
                Kind::Relu => Arc::new(Relu {}),
                Kind::Leaky(slope) => Arc::new(LeakyRelu::new(slope)),
                Kind::Mean => Arc::new(GlobalAvgPool {}),
                Kind::Norm => Arc::new(BatchNorm::default()),
                Kind::Flatten => Arc::new(Flatten {}),
                Kind::Dense { units, bias } => Arc::new(Dense { units, use_bias: bias }),
                Kind::Dropout => Arc::new(Dropout::new(0.5)),
                Kind::Add(places) => {
                    let inputs = vec![nodes.last_name().to_string(), back(places)?];
                    let name = nodes.next_name(&Add {});
                    network.nodes = nodes.with(name, Arc::new(Add {}), inputs);
                    continue;
                }
            };
            network.nodes = nodes.then_any(layer);
        }
        network.placed().ok()?;
        Some(network)
    }

    /// Small whole numbers, or any.
    fn number(random: &mut impl Rng, exact: bool) -> f32 {
        // Below 1, and in 8 places: there is room behind them for the step of a difference. And never 0.
        if exact {
            random.random_range(-1i8..=1).into()
        } else {
            f32::from(2 * random.random_range(-128i16..128) + 1) / 256.0
        }
    }

    /// The model with drawn weights, on this device.
    fn model(&self, network: &Network, device: &Device, exact: bool) -> Model {
        self.model_moved(network, device, exact, 0.0)
    }

    /// The same, with all that is learned moved by so much, each up or down.
    fn model_moved(&self, network: &Network, device: &Device, exact: bool, by: f32) -> Model {
        let signs = &mut generator(self.seed, "signs", 0);
        let random = &mut generator(self.seed, "weights", 0);
        let shapes = Model::new(network.clone(), &Device::cpu(), 0, self.fuse).unwrap();
        let tensors = shapes.tensors().iter().map(|named| {
            let shape = named.tensor.shape().to_vec();
            let row: usize = shape[1..].iter().product();
            // About two terms of a sum: what comes out of eight layers is exact in f32.
            let kept = if exact { (2.0 / row as f64).min(1.0) } else { 1.0 };
            let mut value = || if random.random_bool(kept) { Drawn::number(random, exact) } else { 0.0 };
            let mut values: Vec<f32> = (0..shape.iter().product()).map(|_| value()).collect();
            if named.name.ends_with("moving_variance") {
                values.iter_mut().for_each(|value| *value = value.abs() + 0.5);
            }
            if named.role == Role::Parameter {
                values.iter_mut().for_each(|value| *value += by * sign(signs));
            }
            (named.name.clone(), shape, values)
        });
        Model::with_weights(network.clone(), &weights_file(&tensors.collect::<Vec<_>>()), device, self.fuse)
            .unwrap()
    }

    /// The logits, and the gradients of all parameters for a drawn gradient of the logits.
    fn run(&self, model: &Model, exact: bool) -> Vec<Tensor> {
        let (random, device) = (&mut generator(self.seed, "pictures", 0), model.device());
        let len = self.batch * model.network.raster().bytes();
        let pixels: Vec<u8> = (0..len)
            .map(|_| if exact { [0, 255][random.random_range(0..2)] } else { random.random() })
            .collect();
        let words = pack(&pixels);
        let pixels = Tensor::from_u32(device, &[words.len()], &words).unwrap();
        let tape = Tape::new(device, accumulate);
        let vars = model.vars(&tape, true);
        let mode = Mode::Train { seed: 7, step: 1, first_image: 0 };
        let logits = model.forward(&tape, &vars, &pixels, self.batch, mode).unwrap();
        let random = &mut generator(self.seed, "upstream", 0);
        let upstream: Vec<f32> = (0..logits.tensor.len()).map(|_| Drawn::number(random, exact)).collect();
        let upstream = Tensor::from_f32(device, logits.shape(), &upstream).unwrap();
        let mut found = vec![logits.tensor.clone()];
        let mut gradients = tape.backward(&logits, upstream).unwrap();
        found.extend(vars.iter().filter_map(|var| gradients.take(var)));
        found
    }

    /// What fails with whole numbers; `Ok(false)` where they would not be exact.
    fn fails_in_integers(&self, others: &[Device]) -> Result<bool, String> {
        let Some(network) = self.network() else { return Ok(false) };
        let device = Device::cpu();
        let model = self.model(&network, &device, true);
        let is_exact = Rc::new(RefCell::new(true));
        let seen = is_exact.clone();
        let replay = Replay::showing(&device, move |call| *seen.borrow_mut() &= sums_are_exact(call));
        let found = self.run(&model, true);
        if !*is_exact.borrow() {
            return Ok(false);
        }
        let read = |tensor: &Tensor| pollster::block_on(tensor.read_f32()).unwrap();
        let expected: Vec<_> = found.iter().map(|tensor| replay.values(tensor).unwrap()).collect();
        drop(replay);
        let compare = |name: &str, found: &[Tensor]| {
            assert_eq!(found.len(), expected.len());
            for (number, (tensor, expected)) in found.iter().zip(&expected).enumerate() {
                let got = read(tensor);
                let wrong = got.iter().zip(expected).position(|(got, wanted)| f64::from(*got) != *wanted);
                if let Some(at) = wrong {
                    let what =
                        if number == 0 { "the logits".to_string() } else { format!("gradient {number}") };
                    return Err(format!("{what} on {name}: [{at}] is {}, not {}", got[at], expected[at]));
                }
            }
            Ok(())
        };
        compare("the CPU", &found)?;
        for device in others {
            compare(device.name(), &self.run(&self.model(&network, device, true), true))?;
        }
        Ok(true)
    }

    /// What fails with other numbers: a kernel, on what the definitions were given.
    fn fails_in_floats(&self, devices: &[Device]) -> Result<bool, String> {
        let Some(network) = self.network() else { return Ok(false) };
        let device = Device::cpu();
        let model = self.model(&network, &device, false);
        let failure = Rc::new(RefCell::new(None));
        let (seen, devices) = (failure.clone(), devices.to_vec());
        let mut turn = self.seed as usize;
        let replay = Replay::showing(&device, move |call| {
            turn += 1;
            let failed = || devices.iter().find_map(|device| kernel_fails(call, device, turn));
            let mut first = seen.borrow_mut();
            if first.is_none() {
                *first = failed();
            }
        });
        self.run(&model, false);
        drop(replay);
        failure.take().map_or(Ok(true), Err)
    }

    /// What fails of the gradients, in f64: the sum of logits times their gradients, as a function of how far the weights are
    /// moved, has the slope that the gradients say.
    fn fails_in_slopes(&self) -> Result<bool, String> {
        let Some(network) = self.network() else { return Ok(false) };
        let run = |by: f32| {
            let device = Device::cpu();
            let model = self.model_moved(&network, &device, false, by);
            let replay = Replay::follow(&device);
            let found = self.run(&model, false);
            let values: Vec<_> = found.iter().map(|tensor| replay.values(tensor).unwrap()).collect();
            let upstream = &mut generator(self.seed, "upstream", 0);
            let value: f64 = values[0].iter().map(|y| y * f64::from(Drawn::number(upstream, false))).sum();
            (value, values)
        };
        let signs = &mut generator(self.seed, "signs", 0);
        let (slope, terms) = run(0.0).1[1..].iter().flatten().fold((0.0, 0.0), |(slope, terms), gradient| {
            (slope + gradient * f64::from(sign(signs)), terms + gradient.abs())
        });
        let at = run(0.0).0;
        // The slopes to the right and to the left.
        let slopes = |by: f32| [(run(by).0 - at) / f64::from(by), (at - run(-by).0) / f64::from(by)];
        let steps = [f32::exp2(-15.0), f32::exp2(-16.0)].map(slopes);
        let allowed = 1e-7 * terms + 1e-9;
        // The error of a difference of both sides falls to a quarter with half the step (Richardson's extrapolation).
        let [wide, close] = steps.map(|[right, left]| 0.5 * (right + left));
        if [close, (4.0 * close - wide) / 3.0].iter().any(|found| (found - slope).abs() <= allowed) {
            return Ok(true);
        }
        // Where a unit lies on its kink, both sides stay apart, however small the step is: there is no slope.
        let [apart, closer] = steps.map(|[right, left]| (right - left).abs());
        if closer > 0.75 * apart && closer > allowed {
            return Ok(false);
        }
        Err(format!("the gradients say {slope}, but the differences are {steps:?}"))
    }

    /// Smaller ones that may fail in the same way.
    fn smaller(&self) -> Vec<Drawn> {
        let with = |change: &dyn Fn(&mut Drawn)| {
            let mut other = self.clone();
            change(&mut other);
            other
        };
        let mut all: Vec<Drawn> = (0..self.layers.len())
            .map(|at| {
                with(&|it| {
                    it.layers.remove(at);
                })
            })
            .collect();
        all.push(with(&|it| it.size = (it.size - 1).max(8)));
        all.push(with(&|it| it.batch = it.batch.div_ceil(2)));
        all.push(with(&|it| it.classes = 2));
        all.push(with(&|it| it.color = false));
        all.push(with(&|it| it.fuse = false));
        for at in 0..self.layers.len() {
            all.push(with(&|it| match &mut it.layers[at] {
                Kind::Conv { filters, .. } => *filters = filters.div_ceil(2),
                Kind::Dense { units, .. } => *units = units.div_ceil(2),
                _ => {}
            }));
            all.push(with(&|it| match &mut it.layers[at] {
                Kind::Conv { window, stride, bias, .. } => (*window, *stride, *bias) = (1, 1, false),
                Kind::Pool { window, stride } => (*window, *stride) = (1, 1),
                _ => {}
            }));
        }
        all.retain(|other| other != self);
        all
    }
}

fn sign(random: &mut impl Rng) -> f32 {
    if random.random() { 1.0 } else { -1.0 }
}

/// Whether every sum of a call is exact in f32, in any order: terms are multiples of a power of two, and there is room for them.
fn sums_are_exact(call: &Replayed) -> bool {
    let unit = |values: &Values| match values {
        Values::Float(values) => values.iter().map(|&v| last_place(v)).fold(1.0, f64::min),
        Values::Uint(_) => 1.0,
    };
    let inputs: f64 = call.inputs.iter().map(unit).product();
    let outputs = call.outputs.iter().map(unit).fold(1.0, f64::min);
    let largest = |values: &Values| match values {
        Values::Float(values) => values.iter().fold(0.0, |max: f64, v| max.max(v.abs())),
        Values::Uint(_) => 0.0,
    };
    let sums = magnitude(call.case, call.inputs, call.before);
    sums.iter().map(largest).fold(0.0, f64::max) / inputs.min(outputs) < f64::from(1 << 24)
}

/// The power of two that a number is an odd multiple of; 1 for 0.
fn last_place(v: f64) -> f64 {
    let bits = v.to_bits() & ((1 << 52) - 1) | 1 << 52;
    let exponent = (v.to_bits() >> 52 & 0x7ff) as i32 - 1075;
    if v == 0.0 { 1.0 } else { f64::exp2(f64::from(exponent + bits.trailing_zeros() as i32)) }
}

/// Runs a rung of a call's kernel on what its definition was given, rounded to f32: one after the other has its turn.
fn kernel_fails(call: &Replayed, device: &Device, turn: usize) -> Option<String> {
    let round = |values: &Values| match values {
        Values::Float(values) => Values::Float(values.iter().map(|&v| f64::from(v as f32)).collect()),
        Values::Uint(values) => Values::Uint(values.clone()),
    };
    let [inputs, before] = [call.inputs, call.before].map(|all| all.iter().map(round).collect::<Vec<_>>());
    let (name, params) = (call.case.call.name(), call.case.call.params());
    let rungs = call.case.call.rungs(device);
    let rung = rungs[turn % rungs.len()];
    let checked = pollster::block_on(check_values(call.case, device, rung, &inputs, &before, Style::Random));
    checked.err().map(|why| format!("{name} {rung} on {}: {why}\n{params}", device.name()))
}

/// Draws networks until so many were compared; the first that fails is made as small as it can be.
fn check(count: usize, seed: u64, exact: bool, fails: &dyn Fn(&Drawn) -> Result<bool, String>) {
    let (mut compared, mut kinds) = (0, BTreeSet::new());
    for index in 0.. {
        assert!(index < 20 * count as u64, "only {compared} of {index} networks could be compared");
        let mut drawn = draw(seed, index, exact);
        match fails(&drawn) {
            Ok(false) => continue,
            Ok(true) => {
                let name = |kind: &Kind| format!("{kind:?}").split([' ', '(']).next().unwrap().to_string();
                kinds.extend(drawn.layers.iter().map(name));
                compared += 1;
            }
            Err(mut why) => {
                while let Some((other, reason)) =
                    drawn.smaller().into_iter().find_map(|other| Some((other.clone(), fails(&other).err()?)))
                {
                    (drawn, why) = (other, reason);
                }
                panic!("network {index} of seed {seed}: {why}\n{drawn:#?}");
            }
        }
        if compared == count {
            break;
        }
    }
    assert_eq!(kinds.len(), if exact { 9 } else { 10 }, "{kinds:?}");
}

#[test]
fn random_networks_are_exact_on_the_cpu() {
    check(2000, 1, true, &|drawn| drawn.fails_in_integers(&[]));
}

#[test]
fn random_networks_are_exact_in_wgsl() {
    let devices = [software()];
    check(200, 2, true, &|drawn| drawn.fails_in_integers(&devices));
}

#[test]
fn kernels_of_random_networks_keep_their_bounds_on_the_cpu() {
    let devices = [Device::cpu()];
    check(2000, 3, false, &|drawn| drawn.fails_in_floats(&devices));
}

#[test]
fn kernels_of_random_networks_keep_their_bounds_in_wgsl() {
    let devices = [software()];
    check(200, 4, false, &|drawn| drawn.fails_in_floats(&devices));
}

#[test]
fn gradients_of_random_networks_are_slopes() {
    check(500, 5, false, &|drawn| drawn.fails_in_slopes());
}
