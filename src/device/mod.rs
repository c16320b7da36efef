//! Where kernels run: the CPU or one GPU adapter; its limits, memory pool and chosen rungs.
//!
//! A `Device` is a cheap handle. It belongs to the thread that opened it.

pub mod adapters;
pub(crate) mod bindings;
pub(crate) mod gpu;
pub(crate) mod memory;
mod pipeline;
mod pool;
mod precision;
mod profile;
pub(crate) mod readback;
mod rungs;
pub(crate) mod textures;
mod timer;

pub use precision::Precision;
pub use profile::{Label, Span};
pub use rungs::RungTable;

use crate::error::{Result, error};
use gpu::Gpu;
pub(crate) use memory::Memory;
use pool::Pool;
use profile::Profile;
use rungs::Rungs;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// A handle to the place where kernels run.
#[derive(Clone)]
pub struct Device(Rc<Inner>);

struct Inner {
    name: String,
    driver: String,
    kind: DeviceKind,
    limits: Limits,
    gpu: Option<Gpu>,
    pool: Pool,
    rungs: Rungs,
    scope: RefCell<Arc<str>>,
    profile: RefCell<Option<Rc<Profile>>>,
}

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
    /// Whether kernels may multiply on tensor cores: the adapter has them, and mixed precision was asked for.
    pub tensor_cores: bool,
    /// Texels of a texture in width and in height.
    pub max_texture_side: u32,
    /// Whether shaders run on the CPU.
    pub software: bool,
    /// Loop iterations of one thread, all loops together, after which a loop may end early. Mesa's
    /// llvmpipe (lavapipe) stops silently after 65,535; GPUs have no such end.
    pub max_loop_iterations: usize,
    /// FLOP of one submit, hence of one kernel: a desktop resets a device that hangs for two seconds.
    pub max_submit_flop: u64,
}

/// Kernels index with 32 bits.
const MAX_WORDS: u64 = u32::MAX as u64;

impl Device {
    /// The CPU device: always there.
    pub fn cpu() -> Device {
        let limits = Limits {
            max_buffer: MAX_WORDS * 4,
            max_binding: MAX_WORDS * 4,
            max_workgroup_memory: 0,
            max_workgroup_threads: 0,
            min_subgroup_size: 0,
            tensor_cores: false,
            max_texture_side: 0,
            software: true,
            max_loop_iterations: usize::MAX,
            max_submit_flop: u64::MAX,
        };
        Device::new("CPU".to_string(), String::new(), DeviceKind::Cpu, limits, None)
    }

