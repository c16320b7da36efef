//! How a batch is cut into micro-batches, from the device's limits alone: never from free memory or a
//! timing, so that equal settings give equal bits.

use crate::device::Limits;
use crate::error::{Remedy, Result, error, shown};
use crate::model::Model;

/// Most bytes of activations that one micro-batch may keep for the backward pass.
const ACTIVATION_BUDGET: u64 = 1 << 30;
const AVERAGE: &str = "average of parameters";
const MIB: f64 = 1024.0 * 1024.0;

/// The micro-batch and what it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Pictures of an optimizer step.
    pub batch: usize,
    /// Pictures that the device works on at a time.
    pub micro_batch: usize,
    /// Bytes of each kind of buffer.
    pub bytes: Vec<(&'static str, u64)>,
}

impl Plan {
    /// For training: the largest micro-batch that fits, or the one that was asked for. Where a layer couples the pictures of
    /// a batch, that is the whole batch.
    ///
    /// # Errors
    /// `Usage` for a size of 0, and for micro-batches of a batch that is not to be split; `OutOfMemory`, with the sizes that
    /// would fit, for what exceeds the limits.
    pub fn new(model: &Model, limits: &Limits, batch: usize, requested: Option<usize>) -> Result<Plan> {
        let Some(node) = model.nodes().find(|node| node.layer.couples_pictures()) else {
            return Plan::split(model, limits, batch, requested);
        };
        let coupling =
            format!("{} couples the pictures of a batch, so that it is not split", shown(&node.name));
        match requested {
            Some(size) if (1..batch).contains(&size) => Err(error!(
                Usage,
                "{coupling}: a batch of {batch} cannot be computed in micro-batches of {size}"
            )),
            _ => {
                let (name, largest) = largest(model);
                let (limit, most_flop) = (limit(limits), limits.max_submit_flop);
                let (slowest, flop) = slowest(model);
                let memory = format!(
                    "{} takes {largest} bytes a picture, and this device's limit is {limit}",
                    shown(&name)
                );
                let time = format!(
                    "{} takes {flop} floating-point operations a picture, and this device is given {most_flop} at a time",
                    shown(slowest)
                );
                let bounds = [(limit / largest, memory), (most_flop / flop, time)];
                let (most, why) = bounds.into_iter().min_by_key(|(most, _)| *most).expect("two bounds");
                // Where not even one picture fits, the plan says so.
                if most > 0 && batch as u64 > most {
                    return Err(error!(
                        OutOfMemory,
                        "{why}. {coupling}: the largest batch that fits is {most}, not {batch}"
                    ));
                }
                Plan::split(model, limits, batch, requested.or(Some(batch)))
            }
        }
    }

    /// For a model in use, where pictures never depend on each other.
    ///
    /// # Errors
    /// As [`new`](Plan::new).
    pub fn in_use(model: &Model, limits: &Limits, batch: usize) -> Result<Plan> {
        Plan::split(model, limits, batch, None)
    }

    /// The same where an average of the model is kept beside it.
    pub fn with_average(mut self, model: &Model) -> Plan {
        let slots = model.tensors().iter().map(|named| named.tensor.len() as u64 * 4).sum();
        self.bytes.push((AVERAGE, slots));
        self
    }

    /// Bytes of the average, where there is one.
    pub fn average(&self) -> u64 {
        self.bytes.iter().filter(|(what, _)| *what == AVERAGE).map(|(_, bytes)| bytes).sum()
    }

    fn split(model: &Model, limits: &Limits, batch: usize, requested: Option<usize>) -> Result<Plan> {
        if batch == 0 || requested == Some(0) {
            return Err(error!(Usage, "a batch and a micro-batch need at least one picture"));
        }
        let limit = limit(limits);
        for named in model.tensors() {
            let bytes = named.tensor.len() as u64 * 4;
            if bytes > limit {
                let name = shown(&named.name);
                let why = error!(OutOfMemory, "{name} takes {bytes} bytes, over the limit of {limit}");
                return Err(why.with(Remedy::SmallerImageSize));
            }
        }
        let activations = model.activations();
        let (largest_name, largest) = largest(model);
        let largest_name = shown(&largest_name);
        let per_image: u64 = activations.iter().map(|(_, bytes)| bytes).sum();
        let (_, flop) = slowest(model);
        let fits = [limit / largest, ACTIVATION_BUDGET / per_image, limits.max_submit_flop / flop];
        let fits = fits.into_iter().min().expect("three bounds").min(batch as u64) as usize;
        if limit / largest == 0 {
            let why = error!(
                OutOfMemory,
                "{largest_name} of one picture of {0}x{0} pixels takes {largest} bytes, over this device's limit of {limit}",
                model.network.image_size
            );
            return Err(why.with(Remedy::SmallerImageSize));
        }
        let micro_batch = match requested {
            Some(size) if size.min(batch) as u64 > limit / largest => {
                let why = error!(
                    OutOfMemory,
                    "{largest_name} takes {largest} bytes a picture, so a micro-batch of {size} is over this device's \
                     limit of {limit} bytes"
                );
                return Err(why.with(Remedy::MicroBatch((limit / largest) as usize)));
            }
            Some(size) => size.min(batch),
            None => fits.max(1),
        };
        let parameters: u64 = model.parameters().iter().map(|tensor| tensor.len() as u64 * 4).sum();
        let splits = micro_batch < batch;
        Ok(Plan {
            batch,
            micro_batch,
            bytes: vec![
                ("parameters", parameters),
                ("Adam's moments", 2 * parameters),
                // With micro-batches there are the sum so far and the newest.
                ("gradients of parameters", if splits { 2 * parameters } else { parameters }),
                ("activations", per_image * micro_batch as u64),
                // Walking back holds the gradient of one layer's output and that of its input. Where a network branches, one
                // more waits for each branch, which is not counted.
                ("gradients of activations", 2 * largest * micro_batch as u64),
            ],
        })
    }
}

/// The layer that computes most for a picture, and its floating-point operations, at least 1.
fn slowest(model: &Model) -> (&str, u64) {
    let flop = model.nodes().map(|node| (node.name.as_str(), node.flop()));
    let (name, flop) = flop.max_by_key(|(_, flop)| *flop).unwrap_or(("the network", 0));
    (name, flop.max(1))
}

/// Most bytes of a buffer.
fn limit(limits: &Limits) -> u64 {
    limits.max_buffer.min(limits.max_binding)
}

/// The largest of a picture's buffers, with its bytes.
fn largest(model: &Model) -> (String, u64) {
    let activations = model.activations().into_iter();
    activations.max_by_key(|(_, bytes)| *bytes).expect("a network has an input")
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.batch.div_ceil(self.micro_batch);
        writeln!(
            f,
            "A batch of {} runs as {count} micro-batch(es) of up to {}:",
            self.batch, self.micro_batch
        )?;
        for (kind, bytes) in &self.bytes {
            writeln!(f, "  {kind:<26}{:>10.2} MiB", *bytes as f64 / MIB)?;
        }
        let total: u64 = self.bytes.iter().map(|(_, bytes)| bytes).sum();
        write!(f, "  {:<26}{:>10.2} MiB", "in all, about", total as f64 / MIB)
    }
}
