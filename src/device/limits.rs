//! What kind of device it is, and what fits on it.

use crate::error::{Remedy, Result, error};

/// What stands behind a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// This program's own CPU code; no driver needed.
    Cpu,
    /// A Vulkan driver that runs on the CPU, such as lavapipe: for testing shaders.
    Software,
    /// A hardware GPU.
    Gpu,
}

/// The limits and features that decide what fits on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one buffer.
    pub max_buffer: u64,
    /// Bytes that a kernel can see of one buffer.
    pub max_binding: u64,
    /// Bytes of memory that the threads of one group share.
    pub max_workgroup_memory: u32,
    /// Threads of one group.
    pub max_workgroup_threads: u32,
    /// Fewest threads that run in step; 0 without subgroups.
    pub min_subgroup_size: u32,
    /// On what kernels may multiply halves: the adapter has it, and mixed precision was asked for.
    pub tensor_cores: Option<TensorCores>,
    /// Texels of a texture in width and in height.
    pub max_texture_side: u32,
    /// Whether shaders run on the CPU.
    pub software: bool,
    /// Whether what it holds lies in memory of its own, and not in the machine's.
    pub own_memory: bool,
    /// Loop iterations of one thread, all loops together, after which a loop may end early. Mesa's
    /// llvmpipe (lavapipe) stops silently after 65,535; GPUs have no such end.
    pub max_loop_iterations: usize,
    /// FLOP of one submit, hence of one kernel: a desktop resets a device that hangs for two seconds.
    pub max_submit_flop: u64,
}

/// Tensor cores, as shaders see them: cooperative matrices of halves, whose products are summed up in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorCores {
    /// Rows and columns of the matrices: 16 or 8.
    pub side: u32,
    /// Most threads of a subgroup, which multiply together.
    pub subgroup: u32,
}

/// Kernels index with 32 bits.
const MAX_WORDS: u64 = u32::MAX as u64;

impl Limits {
    /// Those of the CPU device.
    pub(super) fn of_cpu() -> Limits {
        Limits {
            max_buffer: MAX_WORDS * 4,
            max_binding: MAX_WORDS * 4,
            max_workgroup_memory: 0,
            max_workgroup_threads: 0,
            min_subgroup_size: 0,
            tensor_cores: None,
            max_texture_side: 0,
            software: true,
            own_memory: false,
            max_loop_iterations: usize::MAX,
            max_submit_flop: u64::MAX,
        }
    }

    /// Whether a tensor of so many bytes fits the device of this name.
    pub(super) fn fits(&self, name: &str, bytes: u64) -> Result<()> {
        let limits = [(self.max_buffer, "buffer"), (self.max_binding, "storage binding")];
        match limits.into_iter().find(|(limit, _)| bytes > *limit) {
            None => Ok(()),
            Some((limit, what)) => {
                let why = format!("a {what} of {bytes} bytes is beyond the limit of {name} ({limit} bytes)");
                Err(error!(OutOfMemory, "{why}").with(Remedy::LessMemory))
            }
        }
    }
}
