//! One table of cases, used by the tests, the benches, `pawgrad gradcheck` and `pawgrad tune`.
//!
//! - [`cases`] lists sizes for every kernel, each with the reason why it is there.
//! - [`gradient`] checks the references' backward functions against finite differences, in f64.
//! - [`kernels`] runs a kernel on a device and compares it with the reference, element by element.
//! - [`timing`] says how long a kernel takes, [`ceiling`] how fast the device is at most, [`tune`] which rung is fastest.

pub mod cases;
pub mod ceiling;
pub mod compare;
pub mod erased;
pub mod gradient;
pub mod kernels;
pub mod timing;
pub mod tune;

pub use cases::{Case, Table, all, table};

use crate::device::Device;
use std::collections::{BTreeMap, BTreeSet};

/// The rungs of every op that has a choice on this device; `--rung` takes one of these.
pub fn rungs(device: &Device) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut rungs: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for case in all() {
        rungs.entry(case.call.op()).or_default().extend(case.call.rungs(device));
    }
    rungs
}

/// Name and fingerprint of every kernel, as keys of tuned rungs begin with.
pub fn fingerprints() -> BTreeSet<String> {
    let mut cases = all();
    // One case of each kernel: hashing its shaders takes longest.
    cases.dedup_by_key(|case| case.call.name());
    cases.iter().map(|case| case.call.fingerprint()).collect()
}
