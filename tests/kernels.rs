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
    // Whatever a rung requires, this adapter has it: one that was left out would look green.
    if device.kind() == DeviceKind::Software {
        for case in check::all().into_iter().filter(|case| common::selected(case.call.name())) {
            for rung in case.call.sources().into_iter().map(|source| source.rung) {
                // Those for tensor cores are the business of tests/tensor_cores.rs.
                if case.call.rounding(rung) == Rounding::Halves {
                    continue;
                }
                assert!(
                    checked.contains(&(case.call.name(), rung)),
                    "{} {rung} was never run",
                    case.call.name()
                );
            }
        }
    }
    assert!(checks > 0, "PAWGRAD_ONLY names no kernel and no op");
    assert!(
        failures.is_empty(),
        "{} of {checks} checks failed:\n\n{}",
        failures.len(),
        failures.join("\n\n")
    );
}
