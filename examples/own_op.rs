//! An operation of one's own, softsign: y = x / (1 + |x|). Its definition, its shader, the kernels that tie them together,
//! and a function that records it on a tape. Then the checks that every operation of pawgrad has to pass.
//!
//!     cargo run --release --example own_op                  checks the definition, on the CPU
//!     cargo run --release --example own_op -- software      and the shader, on a software Vulkan driver (or: gpu)

use pawgrad::cases::{Case, Row, Style, Table, Tolerance, lengths};
use pawgrad::check::{gradient, kernels};
use pawgrad::device::{Device, Precision, adapters};
use pawgrad::error::Result;
use pawgrad::kernel::{Buffer, Grid, Kernel, Pass, Reference, Rung, Usage};
use pawgrad::ops::add::accumulate;
use pawgrad::reference::Real;
use pawgrad::tape::{Tape, Var};
use pawgrad::tensor::{Kind, Tensor};
use std::ops::Range;

/// `x / (1 + |x|)` of every element. y has the shape of x.
fn softsign(tape: &Tape, x: &Var) -> Result<Var> {
    let device = tape.device().clone();
    let params = Params { len: x.tensor.len() as u32 };
    let y = FORWARD.compute(&device, &params, &[&x.tensor], x.shape())?;
    let saved = x.tensor.clone();
    Ok(tape.record("softsign", &[x], y, move |dy, _needs| {
        Ok(vec![Some(BACKWARD_X.compute(&device, &params, &[&saved, dy], dy.shape())?)])
    }))
}

// The definition: plain loops that compute the items of a range, in f32 and in f64.

pawgrad::params! {
    /// Sizes of one call.
    pub struct Params {
        /// Elements in all.
        pub len: u32,
    }
}

fn forward<T: Real>(elements: Range<usize>, x: &[T], y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(&x[elements]) {
        *y = x / (T::ONE + x.abs());
    }
}

/// The slope is 1 / (1 + |x|)^2.
fn backward_x<T: Real>(elements: Range<usize>, x: &[T], dy: &[T], dx: &mut [T]) {
    for ((dx, &x), &dy) in dx.iter_mut().zip(&x[elements.clone()]).zip(&dy[elements]) {
        let below = T::ONE + x.abs();
        *dx = dy / (below * below);
    }
}

/// The shader. Inside pawgrad it is a file of its own; the names are those of the definition.
const SOURCE: &str = "
struct Params { len: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if (i >= p.len) { return; }
    y[i] = x[i] / (1.0 + abs(x[i]));
}

@compute @workgroup_size(256)
fn backward_x(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let i = id.y * groups.x * 256u + id.x;
    if (i >= p.len) { return; }
    let below = 1.0 + abs(x[i]);
    dx[i] = dy[i] / (below * below);
}
";

// The kernels: definition and shader as one value. (Inside the crate, the macro `kernel!` writes this.)

const fn floats(name: &'static str, usage: Usage) -> Buffer {
    Buffer { name, kind: Kind::F32, usage }
}

static FORWARD: Kernel<Params> = Kernel {
    name: "softsign.forward",
    buffers: &[floats("x", Usage::Read), floats("y", Usage::Write)],
    reference: Reference {
        items: |p| p.len as usize,
        f32: |_, items, inputs, outputs| forward(items, inputs[0].floats(), outputs[0].floats()),
        f64: |_, items, inputs, outputs| forward(items, inputs[0].floats(), outputs[0].floats()),
    },
    cpu: None,
    rungs: &[Rung::plain(SOURCE, &[Pass::new("forward", Grid::Threads(|p: &Params| p.len as usize))])],
    flop: |_| 0.0,
};

static BACKWARD_X: Kernel<Params> = Kernel {
    name: "softsign.backward_x",
    buffers: &[floats("x", Usage::Read), floats("dy", Usage::Read), floats("dx", Usage::Write)],
    reference: Reference {
        items: |p| p.len as usize,
        f32: |_, items, inputs, outputs| {
            backward_x(items, inputs[0].floats(), inputs[1].floats(), outputs[0].floats())
        },
        f64: |_, items, inputs, outputs| {
            backward_x(items, inputs[0].floats(), inputs[1].floats(), outputs[0].floats())
        },
    },
    cpu: None,
    rungs: &[Rung::plain(SOURCE, &[Pass::new("backward_x", Grid::Threads(|p: &Params| p.len as usize))])],
    flop: |_| 0.0,
};

/// Sizes to try both kernels at, and how far they may be from the definition.
fn cases() -> Vec<Case> {
    Row::new(lengths(Table::Awkward, |len| Params { len }), |p, _| vec![p.len])
        .inexact()
        .kernel(&FORWARD, |_| Tolerance::Elementwise)
        .kernel(&BACKWARD_X, |_| Tolerance::Elementwise)
        .cases()
}

fn main() -> Result<()> {
    pollster::block_on(run())
}

async fn run() -> Result<()> {
    let mut devices = vec![Device::cpu()];
    if let Some(name) = std::env::args().nth(1) {
        let Ok(choice) = name.parse();
        devices.push(adapters::open(&choice, Precision::F32).await?.0);
    }

    // On a tape it is like any other operation.
    for device in &devices {
        let tape = Tape::new(device, accumulate);
        let x = tape.parameter(&Tensor::from_f32(device, &[3], &[-1.0, 0.0, 3.0])?);
        let y = softsign(&tape, &x)?;
        let dy = Tensor::from_f32(device, &[3], &[1.0; 3])?;
        let dx = tape.backward(&y, dy)?.take(&x).expect("y depends on x");
        let (y, dx) = (y.tensor.read_f32().await?, dx.read_f32().await?);
        println!("{}: y {y:?}, dy/dx {dx:?}", device.name());
        assert_eq!((y, dx), (vec![-0.5, 0.0, 0.75], vec![0.25, 1.0, 0.0625]));
    }

    // The definition's gradient against finite differences, in f64.
    let cases = cases();
    let mut worst: f64 = 0.0;
    for backward in cases.iter().filter(|case| case.call.name() == BACKWARD_X.name) {
        let forward = gradient::forward_of(&cases, backward).expect("a forward case of the same sizes");
        worst = worst.max(gradient::check(&cases, forward, backward).expect("the gradient is right"));
    }
    println!("gradient against finite differences: off by {worst:.1e} at most");

    // Every way to compute it against the definition.
    for device in &devices {
        let mut checks = 0;
        for case in &cases {
            for rung in case.call.rungs(device) {
                for style in [Style::Integers, Style::Random] {
                    kernels::check(case, device, rung, style)
                        .await
                        .expect("the kernel equals its definition");
                    checks += 1;
                }
            }
        }
        println!("{}: {checks} checks passed", device.name());
        assert!(checks >= 16);
    }
    Ok(())
}
