//! How long a kernel takes.

use super::kernels::Prepared;
use crate::cases::Case;
use crate::device::{Checks, Device, DeviceKind};
use crate::error::Result;
use crate::tensor::Tensor;
use serde::Serialize;
use web_time::Instant;

/// Seconds of every one of `runs` calls with `rung`, sorted; one call before them warms up, on a GPU as many as it takes.
///
/// They are the device's own timestamps where it has them, else the time of a submit and the wait for it.
pub async fn time(call: &Prepared<'_>, device: &Device, rung: &str, runs: usize) -> Result<Vec<f64>> {
    let has_timestamps = device.start_profile().is_ok();
    call.run_and_wait(rung).await?;
    if has_timestamps && device.kind() == DeviceKind::Gpu {
        warm_up(call, device, rung).await?;
    }
    let mut times = if has_timestamps {
        in_a_row(call, device, rung, runs).await?
    } else {
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let start = Instant::now();
            call.run_and_wait(rung).await?;
            times.push(start.elapsed().as_secs_f64());
        }
        times
    };
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// How often a text and the shader itself are timed, in turns, and the calls of a turn.
const TURNS: usize = 3;
const CALLS: usize = 7;
/// Seconds that the calls of a turn take, about: of a slow shader there are fewer.
const TURN: f64 = 3.0;

/// Seconds of a call.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    /// A quarter of the calls took less, and a quarter took more than `high`.
    pub low: f64,
    pub high: f64,
    pub calls: usize,
}

impl Spread {
    fn of(mut times: Vec<f64>) -> Spread {
        times.sort_by(f64::total_cmp);
        let calls = times.len();
        let at = |share: usize| times[share * (calls - 1) / 4];
        Spread { median: times[calls / 2], low: at(1), high: at(3), calls }
    }
}

/// A text and the shader itself, timed in turns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Compared {
    pub edited: Spread,
    pub original: Spread,
    /// The edited median as a share of the original's.
    pub ratio: f64,
    /// The smallest and the largest of that within one turn.
    pub ratio_low: f64,
    pub ratio_high: f64,
}

/// Times `text` in the place of the rung's shader, and the shader itself. Both are compiled with all of wgpu's checks.
/// `sign` is called on the way.
///
/// # Errors
/// What the device reports.
pub async fn beside(
    case: &Case,
    device: &Device,
    rung: &str,
    text: &str,
    sign: &dyn Fn(),
) -> Result<Compared> {
    device.set_checks(Checks::ALL);
    let (call, op) = (Prepared::new(case, device)?, case.call.op());
    let (mut edited, mut original, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let of_original = turn(&call, device, rung, sign).await?;
        device.rungs().replace(op, rung, Some(text));
        let of_text = turn(&call, device, rung, sign).await;
        device.rungs().replace(op, rung, None);
        let of_text = of_text?;
        ratios.push(of_text[of_text.len() / 2] / of_original[of_original.len() / 2]);
        edited.extend(of_text);
        original.extend(of_original);
    }
    ratios.sort_by(f64::total_cmp);
    let (edited, original) = (Spread::of(edited), Spread::of(original));
    let ratio = edited.median / original.median;
    Ok(Compared { edited, original, ratio, ratio_low: ratios[0], ratio_high: ratios[TURNS - 1] })
}

/// Seconds of the calls of one turn, sorted.
async fn turn(call: &Prepared<'_>, device: &Device, rung: &str, sign: &dyn Fn()) -> Result<Vec<f64>> {
    // The first call compiles the shader.
    call.run_and_wait(rung).await?;
    sign();
    let start = Instant::now();
    call.run_and_wait(rung).await?;
    sign();
    let calls = ((TURN / start.elapsed().as_secs_f64()) as usize).clamp(1, CALLS);
    let times = time(call, device, rung, calls).await;
    sign();
    times
}

/// Seconds of every one of `runs` calls, which the device runs without a pause.
async fn in_a_row(call: &Prepared<'_>, device: &Device, rung: &str, runs: usize) -> Result<Vec<f64>> {
    device.take_spans().await?;
    (0..runs).try_for_each(|_| call.run(rung))?;
    call.wait().await?;
    let spans = device.take_spans().await?;
    let passes = spans.len() / runs;
    Ok(spans.chunks(passes).map(|call| call.iter().map(|span| span.seconds).sum()).collect())
}

/// Seconds that a GPU is kept busy at least before it is timed: the first time after its buffers were filled, which takes the
/// host a while, and later.
const WARM_UP: [f64; 2] = [1.0, 0.1];
/// Seconds of that at most.
const LONGEST_WARM_UP: f64 = 3.0;
/// Seconds between looking whether it still gets faster.
const LOOK: f64 = 0.05;
/// By what share two measurements in a row may differ.
const STEADY: f64 = 0.02;

/// Keeps a GPU busy until it is as fast as it gets: one that had nothing to do, or much to wait for, runs at a fraction of its
/// clock (an H100 at 345 of 1,980 MHz, and took half a second of work to speed up).
async fn warm_up(call: &Prepared<'_>, device: &Device, rung: &str) -> Result<()> {
    let start = Instant::now();
    let least = WARM_UP[usize::from(call.was_timed.replace(true))];
    let mut last = f64::INFINITY;
    loop {
        let runs = (LOOK / last).clamp(1.0, 64.0) as usize;
        let seconds = in_a_row(call, device, rung, runs).await?.iter().sum::<f64>() / runs as f64;
        let (elapsed, is_steady) = (start.elapsed().as_secs_f64(), (seconds / last - 1.0).abs() < STEADY);
        if elapsed > LONGEST_WARM_UP || is_steady && elapsed > least {
            return Ok(());
        }
        last = seconds;
    }
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

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn a_spread_is_the_middle_half_of_the_calls() {
        let times = vec![5.0, 1.0, 2.0, 9.0, 3.0];
        assert_eq!(Spread::of(times), Spread { median: 3.0, low: 2.0, high: 5.0, calls: 5 });
        assert_eq!(Spread::of(vec![4.0]), Spread { median: 4.0, low: 4.0, high: 4.0, calls: 1 });
    }
}
