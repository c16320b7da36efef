//! How much memory this process may still take, and whether what is planned fits: an allocation that fails ends a program,
//! and a system that runs out of memory ends some other.

use crate::device::DeviceKind;
use crate::error::{Remedy, Result, error};
use crate::model::Model;
use crate::train::plan::Plan;

/// Bytes that everything else takes: code, stacks of threads, tables, drivers.
const MARGIN: u64 = 64 << 20;
const MIB: f64 = 1024.0 * 1024.0;

/// Something that takes memory of the machine.
pub type Need = (&'static str, u64);

/// Bytes that this process may still take; `None` where the system does not say.
pub fn available() -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    let machine = Some(system.available_memory()).filter(|&bytes| bytes > 0);
    // Of a container. Its free memory would leave out what the page cache gives back.
    let group = system.cgroup_limits().map(|limits| limits.total_memory.saturating_sub(limits.rss));
    [machine, group, address_space()].into_iter().flatten().min()
}

/// What `ulimit -v` leaves.
#[cfg(unix)]
fn address_space() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call fills in the struct, which is this function's own.
    let is_known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } == 0;
    if !is_known || limit.rlim_cur == libc::RLIM_INFINITY {
        return None;
    }
    let process = sysinfo::get_current_pid().ok()?;
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[process]), false);
    let taken = system.process(process).map_or(0, sysinfo::Process::virtual_memory);
    Some(limit.rlim_cur.saturating_sub(taken))
}

#[cfg(not(unix))]
fn address_space() -> Option<u64> {
    None
}

/// Whether all of these fit this machine together.
///
/// # Errors
/// `OutOfMemory` with the largest of them, and with what there is.
pub fn check(what: &str, needs: &[Need]) -> Result<()> {
    let Some(available) = available() else { return Ok(()) };
    let needed = needs.iter().map(|(_, bytes)| bytes).sum::<u64>() + MARGIN;
    if needed <= available {
        return Ok(());
    }
    let mut largest: Vec<_> = needs.iter().filter(|(_, bytes)| *bytes > 0).collect();
    largest.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let largest =
        largest.iter().take(3).map(|(what, bytes)| format!("{what} {:.0} MiB", *bytes as f64 / MIB));
    let largest = largest.collect::<Vec<_>>().join(", ");
    let [needed, available] = [needed, available].map(|bytes| bytes as f64 / MIB);
    let why = error!(
        OutOfMemory,
        "{what} takes about {needed:.0} MiB of memory ({largest}), and {available:.0} MiB are free"
    );
    Err(why.with(Remedy::LessMemory))
}

/// What training takes of this machine: all where the device is the machine itself, else what passes through on its way.
pub fn of_training(model: &Model, plan: &Plan) -> Vec<Need> {
    let parameters = parameters(model);
    match model.device().kind() {
        DeviceKind::Gpu => vec![("parameters on their way to the GPU and into a file", 3 * parameters)],
        DeviceKind::Cpu | DeviceKind::Software => {
            let mut needs = plan.bytes.clone();
            // Drawn or read at first, and again whenever the model is saved.
            needs.push(("parameters on their way into a file", 2 * parameters));
            needs
        }
    }
}

/// What a model takes that is used, and not trained, for `batch` pictures at a time: whole on this machine, whatever the
/// device.
pub fn of_use(model: &Model, batch: usize) -> Vec<Need> {
    let parameters = parameters(model);
    let largest = model.activations().iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    vec![("parameters", 2 * parameters), ("activations", 3 * largest * batch as u64)]
}

/// Bytes of all that a model file holds.
fn parameters(model: &Model) -> u64 {
    model.tensors().iter().map(|named| named.tensor.len() as u64 * 4).sum()
}
