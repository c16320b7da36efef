//! What a thread knows of itself when it starts.

use naga::BuiltIn;

/// What a dispatch tells all its groups.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Groups of the dispatch in each direction.
    pub groups: [u32; 3],
    /// Threads of a subgroup.
    pub subgroup: u32,
    /// Instructions of one thread, after which it is said to have no end.
    pub most_steps: u64,
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
