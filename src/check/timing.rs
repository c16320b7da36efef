//! How long a kernel takes.

use super::kernels::Prepared;
use crate::device::Device;
use crate::error::Result;
use crate::tensor::Tensor;
use web_time::Instant;

/// Seconds of every one of `runs` calls with `rung`, sorted; one call before them warms up.
///
/// They are the device's own timestamps where it has them, else the time of a submit and the wait for it.
pub async fn time(call: &Prepared<'_>, device: &Device, rung: &str, runs: usize) -> Result<Vec<f64>> {
    let has_timestamps = device.start_profile().is_ok();
    call.run_and_wait(rung).await?;
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        device.take_spans().await?;
        let start = Instant::now();
        call.run_and_wait(rung).await?;
        let elapsed = start.elapsed().as_secs_f64();
        let spans = device.take_spans().await?;
        times.push(if has_timestamps { spans.iter().map(|span| span.seconds).sum() } else { elapsed });
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// A measurement lasts at least this long, so that starting it does not count.
const SECONDS: f64 = 0.02;

/// Seconds of one run of `work`, which writes `y`: the fastest of some tries,
/// because whatever else the machine does only makes it slower.
pub(super) async fn fastest(
    device: &Device,
    y: &Tensor,
    tries: usize,
    work: impl Fn() -> Result<()>,
) -> Result<f64> {
    let mut repeat = 1;
    let mut best = f64::INFINITY;
    let mut done = 0;
    while done < tries {
        device.submit()?;
        let start = Instant::now();
        (0..repeat).try_for_each(|_| work())?;
        y.rows(0..1).read_u32().await?;
        let seconds = start.elapsed().as_secs_f64();
        if seconds < SECONDS {
            repeat *= 2;
            continue;
        }
        best = best.min(seconds / repeat as f64);
        done += 1;
    }
    Ok(best)
}
