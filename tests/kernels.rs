//! Every rung of every kernel, on every case of the table, against the f64 reference: on the CPU, and in
//! WGSL on the software adapter.

mod common;

use pawgrad::check::{self, Case, Style, kernels};
use pawgrad::device::{Device, DeviceKind};
use pawgrad::kernel::Rounding;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_cpu_kernel_equals_its_reference() {
    check_all(&Device::cpu());
}

#[test]
fn every_wgsl_rung_equals_its_reference() {
    check_all(&common::software());
}

/// Sums and words of the cases with long loops.
const WORK: f64 = 3e7;

/// A software driver ends the loops of a thread when they get too long, and says nothing. What a rung is trusted with is
/// whole: the largest sizes, in every direction, before its loops count as too long.
#[test]
fn no_loop_of_a_software_driver_ends_early() {
    let device = common::software();
    let mut all: Vec<_> = check::all().into_iter().filter(|case| case.call.flop() > 0.0).collect();
    all.retain(|case| common::selected(case.call.name()));
    all.sort_by(|a, b| a.call.flop().total_cmp(&b.call.flop()));
    let mut small = BTreeMap::new();
    let (mut failures, mut checks) = (Vec::new(), 0);
    for case in &all {
        for rung in case.call.rungs(&device) {
            let count: &mut usize = small.entry((case.call.name(), rung)).or_default();
            *count += 1;
            if *count > SMALL_CASES {
                continue;
            }
            for large in ["batch", "in_channels", "out_channels", "in_features", "out_features"]
                .into_iter()
                .filter_map(|field| largest(case, field, &device, rung))
            {
                checks += 1;
                let check = kernels::check(&large, &device, rung, Style::Integers);
                failures.extend(pollster::block_on(check).err());
            }
        }
    }
    println!("{checks} checks");
    assert!(
        checks >= 20 || std::env::var_os("PAWGRAD_ONLY").is_some(),
        "only {checks} sizes reach the limit"
    );
    assert!(failures.is_empty(), "{} of {checks} fail:\n\n{}", failures.len(), failures.join("\n\n"));
}

/// Cases of each kernel and rung that are made larger.
const SMALL_CASES: usize = 4;

/// The case with the largest `field` that the rung can compute, where larger ones are too much for it and not for this test.
fn largest(case: &Case, field: &str, device: &Device, rung: &str) -> Option<Case> {
    let index = case.call.fields().iter().position(|known| known.name == field)?;
    // In steps, so that what divides goes on to do so.
    let with = |steps: u32| {
        let mut words = case.call.words();
        words[index] += 16 * steps;
        (case.with_params)(&words)
    };
    let usable = |case: &Case| case.call.rungs(device).contains(&rung);
    let (mut can, mut cannot) = (0, 1 << 12);
    while cannot - can > 1 {
        let middle = (can + cannot) / 2;
        if usable(&with(middle)) { can = middle } else { cannot = middle }
    }
    let large = with(can);
    (!usable(&with(can + 1)) && large.call.flop() + kernels::bytes(&large) * 4.0 < WORK).then_some(large)
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
            let allowed = case.call.lacks(rung, limits).is_none();
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
