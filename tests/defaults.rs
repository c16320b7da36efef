//! The rungs that made-up adapters take by default, in whole training steps on paper: never a plain one where the time goes,
//! and never too few groups for a large GPU.

mod common;

use pawgrad::data::Batch;
use pawgrad::device::adapters::{DISCRETE_SUBMIT_FLOP, OTHER_SUBMIT_FLOP};
use pawgrad::device::{Device, Label, Limits, TensorCores};
use pawgrad::model::layers::{
    Add, BatchNorm, Conv2d, Dense, Flatten, GlobalAvgPool, LeakyRelu, MaxPool2d, Relu,
};
use pawgrad::model::{Graph, Model, Network};
use pawgrad::ops::conv2d::Padding;
use pawgrad::train::Trainer;
use pawgrad::train::plan::Plan;
use std::collections::BTreeMap;
use std::fmt::Write;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Groups that keep a large GPU busy: two for each core of an H100.
const ENOUGH_GROUPS: f64 = 264.0;
/// Results that are worth a group of their own: four warps whose threads own 64 each.
const FEWEST_RESULTS: f64 = 8192.0;
/// Multiply-adds of a sum in parts that are worth a group of their own.
const FEWEST_PRODUCTS: f64 = (1 << 20) as f64;
/// Kernels whose long sums may be cut into parts, which is worth a second pass.
const IN_PARTS: [&str; 3] = ["conv2d.backward_w", "conv2d_relu_pool.backward_w", "dense.forward"];

/// Adapters whose kernels multiply on tensor cores.
fn mixed() -> Vec<(&'static str, Limits)> {
    let of =
        |name: &str| adapters().into_iter().find(|(known, _)| *known == name).expect("a known adapter").1;
    let with =
        |limits, side, subgroup| Limits { tensor_cores: Some(TensorCores { side, subgroup }), ..limits };
    vec![
        ("NVIDIA, mixed precision", with(of("NVIDIA"), 16, 32)),
        ("AMD RDNA, mixed precision", with(of("AMD RDNA"), 16, 64)),
        ("Apple, mixed precision", with(of("Apple"), 8, 32)),
    ]
}

/// What wgpu reports of adapters of these kinds, or WebGPU's defaults, which every adapter has.
fn adapters() -> Vec<(&'static str, Limits)> {
    let web = Limits {
        max_buffer: 256 * MIB,
        max_binding: 128 * MIB,
        max_workgroup_memory: 16 << 10,
        max_workgroup_threads: 256,
        min_subgroup_size: 0,
        tensor_cores: None,
        max_texture_side: 8192,
        software: false,
        own_memory: false,
        max_loop_iterations: usize::MAX,
        max_submit_flop: OTHER_SUBMIT_FLOP,
    };
    let discrete = |limits| Limits { own_memory: true, max_submit_flop: DISCRETE_SUBMIT_FLOP, ..limits };
    let native = |min_subgroup_size, kib: u32, bytes| Limits {
        max_buffer: bytes,
        max_binding: bytes.min(4 * GIB - 4),
        max_workgroup_memory: kib << 10,
        max_workgroup_threads: 1024,
        min_subgroup_size,
        max_texture_side: 16384,
        ..web
    };
    vec![
        ("NVIDIA", discrete(native(32, 48, 1 << 40))),
        ("AMD RDNA", discrete(native(32, 64, 4 * GIB - 4))),
        ("AMD GCN", discrete(native(64, 64, 4 * GIB - 4))),
        ("Intel", native(8, 32, 4 * GIB - 4)),
        ("Apple", native(32, 32, 8 * GIB)),
        ("Adreno", native(64, 32, 2 * GIB)),
        ("WebGPU's defaults", web),
    ]
}

fn networks(size: usize) -> Vec<(&'static str, Network, bool)> {
    let default = || Network::cats_and_dogs(common::classes(), size, 0.3);
    let conv = |filters, side, stride, padding| Conv2d {
        filters,
        kernel_size: [side; 2],
        strides: [stride; 2],
        padding,
        use_bias: true,
    };
    let own = Graph::new()
        .then(conv(48, 5, 2, Padding::Same))
        .then(Relu {})
        .then(conv(96, 3, 1, Padding::Same))
        .then(Relu {})
        .then(MaxPool2d::new(3))
        .then(conv(80, 2, 1, Padding::Valid))
        .then(Relu {})
        .then(MaxPool2d { pool_size: [2, 2], strides: [1, 1] })
        .then(Flatten {})
        .then(Dense::new(100))
        .then(Relu {})
        .then(Dense::new(1));
    let perceptron = Graph::new()
        .then(Flatten {})
        .then(Dense::new(1024))
        .then(Relu {})
        .then(Dense::new(1024))
        .then(Relu {})
        .then(Dense::new(1));
    let bare = |filters| Conv2d { use_bias: false, ..Conv2d::new(filters, 3) };
    let residual = Graph::new()
        .then(bare(32))
        .then(BatchNorm::default())
        .then(Relu {})
        .then(MaxPool2d::new(2))
        .then(bare(32))
        .then(BatchNorm::default())
        .then(LeakyRelu::default())
        .add("sum", Add {}, &["leaky_relu1", "pool1"])
        .then(GlobalAvgPool {})
        .then(Dense::new(64))
        .then(BatchNorm::default())
        .then(Relu {})
        .then(Dense::new(1000));
    let thousand = (0..1000).map(|class| class.to_string()).collect();
    vec![
        ("residual, a thousand classes", Network::new(thousand, size, residual), true),
        ("default", default(), true),
        ("default, not fused", default(), false),
        ("other windows", Network::new(common::classes(), size, own), true),
        ("dense layers", Network::new(common::classes(), size, perceptron), true),
    ]
}

