//! Where kernels run: the CPU or one GPU adapter; its limits, memory pool and chosen rungs.
//!
//! A `Device` is a cheap handle. It belongs to the thread that opened it.
//!
//! ```text
//! adapters     finds the adapters and opens one of them as a Device
//! limits       what fits on a device
//! precision    in what numbers it multiplies
//! gpu          one adapter: recording dispatches and submitting them
//!   connection   wgpu's device and queue, and the errors that come back
//!   pipeline     shaders, compiled
//!   bindings     what a dispatch sees
//!   textures     buffers as textures
//!   readback     copying back to the host
//!   timer        timestamps
//! memory       the memory behind a tensor
//! pool         memory that is used again
//! rungs        which rung a kernel takes
//! profile      how long each kernel took
//! calls        what kernels were called with
//! ```

pub mod adapters;
pub(crate) mod bindings;
mod calls;
mod connection;
pub(crate) mod gpu;
mod limits;
pub(crate) mod memory;
mod pipeline;
mod pool;
mod precision;
mod profile;
pub(crate) mod readback;
mod rungs;
pub(crate) mod textures;
mod timer;

pub use calls::{Calls, Place, RecordedCall};
pub use limits::{DeviceKind, Limits, TensorCores};
pub use pipeline::Checks;
pub use precision::Precision;
pub use profile::{Label, Span};
pub use rungs::RungTable;

use crate::error::Result;
use gpu::Gpu;
pub(crate) use memory::Memory;
use pool::Pool;
use profile::Profile;
use rungs::Rungs;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use timer::spans;

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
    calls: Calls,
}

impl Device {
    /// The CPU device: always there.
    pub fn cpu() -> Device {
        Device::new("CPU".to_string(), String::new(), DeviceKind::Cpu, Limits::of_cpu(), None)
    }

    /// A made-up adapter that computes nothing: kernels choose their rungs by `limits`, and a profile lists them with their
    /// groups, FLOP and bytes. Whatever is read is 0.
    pub fn on_paper(limits: Limits) -> Device {
        let kind = if limits.software { DeviceKind::Software } else { DeviceKind::Gpu };
        Device::new("an adapter on paper".to_string(), String::new(), kind, limits, None)
    }

    /// Whether it computes nothing and keeps no values.
    pub fn is_on_paper(&self) -> bool {
        self.gpu().is_none() && self.kind() != DeviceKind::Cpu
    }

    fn new(name: String, driver: String, kind: DeviceKind, limits: Limits, gpu: Option<Gpu>) -> Device {
        let scope = RefCell::new("".into());
        let (pool, rungs, profile, calls) = Default::default();
        Device(Rc::new(Inner { name, driver, kind, limits, gpu, pool, rungs, scope, profile, calls }))
    }

    /// Whether the kernels of one can use the tensors of the other: handles of one device, or of the CPU.
    pub fn shares_memory_with(&self, other: &Device) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || (self.kind() == DeviceKind::Cpu && other.kind() == DeviceKind::Cpu)
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

    /// What the device was opened for.
    pub fn precision(&self) -> Precision {
        if self.limits().tensor_cores.is_some() { Precision::Mixed } else { Precision::F32 }
    }

    pub(crate) fn gpu(&self) -> Option<&Gpu> {
        self.0.gpu.as_ref()
    }

    pub(crate) fn rungs(&self) -> &Rungs {
        &self.0.rungs
    }

    /// Compiles kernels with these checks from now on, to measure what they cost.
    pub fn set_checks(&self, checks: Checks) {
        self.0.gpu.iter().for_each(|gpu| gpu.set_checks(checks));
    }

    /// Makes all kernels of `op` use `rung` from now on.
    pub fn force_rung(&self, op: &str, rung: &str) {
        self.0.rungs.force(op, rung);
    }

    /// Takes these rungs from now on instead of the defaults, where they are in the table.
    pub fn use_tuned_rungs(&self, table: RungTable) {
        self.0.rungs.set_tuned(table);
    }

    /// Of the kernels that have a choice and ran so far, how many the table of tuned rungs does not list; `None` without
    /// a table.
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

    /// Bytes of all tensors that are alive now; tensors that share memory count once.
    pub fn live_bytes(&self) -> u64 {
        self.0.pool.live_bytes()
    }

    /// Steps that may be under way on the device before the host reads the first one's results.
    pub fn steps_in_flight(&self) -> usize {
        match self.0.kind {
            // A profile times one step at a time.
            DeviceKind::Software | DeviceKind::Gpu if self.0.profile.borrow().is_none() => 2,
            _ => 0,
        }
    }

    /// Times every kernel from now on; [`take_spans`](Device::take_spans) gives what was found.
    ///
    /// # Errors
    /// `Usage` on an adapter that has no timestamps.
    pub fn start_profile(&self) -> Result<()> {
        if let Some(gpu) = self.gpu() {
            gpu.start_timer()?;
        }
        self.0.profile.replace(Some(Rc::new(Profile::new())));
        Ok(())
    }

    /// What was submitted since the last call, in order; nothing unless a profile was started.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn take_spans(&self) -> Result<Vec<Span>> {
        let profile = self.0.profile.borrow().clone();
        let times = self.gpu().map_or_else(Vec::new, Gpu::take_times);
        spans(profile, times).await
    }

    /// Times no kernel any more; gives what ran since the last [`take_spans`](Device::take_spans).
    ///
    /// # Errors
    /// What the device reports.
    pub async fn stop_profile(&self) -> Result<Vec<Span>> {
        let times = self.gpu().map_or(Ok(Vec::new()), Gpu::stop_timer)?;
        let profile = self.0.profile.take();
        spans(profile, times).await
    }

    /// Names the layer, or the part of the step, that kernels run for from now on.
    pub fn enter(&self, scope: &str) {
        // Nobody else reads it.
        let is_read = self.0.profile.borrow().is_some() || self.0.calls.are_recorded();
        if is_read && *scope != **self.0.scope.borrow() {
            self.0.scope.replace(scope.into());
        }
    }

    /// The layer, or the part of the step, that kernels run for.
    pub fn scope(&self) -> Arc<str> {
        self.0.scope.borrow().clone()
    }

    /// What kernels are called with, where somebody wants to know.
    pub fn calls(&self) -> &Calls {
        &self.0.calls
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
        self.limits().fits(self.name(), words as u64 * 4)?;
        let memory = match self.0.pool.take(words) {
            Some(memory) => memory,
            None => {
                let memory = self.new_memory(words)?;
                self.0.pool.count_new(words);
                memory
            }
        };
        self.0.pool.count_live(words);
        Ok(memory)
    }

    fn new_memory(&self, words: usize) -> Result<Memory> {
        match self.gpu() {
            Some(gpu) => Ok(Memory::Gpu(gpu.create_buffer(words as u64 * 4)?)),
            None if self.is_on_paper() => Ok(Memory::OnPaper(words)),
            None => Memory::of_host(words),
        }
    }

    /// Takes back what [`allocate`](Device::allocate) gave for `words` values.
    pub(crate) fn free(&self, memory: Memory, words: usize) {
        self.0.pool.put(memory, words);
    }
}
