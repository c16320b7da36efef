//! Measures what a device can do at most: the bandwidth of a copy, and the rate of multiplying and adding.

use crate::device::Device;
use crate::error::Result;
use crate::ops::ceiling::{COPY, MULTIPLY_ADD};
use crate::reference::ceiling::Params;
use crate::tensor::{Kind, Tensor};
use std::time::Instant;

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
/// A measurement lasts at least this long, so that starting it does not count.
const SECONDS: f64 = 0.02;
const RUNS: usize = 5;

/// Measures `device`; takes about a second.
pub async fn measure(device: &Device) -> Result<Ceiling> {
    let x = Tensor::zeros(device, &[COPIED as usize], Kind::F32)?;
    let y = Tensor::empty(device, &[COPIED as usize], Kind::F32)?;
    let copy = Params { len: COPIED, rounds: 0, factor: 0.0, term: 0.0 };
    let seconds =
        fastest(device, &y, |repeat| (0..repeat).try_for_each(|_| COPY.run(device, &copy, &[&x], &[&y])));
    let bandwidth = 2.0 * 4.0 * f64::from(COPIED) / seconds.await?;

    // Groups enough for every GPU, and rounds enough that memory does not matter.
    let multiply = Params { len: 1 << 17, rounds: 128, factor: 0.5, term: 1.0 };
    let (x, y) = (x.rows(0..1 << 17), y.rows(0..1 << 17));
    let seconds = fastest(device, &y, |repeat| {
        (0..repeat).try_for_each(|_| MULTIPLY_ADD.run(device, &multiply, &[&x], &[&y]))
    });
    let flops = (MULTIPLY_ADD.flop)(&multiply) / seconds.await?;
    Ok(Ceiling { flops, bandwidth })
}

/// Seconds of one run of `work`, which runs as often as it is told and writes `y`: the fastest of some tries,
/// because whatever else the machine does only makes it slower.
async fn fastest(device: &Device, y: &Tensor, work: impl Fn(usize) -> Result<()>) -> Result<f64> {
    let mut repeat = 1;
    let mut best = f64::INFINITY;
    let mut tries = 0;
    while tries < RUNS {
        device.submit()?;
        let start = Instant::now();
        work(repeat)?;
        y.rows(0..1).read_u32().await?;
        let seconds = start.elapsed().as_secs_f64();
        if seconds < SECONDS {
            repeat *= 2;
            continue;
        }
        best = best.min(seconds / repeat as f64);
        tries += 1;
    }
    Ok(best)
}
