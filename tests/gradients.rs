//! The references' backward functions against finite differences, in f64.

mod common;

use pawgrad::check::{self, gradient};

#[test]
fn every_backward_reference_is_the_derivative_of_its_forward() {
    let cases = check::all();
    let mut failures = Vec::new();
    let mut checked = std::collections::BTreeSet::new();
    for backward in cases.iter().filter(|case| case.call.name().contains(".backward_")) {
        let forward = gradient::forward_of(&cases, backward).expect("a forward case of the same sizes");
        checked.insert(backward.call.name());
        if !common::selected(backward.call.name()) {
            continue;
        }
        if let Err(report) = gradient::check(forward, backward) {
            failures.push(report);
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let backward_kernels = 1 + 1 + 1 + 3 + 3 + 1 + 3 + 1; // relu, sigmoid, dropout, dense, conv2d, pool, fused, bce
    assert_eq!(checked.len(), backward_kernels, "{checked:?}");
}
