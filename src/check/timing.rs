//! How long a kernel takes.

use super::cases::{Case, Style};
use super::kernels::Prepared;
use crate::device::Device;
use crate::error::Result;
use std::time::Instant;

/// Seconds of every one of `runs` calls of `case` with `rung`, sorted; one call before them warms up.
///
/// They are the device's own timestamps where it has them, else the time of a submit and the wait for it.
pub async fn time(case: &Case, device: &Device, rung: &str, runs: usize) -> Result<Vec<f64>> {
    let has_timestamps = device.start_profile().is_ok();
    let call = Prepared::new(case, device, rung, Style::Random)?;
    call.run_and_wait().await?;
    let mut times = Vec::with_capacity(runs);
    for _ in 0..runs {
        device.take_spans();
        let start = Instant::now();
        call.run_and_wait().await?;
        let elapsed = start.elapsed().as_secs_f64();
        let spans = device.take_spans();
        times.push(if has_timestamps { spans.iter().map(|span| span.seconds).sum() } else { elapsed });
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
