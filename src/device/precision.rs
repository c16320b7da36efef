//! Mixed precision, and what an adapter must have for it.

use super::TensorCores;
use serde::{Deserialize, Serialize};

/// In what numbers kernels multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// All in f32.
    #[default]
    F32,
    /// Convolutions multiply halves on tensor cores and sum up in f32; weights and everything else stay f32.
    Mixed,
}

impl std::str::FromStr for Precision {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "f32" => Ok(Precision::F32),
            "mixed" => Ok(Precision::Mixed),
            _ => Err("use f32 or mixed"),
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Precision::F32 => "f32",
            Precision::Mixed => "mixed",
        })
    }
}

/// The tensor cores of an adapter, or what it lacks for mixed precision.
pub(super) fn tensor_cores(adapter: &wgpu::Adapter) -> Result<TensorCores, Vec<&'static str>> {
    use wgpu::CooperativeScalarType::{F16, F32};
    let features = adapter.features();
    let listed = adapter.cooperative_matrix_properties();
    let multiplies = |side: u32| {
        listed.iter().any(|found| {
            [found.m_size, found.n_size, found.k_size] == [side; 3]
                && (found.ab_type, found.cr_type) == (F16, F32)
        })
    };
    let side = [16, 8].into_iter().find(|&side| multiplies(side));
    let subgroup = subgroup(&adapter.get_info());
    let needs = [
        (features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX), "cooperative matrices"),
        (side.is_some(), "products of 16x16 or 8x8 halves that are summed up in f32"),
        (features.contains(wgpu::Features::SHADER_F16), "halves in shaders"),
        (features.contains(wgpu::Features::SUBGROUP), "subgroups"),
    ];
    let missing = needs.into_iter().filter(|(has, _)| !has).map(|(_, what)| what);
    let lacks: Vec<_> = missing.chain(subgroup.err()).collect();
    match (side, subgroup) {
        (Some(side), Ok(subgroup)) if lacks.is_empty() => Ok(TensorCores { side, subgroup }),
        _ => Err(lacks),
    }
}

/// Most threads of a subgroup, or which subgroups an adapter lacks.
fn subgroup(info: &wgpu::AdapterInfo) -> Result<u32, &'static str> {
    let sizes = [info.subgroup_min_size, info.subgroup_max_size];
    match info.device_type {
        // lavapipe of Mesa 26.2 crashes with 16, and lists cooperative matrices with 4, but opens no device for them.
        wgpu::DeviceType::Cpu if sizes == [8; 2] => Ok(8),
        wgpu::DeviceType::Cpu => Err("subgroups of just 8 threads"),
        // wgpu names the range of all GPUs that Metal knows. Those with tensor cores are Apple's, and have 32.
        _ if info.backend == wgpu::Backend::Metal && info.name.starts_with("Apple") => Ok(32),
        // Four times as many must fit a workgroup.
        _ if sizes[0] >= 8 && sizes[1] <= 64 => Ok(sizes[1]),
        _ => Err("subgroups of 8 to 64 threads"),
    }
}

/// The features to ask `adapter` for, and wgpu's leave to use those that it calls experimental.
pub(super) fn features(
    adapter: &wgpu::Adapter,
    precision: Precision,
) -> (wgpu::Features, wgpu::ExperimentalFeatures) {
    use wgpu::Features;
    let wanted = Features::SUBGROUP | Features::TIMESTAMP_QUERY | Features::SHADER_F16;
    // In f32 only a software adapter is asked for halves: what runs on tensor cores is tested there with plain arithmetic.
    let software = adapter.get_info().device_type == wgpu::DeviceType::Cpu;
    match precision {
        Precision::F32 if !software => {
            (adapter.features() & (wanted - Features::SHADER_F16), wgpu::ExperimentalFeatures::disabled())
        }
        Precision::F32 => (adapter.features() & wanted, wgpu::ExperimentalFeatures::disabled()),
        Precision::Mixed => (
            adapter.features() & (wanted | Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
            // SAFETY: the token says that there may be bugs in what wgpu has not finished yet. It is made only where a
            // person asked for mixed precision.
            unsafe { wgpu::ExperimentalFeatures::enabled() },
        ),
    }
}
