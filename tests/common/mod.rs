//! What several tests need.

use pawgrad::device::{Device, adapters};

/// The software Vulkan adapter. A missing one fails the test: a skip would look green.
pub fn software() -> Device {
    match pollster::block_on(adapters::open(&adapters::Choice::Software)) {
        Ok((device, _)) => device,
        Err(why) => panic!("the WGSL tests need a software Vulkan adapter (tests/run installs it):\n{why}"),
    }
}
