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
/// Elements whose numbers are multiplied and added to.
const MULTIPLIED: u32 = 1 << 18;
/// A dispatch of this many seconds hides what starting it takes.
const LONG: f64 = 0.01;
const TRIES: usize = 5;

/// Measures `device`; takes about a second.
pub async fn measure(device: &Device) -> Result<Ceiling> {
    let x = Tensor::zeros(device, &[COPIED as usize], Kind::F32)?;
    let y = Tensor::empty(device, &[COPIED as usize], Kind::F32)?;
    let copy = Params { len: COPIED, rounds: 0, factor: 0.0, term: 0.0 };
    let seconds = fastest(device, &y, TRIES, || COPY.run(device, &copy, &[&x], &[&y])).await?;
    let bandwidth = 2.0 * 4.0 * f64::from(COPIED) / seconds;

    // Groups enough for every GPU, and rounds enough that neither memory nor starting a dispatch matters.
    let (x, y) = (x.rows(0..MULTIPLIED as usize), y.rows(0..MULTIPLIED as usize));
    let mut flops: f64 = 0.0;
    for rounds in [64, 1024] {
        let multiply = Params { len: MULTIPLIED, rounds, factor: 0.5, term: 1.0 };
        let seconds =
            fastest(device, &y, TRIES, || MULTIPLY_ADD.run(device, &multiply, &[&x], &[&y])).await?;
        flops = flops.max((MULTIPLY_ADD.flop)(&multiply) / seconds);
        if seconds > LONG {
            break;
        }
    }
    Ok(Ceiling { flops, bandwidth })
}
