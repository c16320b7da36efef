//! `pawgrad devices`

use super::output::outln;
use crate::check::{DefaultRung, Table, table};
use crate::device::adapters::{list, preferred};
use crate::device::{DeviceKind, Limits, TensorCores};
use crate::error::Result;
use clap::Args;

#[derive(Args)]
pub struct DevicesArgs {
    /// Also which rung each kernel of the default network takes on each adapter, and why none that comes after it
    #[arg(short, long)]
    verbose: bool,
}

pub async fn run(args: DevicesArgs) -> Result<()> {
    let adapters = list().await;
    let gpu = preferred(&adapters);
    let software = adapters.iter().position(|adapter| adapter.kind == DeviceKind::Software);
    for (index, adapter) in adapters.iter().enumerate() {
        let limits = &adapter.limits;
        outln!("{index}  {} ({}, {})", adapter.name, adapter.type_name, adapter.backend);
        outln!("   driver             {}", adapter.driver);
        outln!("   largest buffer     {} MiB", limits.max_buffer >> 20);
        outln!("   largest binding    {} MiB", limits.max_binding >> 20);
        outln!(
            "   workgroup          {} threads, {} KiB",
            limits.max_workgroup_threads,
            limits.max_workgroup_memory >> 10
        );
        let subgroups = match limits.min_subgroup_size {
            0 => "none".to_string(),
            lanes => format!("{lanes} threads or more"),
        };
        outln!("   subgroups          {subgroups}");
        let tensor_cores = match &adapter.tensor_cores {
            Ok(TensorCores { side, .. }) => format!("yes, for --precision mixed: {side}x{side}"),
            Err(lacks) => format!("no: it lacks {}", lacks.join(", ")),
        };
        outln!("   tensor cores       {tensor_cores}");
        let choice = if Some(index) == software { "software".to_string() } else { index.to_string() };
        outln!("   choose it with     --device {choice}");
        if args.verbose {
            list_rungs(limits, "");
            if let Ok(found) = adapter.tensor_cores {
                list_rungs(&Limits { tensor_cores: Some(found), ..*limits }, "conv2d_relu_pool");
            }
        }
    }
    outln!("cpu  this program's own code, {} threads; needs no driver", rayon::current_num_threads());
    outln!();
    match gpu {
        Some(index) => outln!("--device auto takes {}: the best hardware GPU", adapters[index].name),
        None => outln!(
            "--device auto takes the CPU: there is no hardware GPU with a Vulkan, Metal or DX12 driver"
        ),
    }
    Ok(())
}

/// The default rungs of the default network's kernels whose names begin so, where there is more than one to choose from.
fn list_rungs(limits: &Limits, begin: &str) {
    let with_tensor_cores = if limits.tensor_cores.is_some() { ", in mixed precision" } else { "" };
    outln!("   rungs by default   at 256x256, batch 32{with_tensor_cores}:");
    for case in table(Table::Network { image_size: 256, batch: 32 }) {
        if case.call.sources().len() == 1 || !case.call.name().starts_with(begin) {
            continue;
        }
        let Some(DefaultRung { rung, others }) = case.call.default_rung(limits) else { continue };
        // What speaks against several is said once.
        let same = others.chunk_by(|(_, one), (_, other)| one == other);
        let why = same.map(|same| {
            let rungs: Vec<_> = same.iter().map(|(rung, _)| *rung).collect();
            format!("not {}: {}", rungs.join(", "), same[0].1)
        });
        let why = why.collect::<Vec<_>>().join("; ");
        outln!("     {:<28} {:<19} {rung:<13} {why}", case.call.name(), case.why);
    }
}
