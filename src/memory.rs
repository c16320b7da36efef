//! How much memory this process may still take, and whether what is planned fits: an allocation that fails ends a program,
//! and a system that runs out of memory ends some other.

mod group;

use crate::data::Raster;
use crate::error::{Result, error};
use crate::model::Model;
use crate::train::plan::Plan;

/// Bytes that everything else takes: code, threads that start later, tables, drivers.
const MARGIN: u64 = 64 << 20;
const MIB: f64 = 1024.0 * 1024.0;

/// Pictures that a model in use computes at a time, and fewer where memory is short.
pub const BATCH: usize = 32;

/// Something that takes memory of the machine.
pub type Need = (&'static str, u64);

/// Bytes that this process may still take; `None` where the system does not say.
pub fn available() -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    let machine = Some(system.available_memory()).filter(|&bytes| bytes > 0);
    [machine, group::free(), address_space()].into_iter().flatten().min()
}

/// How many addresses `ulimit -v` allows this process; `None` where it does not limit them.
#[cfg(unix)]
fn address_limit() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call fills in the struct, which is this function's own.
    let is_known = unsafe { libc::getrlimit(libc::RLIMIT_AS, &mut limit) } == 0;
    (is_known && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

#[cfg(not(unix))]
fn address_limit() -> Option<u64> {
    None
}

/// What of those is left, and the pool's stacks are taken off.
fn address_space() -> Option<u64> {
    address_limit()?;
    // It starts now at the latest, whoever comes first.
    rayon::current_num_threads();
    addresses_left()
}

/// What of those is left now.
pub fn addresses_left() -> Option<u64> {
    let limit = address_limit()?;
    let process = sysinfo::get_current_pid().ok()?;
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[process]), false);
    let taken = system.process(process).map_or(0, sysinfo::Process::virtual_memory);
    Some(limit.saturating_sub(taken))
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
    Err(error!(
        OutOfMemory,
        "{what} takes about {needed:.0} MiB of memory ({largest}), and {available:.0} MiB are free"
    ))
}

/// The largest of these sizes at which the needs fit this machine, if one does; larger sizes need more.
///
/// # Errors
/// Those of `needs`.
pub fn largest_that_fits(
    sizes: std::ops::Range<usize>,
    needs: impl Fn(usize) -> Result<Vec<Need>>,
) -> Result<Option<usize>> {
    let (mut fits, mut too_large) = (None, sizes.end);
    let mut next = sizes.start;
    while next < too_large {
        match check("", &needs(next)?) {
            Ok(()) => fits = Some(next),
            Err(_) => too_large = next,
        }
        // Halves what is in doubt, from the smallest size on.
        next = match fits {
            Some(fits) => (fits + too_large).div_ceil(2),
            None => break,
        };
    }
    Ok(fits)
}

/// How many pictures a model can compute at a time, at most [`BATCH`], with the memory that is free and where `others` take
/// theirs beside it.
///
/// # Errors
/// `OutOfMemory` where not one can be computed.
pub fn batch(what: &str, model: &Model, others: &[Need]) -> Result<usize> {
    let needs = |batch| Ok([&of_use(model, batch)?, others].concat());
    match largest_that_fits(1..BATCH + 1, needs)? {
        Some(batch) => Ok(batch),
        // With the numbers.
        None => check(what, &needs(1)?).map(|()| 1),
    }
}

/// What so many decoded pictures take; and while they are decoded, one more on each thread, before
/// it is put into its place.
pub fn of_pictures(pictures: usize, raster: impl Into<Raster>) -> Need {
    let under_way = pictures.min(rayon::current_num_threads());
    ("pictures", (pictures + under_way) as u64 * raster.into().bytes() as u64)
}

/// What training takes of this machine: all where the device's memory is the machine's, else what passes through on its way.
pub fn of_training(model: &Model, plan: &Plan) -> Vec<Need> {
    let parameters = parameters(model);
    // Drawn or read at first, and again whenever the model is saved.
    let mut needs = vec![
        ("parameters on their way into a file", 2 * parameters),
        // With two moments for each, and an average if there is one.
        ("a checkpoint on its way into a file", 3 * parameters + plan.average()),
    ];
    // The whole batch is gathered, of bytes; a micro-batch of it is packed, and packed it is on the device.
    let pictures = (plan.batch + 2 * plan.micro_batch) as u64;
    needs.push(("the batch's pictures", pictures * model.network.raster().bytes() as u64));
    if !model.device().limits().software {
        needs.push(("parameters on their way to the GPU", parameters));
    }
    if !model.device().limits().own_memory {
        needs.extend(&plan.bytes);
    }
    needs
}

/// What a model's weights take when they are read from a file.
pub fn of_parameters(model: &Model) -> Vec<Need> {
    vec![("parameters", 2 * parameters(model))]
}

/// What a model takes of this machine that is used, and not trained, for `batch` pictures at a time, beside its weights.
///
/// # Errors
/// `OutOfMemory` where not one picture fits the device's limits.
pub fn of_use(model: &Model, batch: usize) -> Result<Vec<Need>> {
    let micro_batch = Plan::in_use(model, model.device().limits(), batch)?.micro_batch as u64;
    let largest = model.activations().iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    // What a layer takes, what it makes, and what it needs on the way. The pictures are decoded, and gathered into a batch.
    let pictures = 2 * batch as u64 * model.network.raster().bytes() as u64;
    let activations = if model.device().limits().own_memory { 0 } else { 3 * largest * micro_batch };
    Ok(vec![("activations", activations), ("the batch's pictures", pictures)])
}

/// Bytes of all that a model file holds.
fn parameters(model: &Model) -> u64 {
    model.tensors().iter().map(|named| named.tensor.len() as u64 * 4).sum()
}