const SIZES: [usize; 6] = [32, 37, 64, 100, 128, 256];
const BATCHES: [usize; 4] = [1, 8, 32, 256];

/// The passes of a training step on paper.
fn passes(trainer: Trainer, batch: usize, size: usize) -> (Trainer, Vec<Label>) {
    let device = trainer.model.device().clone();
    let plan = Plan::new(&trainer.model, device.limits(), batch, None).unwrap();
    let mut trainer = Trainer::new(trainer.model, plan, 0.001, 1).unwrap();
    device.start_profile().unwrap();
    let pictures = Batch::new(vec![0; batch * size * size], vec![0; batch]);
    drop(trainer.step(&pictures).unwrap());
    let spans = pollster::block_on(device.stop_profile()).unwrap();
    (trainer, spans.into_iter().map(|span| span.label).collect())
}

/// Of a pooled convolution outputs are y and argmax, a value and a quarter of a word for each window of 2x2 or more.
fn sums_of_an_output(kernel: &str) -> f64 {
    if kernel == "conv2d_relu_pool.forward" { 4.0 / 1.25 } else { 1.0 }
}

/// What is wrong with the passes of a step.
fn faults(passes: &[Label]) -> Vec<String> {
    let mut faults = Vec::new();
    let [flop, bytes] =
        [|pass: &Label| pass.flop, |pass: &Label| pass.bytes].map(|of| passes.iter().map(of).sum::<f64>());
    let mut shares: BTreeMap<(&str, &str), (f64, f64)> = BTreeMap::new();
    for pass in passes {
        let share = shares.entry((pass.kernel, pass.rung)).or_default();
        share.0 += pass.flop / flop;
        share.1 += pass.bytes / bytes;
    }
    for ((kernel, rung), (flop, bytes)) in shares {
        if rung == "1_plain" && flop.max(bytes) >= 0.01 {
            let [flop, bytes] = [flop, bytes].map(|share| share * 100.0);
            faults.push(format!(
                "{kernel} takes {rung} with {flop:.1} % of the FLOP and {bytes:.1} % of the bytes"
            ));
        }
    }
    for pass in passes.iter().filter(|pass| pass.flop > 0.0) {
        let groups: u32 = pass.groups.unwrap().iter().product();
        let is_main = pass.pass.ends_with("_partial") || !IN_PARTS.contains(&pass.kernel);
        // A sum in parts has a second pass, with the other half of the FLOP.
        let allowed = match IN_PARTS.contains(&pass.kernel) {
            true => pass.flop / FEWEST_PRODUCTS,
            false => pass.outputs as f64 * sums_of_an_output(pass.kernel) / FEWEST_RESULTS,
        };
        let allowed = allowed.min(ENOUGH_GROUPS);
        if is_main && f64::from(groups) < allowed.floor() {
            faults.push(format!(
                "{} {} of {} has {groups} groups, and {allowed:.0} would pay",
                pass.kernel, pass.rung, pass.scope
            ));
        }
    }
    faults
}

#[test]
fn kernels_that_take_time_take_a_fast_rung_with_enough_groups() {
    let mut found = Vec::new();
    for (adapter, limits) in adapters().into_iter().chain(mixed()) {
        for size in SIZES {
            for (name, network, fuse) in networks(size) {
                let device = Device::on_paper(limits);
                // Weights that exceed a buffer are refused, whatever the rung.
                let planned = Model::new(network, &device, 1, fuse)
                    .and_then(|model| Ok((Plan::new(&model, &limits, 1, None)?, model)));
                let Ok((plan, model)) = planned else {
                    assert!(limits.max_binding < 4 * GIB - 4 && size == 256, "{adapter}, {name} at {size}");
                    continue;
                };
                let mut trainer = Trainer::new(model, plan, 0.001, 1).unwrap();
                for batch in BATCHES {
                    // A batch whose pictures are coupled is not split, and may be too large.
                    if name.starts_with("residual")
                        && Plan::new(&trainer.model, &limits, batch, None).is_err()
                    {
                        assert!(
                            limits.max_binding <= 4 * GIB && batch > 8,
                            "{adapter}, {name} at {size}, batch {batch}"
                        );
                        continue;
                    }
                    let step;
                    (trainer, step) = passes(trainer, batch, size);
                    let faults = faults(&step);
                    found.extend(
                        faults
                            .iter()
                            .map(|fault| format!("{adapter}, {name} at {size}, batch {batch}: {fault}")),
                    );
                }
            }
        }
    }
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}

