//! Measures what a device can do at most: the bandwidth of a copy, and the rate of multiplying and adding.

use super::timing::fastest;
use crate::device::Device;
use crate::error::Result;
use crate::ops::ceiling::{COPY, MULTIPLY_ADD};
use crate::reference::ceiling::Params;
use crate::tensor::{Kind, Tensor};

/// What a device can do at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceiling {
    /// Floating-point operations per second.
    pub flops: f64,
    /// Bytes read and written per second.
    pub bandwidth: f64,
}

/// Values that are copied: 128 MiB, more than caches hold, and as much as one binding may have anywhere.
const COPIED: u32 = 1 << 25;
const TRIES: usize = 5;

/// Measures `device`; takes about a second.
pub async fn measure(device: &Device) -> Result<Ceiling> {
    let x = Tensor::zeros(device, &[COPIED as usize], Kind::F32)?;
    let y = Tensor::empty(device, &[COPIED as usize], Kind::F32)?;
    let copy = Params { len: COPIED, rounds: 0, factor: 0.0, term: 0.0 };
    let seconds = fastest(device, &y, TRIES, |repeat| {
        (0..repeat).try_for_each(|_| COPY.run(device, &copy, &[&x], &[&y]))
    });
    let bandwidth = 2.0 * 4.0 * f64::from(COPIED) / seconds.await?;

    // Groups enough for every GPU, and rounds enough that memory does not matter.
    let multiply = Params { len: 1 << 17, rounds: 128, factor: 0.5, term: 1.0 };
    let (x, y) = (x.rows(0..1 << 17), y.rows(0..1 << 17));
    let seconds = fastest(device, &y, TRIES, |repeat| {
        (0..repeat).try_for_each(|_| MULTIPLY_ADD.run(device, &multiply, &[&x], &[&y]))
    });
    let flops = (MULTIPLY_ADD.flop)(&multiply) / seconds.await?;
    Ok(Ceiling { flops, bandwidth })
}
