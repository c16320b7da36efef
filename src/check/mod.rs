//! What the tests, the benches, `pawgrad gradcheck` and `pawgrad tune` do with the table of cases that the ops make up.
//!
//! - [`gradient`] checks the references' backward functions against finite differences, in f64.
//! - [`kernels`] runs a kernel on a device and compares it with the reference, element by element.
//! - [`fuzz`] draws sizes at random for that, and makes those that fail as small as it can.
//! - [`replay`] computes once more in f64 what a device computes, kernel after kernel.
//! - [`timing`] says how long a kernel takes, [`ceiling`] how fast the device is at most, [`tune`] which rung is fastest.

mod buffers;
pub mod ceiling;
pub mod compare;
pub mod fuzz;
pub mod gradient;
pub mod kernels;
pub mod replay;
pub mod timing;
pub mod tune;

pub use crate::cases::{Case, DefaultRung, Random, Style, Table, Values};
pub use crate::kernel::{Buffer, PLAIN};
pub use crate::ops::cases as table;

use crate::device::Device;
use std::collections::{BTreeMap, BTreeSet};

/// Every kernel at awkward sizes: what the tests run.
pub fn all() -> Vec<Case> {
    table(Table::Awkward)
}

/// The rungs of every op on this device.
pub fn rungs(device: &Device) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut rungs: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for case in all() {
        rungs.entry(case.call.op()).or_default().extend(case.call.rungs(device));
    }
    rungs
}

/// What this device lacks for a rung of an op; `None` also where there is no such rung.
pub fn lacks(op: &str, rung: &str, device: &Device) -> Option<&'static str> {
    all().iter().filter(|case| case.call.op() == op).find_map(|case| case.call.lacks(rung, device.limits()))
}

/// Name and fingerprint of every kernel, as keys of tuned rungs begin with.
pub fn fingerprints() -> BTreeSet<String> {
    let mut cases = all();
    // One case of each kernel: hashing its shaders takes longest.
    cases.dedup_by_key(|case| case.call.name());
    cases.iter().map(|case| case.call.fingerprint()).collect()
}
