//! Every rung of every kernel, on every case of the table, against the f64 reference: on the CPU, and in
//! WGSL on the software adapter.

mod common;

use pawgrad::check::{self, Style, kernels};
use pawgrad::device::{Device, DeviceKind};
use pawgrad::kernel::Rounding;
use std::collections::BTreeSet;

#[test]
fn every_cpu_kernel_equals_its_reference() {
    check_all(&Device::cpu());
}

#[test]
fn every_wgsl_rung_equals_its_reference() {
    check_all(&common::software());
}

fn check_all(device: &Device) {
    let (mut failures, mut checked) = (Vec::new(), BTreeSet::new());
    let mut checks = 0;
    for case in check::all().into_iter().filter(|case| common::selected(case.call.name())) {
        for rung in case.call.rungs(device) {
            for style in [Style::Integers, Style::Random] {
                checks += 1;
                checked.insert((case.call.name(), rung));
                if let Err(report) = pollster::block_on(kernels::check(&case, device, rung, style)) {
                    failures.push(report);
                }
            }
        }
    }
    if device.kind() == DeviceKind::Software {
        every_rung_was_run(device, &checked);
    }
    assert!(checks > 0, "PAWGRAD_ONLY names no kernel and no op");
    assert!(
        failures.is_empty(),
        "{} of {checks} checks failed:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}

/// A rung that was left out would look green. All there are must run; on another driver than the usual one, where the
/// environment's PAWGRAD_FEWER_RUNGS says so, all but those that need what its adapter has not.
fn every_rung_was_run(device: &Device, checked: &BTreeSet<(&str, &str)>) {
    let fewer = std::env::var_os("PAWGRAD_FEWER_RUNGS").is_some();
    let limits = device.limits();
    let mut left_out = BTreeSet::new();
    for case in check::all().into_iter().filter(|case| common::selected(case.call.name())) {
        let kernel = case.call.name();
        for rung in case.call.sources().into_iter().map(|source| source.rung) {
            // Those for tensor cores are the business of tests/tensor_cores.rs.
            if case.call.rounding(rung) == Rounding::Halves || checked.contains(&(kernel, rung)) {
                continue;
            }
            let allowed = case.call.is_allowed(rung, limits);
            assert!(fewer && !allowed, "{kernel} {rung} was never run");
            left_out.insert(format!("{kernel} {rung}"));
        }
    }
    if fewer {
        println!("{} allows {} rungs of kernels, and these not:", device.name(), checked.len());
        left_out.iter().for_each(|rung| println!("  {rung}"));
        println!(
            "  (subgroups of {} threads or more, {} threads and {} KiB of memory a workgroup)",
            limits.min_subgroup_size,
            limits.max_workgroup_threads,
            limits.max_workgroup_memory >> 10
        );
    }
}
