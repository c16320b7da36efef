//! `pawgrad devices`

use super::output::outln;
use crate::device::DeviceKind;
use crate::device::adapters::{list, preferred};
use crate::error::Result;

pub async fn run() -> Result<()> {
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
        let tensor_cores = match adapter.lacks.as_slice() {
            [] => "yes, for --precision mixed".to_string(),
            lacks => format!("no: it lacks {}", lacks.join(", ")),
        };
        outln!("   tensor cores       {tensor_cores}");
        let choice = if Some(index) == software { "software".to_string() } else { index.to_string() };
        outln!("   choose it with     --device {choice}");
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
