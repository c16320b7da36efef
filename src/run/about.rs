//! What a checkpoint says of its run.

use super::config::Config;
use crate::device::{Device, DeviceKind, RungTable};
use crate::model::Network;
use serde::{Deserialize, Serialize};

/// All that a run's bits depend on, beside the tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Settings as they resulted; the program's version; what was asked for as a device.
    pub config: Config,
    pub network: Network,
    /// As [`device_class`].
    pub device: String,
    /// The rungs that ran so far.
    pub rungs: RungTable,
    /// Hashes of the decoded pictures and their labels.
    pub training: String,
    pub test: String,
    /// Wall time of the run so far.
    pub seconds: f64,
}

/// Devices of one class give equal bits, as far as is known: an adapter and its driver, or the instructions that this
/// program's own kernels take.
pub fn device_class(device: &Device) -> String {
    match device.kind() {
        DeviceKind::Cpu => format!("the CPU with {}", instructions()),
        _ => format!("{} ({}) in {}", device.name(), device.driver(), device.precision()),
    }
}

fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return "AVX-512";
        }
        if is_x86_feature_detected!("fma") {
            return "AVX2";
        }
    }
    std::env::consts::ARCH
}
