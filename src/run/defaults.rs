//! What a run takes where its settings leave a choice.

use crate::device::{Device, DeviceKind};

/// 256 pixels where a GPU does the work; 64 on a CPU, where 256 would take hours.
pub fn default_image_size(device: &Device) -> usize {
    usual_image_size(device.kind())
}

/// The same of a device that is not opened.
pub fn usual_image_size(kind: DeviceKind) -> usize {
    match kind {
        DeviceKind::Gpu => 256,
        DeviceKind::Cpu | DeviceKind::Software => 64,
    }
}

/// A seed that a person can retype.
pub(super) fn new_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (now.as_nanos() as u64 ^ u64::from(std::process::id()) << 20) % 1_000_000
}