    fn new(name: String, driver: String, kind: DeviceKind, limits: Limits, gpu: Option<Gpu>) -> Device {
        let scope = RefCell::new("".into());
        let (pool, rungs, profile) = Default::default();
        Device(Rc::new(Inner { name, driver, kind, limits, gpu, pool, rungs, scope, profile }))
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Backend, driver and its version; empty for the CPU.
    pub fn driver(&self) -> &str {
        &self.0.driver
    }

    pub fn kind(&self) -> DeviceKind {
        self.0.kind
    }

    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn gpu(&self) -> Option<&Gpu> {
        self.0.gpu.as_ref()
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    pub(crate) fn rungs(&self) -> &Rungs {
        &self.0.rungs
    }

    /// Makes all kernels of `op` use `rung` from now on.
    pub fn force_rung(&self, op: &str, rung: &str) {
        self.0.rungs.force(op, rung);
    }

    /// Takes these rungs from now on instead of the defaults, where they are in the table.
    pub fn use_tuned_rungs(&self, table: RungTable) {
        self.0.rungs.set_tuned(table);
    }

    /// Of the kernels that have a choice and ran so far, how many the table of tuned rungs does not tell of; `None`
    /// without a table.
    pub fn untuned_kernels(&self) -> Option<usize> {
        self.0.rungs.untuned()
    }

    /// The rungs that ran so far, of kernels that have a choice.
    pub fn chosen_rungs(&self) -> RungTable {
        self.0.rungs.chosen()
    }

    /// Most bytes of buffers that this device has held at one time.
    pub fn peak_bytes(&self) -> u64 {
        self.0.pool.peak_bytes()
    }

    /// Steps that may be under way on the device before the host reads the first one's results.
    pub fn steps_in_flight(&self) -> usize {
        match self.0.kind {
            // A profile waits for every submit anyway.
            DeviceKind::Software | DeviceKind::Gpu if self.0.profile.borrow().is_none() => 2,
            _ => 0,
        }
    }

    /// Times every kernel from now on; [`take_spans`](Device::take_spans) gives what was found.
    ///
    /// # Errors
    /// `Usage` on an adapter that has no timestamps.
    pub fn start_profile(&self) -> Result<()> {
        let profile = Rc::new(Profile::new());
        if let Some(gpu) = self.gpu() {
            gpu.start_timer(profile.clone())?;
        }
        self.0.profile.replace(Some(profile));
        Ok(())
    }

    /// What ran since the last call, in order; nothing unless a profile was started.
    pub fn take_spans(&self) -> Vec<Span> {
        self.0.profile.borrow().as_ref().map_or_else(Vec::new, |profile| profile.take())
    }

    /// Times no kernel any more; gives what ran since the last [`take_spans`](Device::take_spans).
    ///
    /// # Errors
    /// What the device reports.
    pub fn stop_profile(&self) -> Result<Vec<Span>> {
        if let Some(gpu) = self.gpu() {
            gpu.stop_timer()?;
        }
        let profile = self.0.profile.take();
        Ok(profile.map_or_else(Vec::new, |profile| profile.take()))
    }

    /// Names the layer, or the part of the step, that kernels run for from now on.
    pub fn enter(&self, scope: &str) {
        // Profiles alone look at it.
        if self.0.profile.borrow().is_some() && *scope != **self.0.scope.borrow() {
            self.0.scope.replace(scope.into());
        }
    }

    /// The layer, or the part of the step, that kernels run for.
    pub fn scope(&self) -> Arc<str> {
        self.0.scope.borrow().clone()
    }

    /// Runs CPU work that has this label.
    pub(crate) fn measure<R>(&self, label: impl FnOnce() -> Label, work: impl FnOnce() -> R) -> R {
        let profile = self.0.profile.borrow().clone();
        match profile {
            Some(profile) => profile.measure(label(), work),
            None => work(),
        }
    }

    /// Hands recorded work to the device.
    pub fn submit(&self) -> Result<()> {
        self.gpu().map_or(Ok(()), |gpu| gpu.submit().map(|_| ()))
    }

    /// Memory for `words` 4-byte values, from the pool when it has some that fits.
    pub(crate) fn allocate(&self, words: usize) -> Result<Memory> {
        let bytes = words as u64 * 4;
        let limits = self.limits();
        for (limit, what) in [(limits.max_buffer, "buffer"), (limits.max_binding, "storage binding")] {
            if bytes > limit {
                return Err(error!(
                    OutOfMemory,
                    "a {what} of {bytes} bytes is beyond the limit of {} ({limit} bytes): use a smaller --image-size \
                     or --micro-batch, or another --device",
                    self.name()
                ));
            }
        }
        if let Some(memory) = self.pool().take(words) {
            return Ok(memory);
        }
        let memory = match self.gpu() {
            Some(gpu) => Memory::Gpu(gpu.create_buffer(bytes)?),
            None => {
                let mut values = Vec::new();
                values.try_reserve_exact(words).map_err(|_| {
                    error!(
                        OutOfMemory,
                        "no memory for {bytes} bytes: use a smaller --image-size or --micro-batch"
                    )
                })?;
                values.resize(words, 0);
                Memory::Cpu(RefCell::new(values))
            }
        };
        self.pool().count_new(words);
        Ok(memory)
    }
}
