//! Times training steps of pawgrad's default network in burn.
//!
//! ```text
//! cargo run --release -- [--backend flex|wgpu|software] [--image-size 64] [--batch-size 32] [--steps 10]
//! ```
//!
//! Prints one line of JSON, which benches/compare reads.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::BinaryCrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::optim::{AdamConfig, GradientsParams};
use burn::prelude::*;
use burn::tensor::activation::relu;
use burn::tensor::{DeviceKind, Distribution};
use clap::{Parser, ValueEnum};
use std::time::Instant;

/// The first step compiles and tunes kernels, the second fills caches.
const WARM_UP: usize = 2;

#[derive(Clone, Copy, ValueEnum)]
enum Backend {
    /// burn's CPU backend
    Flex,
    /// The best GPU
    Wgpu,
    /// wgpu on a software adapter such as Mesa's lavapipe
    Software,
}

#[derive(Parser)]
struct Options {
    #[arg(long, value_enum, default_value = "flex")]
    backend: Backend,
    #[arg(long, default_value_t = 64)]
    image_size: usize,
    #[arg(long = "batch-size", default_value_t = 32)]
    batch: usize,
    #[arg(long, default_value_t = 10)]
    steps: usize,
}

#[derive(Module, Debug)]
struct Network {
    convs: Vec<Conv2d>,
    pool: MaxPool2d,
    dense1: Linear,
    dropout: Dropout,
    dense2: Linear,
    dense3: Linear,
}

impl Network {
    fn new(image_size: usize, device: &Device) -> Network {
        let conv =
            |channels| Conv2dConfig::new(channels, [3, 3]).with_padding(PaddingConfig2d::Same).init(device);
        let side = image_size / 8;
        Network {
            convs: vec![conv([1, 64]), conv([64, 128]), conv([128, 256])],
            pool: MaxPool2dConfig::new([2, 2]).init(),
            dense1: LinearConfig::new(256 * side * side, 128).init(device),
            dropout: DropoutConfig::new(0.5).init(),
            dense2: LinearConfig::new(128, 64).init(device),
            dense3: LinearConfig::new(64, 1).init(device),
        }
    }

    /// The logits of a batch.
    fn forward(&self, mut x: Tensor<4>) -> Tensor<2> {
        for conv in &self.convs {
            x = self.pool.forward(relu(conv.forward(x)));
        }
        let x = relu(self.dense1.forward(x.flatten(1, 3)));
        let x = relu(self.dense2.forward(self.dropout.forward(x)));
        self.dense3.forward(x)
    }
}

fn main() {
    let Options { backend, image_size, batch, steps } = Options::parse();
    let device = match backend {
        Backend::Flex => Device::flex(),
        Backend::Wgpu => Device::wgpu(DeviceKind::DefaultDevice),
        Backend::Software => Device::wgpu(DeviceKind::Cpu),
    };
    let (peer, name) = match device.identity() {
        None => ("burn 0.22.1 (flex)", "CPU".to_string()),
        Some(adapter) => ("burn 0.22.1 (wgpu)", adapter.name),
    };
    let device = device.autodiff();
    device.seed(1);

    let mut model = Network::new(image_size, &device);
    let mut adam = AdamConfig::new().with_epsilon(1e-7).init();
    let loss_of = BinaryCrossEntropyLossConfig::new().with_logits(true).init(&device);
    let x = Tensor::random([batch, 1, image_size, image_size], Distribution::Uniform(0.0, 1.0), &device);
    let labels = Tensor::<1, Int>::arange(0..batch as i64, &device).remainder_scalar(2).unsqueeze_dim(1);

    let parameters = model.num_params();
    let mut seconds = Vec::new();
    for _ in 0..WARM_UP + steps {
        let start = Instant::now();
        let loss = loss_of.forward(model.forward(x.clone()), labels.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = adam.step(0.001, model, gradients);
        loss.into_scalar::<f32>();
        device.sync().expect("the device finishes its work");
        seconds.push(start.elapsed().as_secs_f64());
    }

    let first_step = seconds[0];
    let mut rates: Vec<_> = seconds[WARM_UP..].iter().map(|seconds| batch as f64 / seconds).collect();
    rates.sort_by(f64::total_cmp);
    let line = serde_json::json!({
        "peer": peer,
        "device": name,
        "parameters": parameters,
        "image_size": image_size,
        "batch": batch,
        "steps": steps,
        "images_per_second": round(rates[steps / 2]),
        "first_step_seconds": round(first_step),
        "peak_mib": peak_mib(),
    });
    println!("{line}");
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Peak resident memory of this process; `None` where the system does not tell.
fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}