#[test]
fn in_mixed_precision_convolutions_take_tensor_cores() {
    for (adapter, limits) in mixed() {
        let device = Device::on_paper(limits);
        let model =
            Model::new(Network::cats_and_dogs(common::classes(), 256, 0.3), &device, 1, true).unwrap();
        let plan = Plan::new(&model, &limits, 1, None).unwrap();
        let (_, step) = passes(Trainer::new(model, plan, 0.001, 1).unwrap(), 32, 256);
        let wanted = if limits.tensor_cores.unwrap().side == 16 { "4_tensor" } else { "4_tensor_8x8" };
        // The first one has one input channel.
        let large = |pass: &&Label| {
            pass.kernel.starts_with("conv2d") && !pass.kernel.ends_with("_b") && *pass.scope != *"conv1"
        };
        let rungs: Vec<_> = step.iter().filter(large).map(|pass| (pass.kernel, pass.rung)).collect();
        assert!(rungs.len() >= 6 && rungs.iter().all(|(_, rung)| *rung == wanted), "{adapter}: {rungs:?}");
    }
}

/// The test of faults would notice.
#[test]
fn a_plain_rung_and_few_groups_are_faults() {
    let pass = |kernel, rung, groups, flop| Label {
        scope: "conv1".into(),
        kernel,
        rung,
        pass: "forward",
        flop,
        bytes: 1e6,
        outputs: 1 << 20,
        groups: Some([groups, 1, 1]),
    };
    assert_eq!(faults(&[pass("conv2d.forward", "2_gemm", 264, 1e9)]), Vec::<String>::new());
    let plain = faults(&[pass("conv2d.forward", "1_plain", 264, 1e9)]);
    assert!(plain.len() == 1 && plain[0].contains("1_plain"), "{plain:?}");
    let few = faults(&[pass("conv2d.forward", "2_gemm", 100, 1e9)]);
    assert!(few.len() == 1 && few[0].contains("100 groups, and 128"), "{few:?}");
}

/// The table in the docs: what the default network takes at 256x256, batch 32. `UPDATE=1 cargo test --release --test defaults`
/// writes it.
#[test]
fn the_table_in_the_docs_is_what_adapters_take() {
    let mut rungs: BTreeMap<(String, &str), Vec<(&str, &str)>> = BTreeMap::new();
    let adapters = adapters();
    for (adapter, limits) in &adapters {
        let device = Device::on_paper(*limits);
        let network = Network::cats_and_dogs(common::classes(), 256, 0.3);
        let model = Model::new(network, &device, 1, true).unwrap();
        let plan = Plan::new(&model, limits, 1, None).unwrap();
        let (_, step) = passes(Trainer::new(model, plan, 0.001, 1).unwrap(), 32, 256);
        let mut of_adapter = BTreeMap::new();
        for pass in &step {
            of_adapter.insert((pass.scope.to_string(), pass.kernel), pass.rung);
        }
        for (kernel, rung) in of_adapter {
            rungs.entry(kernel).or_default().push((*adapter, rung));
        }
    }
    // Layers that take the same rungs share a row.
    let mut rows: BTreeMap<(&str, String), Vec<&str>> = BTreeMap::new();
    for ((layer, kernel), rungs) in &rungs {
        let mut takers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (adapter, rung) in rungs {
            takers.entry(rung).or_default().push(adapter);
        }
        let of = |(rung, takers): (&&str, &Vec<&str>)| match takers.len() == adapters.len() {
            true => rung.to_string(),
            false => format!("{rung} ({})", takers.join(", ")),
        };
        let rungs: Vec<_> = takers.iter().map(of).collect();
        rows.entry((kernel, rungs.join("; "))).or_default().push(layer);
    }
    let mut table = "| kernel | layers | rung |\n|---|---|---|".to_string();
    for ((kernel, rung), layers) in &rows {
        write!(table, "\n| {kernel} | {} | {rung} |", layers.join(", ")).unwrap();
    }
    let (begin, end) = ("<!-- defaults:begin -->\n", "\n<!-- defaults:end -->");
    let text = std::fs::read_to_string("docs/ladder.md").unwrap();
    let (before, rest) = text.split_once(begin).unwrap();
    let (shown, after) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write("docs/ladder.md", format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        assert_eq!(shown, table, "run: UPDATE=1 cargo test --release --test defaults");
    }
}
