//! Mixed precision, and what an adapter must have for it.

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

/// Threads of a subgroup that the shaders for tensor cores are written for.
const SUBGROUP: u32 = 32;

/// What an adapter lacks for mixed precision; nothing where it can be used.
pub(super) fn lacks(adapter: &wgpu::Adapter) -> Vec<&'static str> {
    use wgpu::CooperativeScalarType::{F16, F32};
    let (features, info) = (adapter.features(), adapter.get_info());
    let sizes = adapter.cooperative_matrix_properties();
    let is_ours = |found: &wgpu::CooperativeMatrixProperties| {
        [found.m_size, found.n_size, found.k_size] == [16; 3] && (found.ab_type, found.cr_type) == (F16, F32)
    };
    let subgroups = [info.subgroup_min_size, info.subgroup_max_size] == [SUBGROUP; 2];
    let needs = [
        (features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX), "cooperative matrices"),
        (sizes.iter().any(is_ours), "products of 16x16 halves that are summed up in f32"),
        (features.contains(wgpu::Features::SHADER_F16), "halves in shaders"),
        (features.contains(wgpu::Features::SUBGROUP) && subgroups, "subgroups of just 32 threads"),
    ];
    needs.into_iter().filter(|(has, _)| !has).map(|(_, what)| what).collect()
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
