//! What a thread knows of itself when it starts.

use super::source::{Refusal, Result};
use naga::BuiltIn;

/// What a dispatch tells all its groups.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Groups of the dispatch in each direction.
    pub(super) groups: [u32; 3],
    /// Threads of a subgroup.
    pub(super) subgroup: u32,
    /// Instructions of one thread, after which it is said to have no end.
    pub(super) most_steps: u64,
}

impl Setting {
    /// For `groups` groups.
    ///
    /// # Errors
    /// A subgroup of a size that WGSL has none of.
    pub fn new(groups: [u32; 3], subgroup: u32, most_steps: u64) -> Result<Setting> {
        if !subgroup.is_power_of_two() || !(4..=128).contains(&subgroup) {
            return Err(Refusal::new(format!(
                "subgroups have 4, 8, 16, 32, 64 or 128 threads, not {subgroup}"
            )));
        }
        Ok(Setting { groups, subgroup, most_steps })
    }
}

pub(super) fn is_vector(builtin: BuiltIn) -> bool {
    matches!(
        builtin,
        BuiltIn::GlobalInvocationId
            | BuiltIn::LocalInvocationId
            | BuiltIn::WorkGroupId
            | BuiltIn::WorkGroupSize
            | BuiltIn::NumWorkGroups
    )
}

/// A builtin of a thread; of those that are one number, in the first place.
pub(super) fn builtin_values(
    builtin: BuiltIn,
    thread: u32,
    size: [u32; 3],
    id: [u32; 3],
    setting: Setting,
) -> [u32; 3] {
    let [x, y, z] = size;
    let local = [thread % x, thread / x % y, thread / x / y];
    let subgroup = setting.subgroup;
    match builtin {
        BuiltIn::LocalInvocationId => local,
        BuiltIn::GlobalInvocationId => {
            std::array::from_fn(|k| id[k].wrapping_mul(size[k]).wrapping_add(local[k]))
        }
        BuiltIn::WorkGroupId => id,
        BuiltIn::WorkGroupSize => size,
        BuiltIn::NumWorkGroups => setting.groups,
        BuiltIn::LocalInvocationIndex => [thread; 3],
        BuiltIn::SubgroupInvocationId => [thread % subgroup; 3],
        BuiltIn::SubgroupId => [thread / subgroup; 3],
        BuiltIn::SubgroupSize => [subgroup; 3],
        _ => [(x * y * z).div_ceil(subgroup); 3],
    }
}
