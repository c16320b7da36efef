//! Finds the fastest rung of every kernel at the network's sizes.

use super::kernels::Prepared;
use super::timing::fastest;
use super::{Case, Table, table};
use crate::device::{Device, RungTable};
use crate::error::Result;

/// Rungs that are slower than this many times the fastest at batch 1 are not tried at the whole batch: there a plain
/// rung would take most of the time.
const HOPELESS: f64 = 3.0;
/// What another rung must save of the default's time before it is taken: less may be noise.
const SAVES: f64 = 0.03;
/// Rungs that are slower than this many times the fastest at the whole batch are not tried again.
const BEATEN: f64 = 1.5;
const TRIES: usize = 3;

/// What was found for one kernel at one layer's sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// What a table of tuned rungs knows it by.
    pub key: String,
    pub kernel: &'static str,
    pub layer: &'static str,
    /// The rung that is taken by default, and its seconds.
    pub default: (&'static str, f64),
    /// The rung to take from now on, and its seconds.
    pub best: (&'static str, f64),
    /// Every rung that was tried at the whole batch, with its seconds.
    pub tried: Vec<(&'static str, f64)>,
}

/// Times all rungs of those kernels of the default network that are in `defaults`, the rungs that are taken without
/// tuning. `found` is told of each kernel when it is done.
///
/// # Errors
/// What the device and `found` report.
pub async fn tune(
    device: &Device,
    image_size: u32,
    batch: u32,
    defaults: &RungTable,
    mut found: impl FnMut(Tuned) -> Result<()>,
) -> Result<()> {
    let whole = table(Table::Network { image_size, batch });
    let single = table(Table::Network { image_size, batch: 1 });
    for (whole, single) in whole.iter().zip(&single) {
        let key = whole.call.key(device);
        let Some(default) = defaults.get(&key) else { continue };
        let tried = time_rungs(device, whole, single, default).await?;
        let (default, best) = choose(&tried, default);
        found(Tuned { key, kernel: whole.call.name(), layer: whole.why, default, best, tried })?;
    }
    Ok(())
}

/// The default and its seconds, and the rung to take: another one only where it saves enough.
fn choose(tried: &[(&'static str, f64)], default: &str) -> ((&'static str, f64), (&'static str, f64)) {
    let default = tried.iter().copied().find(|(rung, _)| *rung == default).expect("it is always tried");
    let fastest = tried.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(default);
    let best = if fastest.1 < default.1 * (1.0 - SAVES) { fastest } else { default };
    (default, best)
}

/// Seconds of every rung that is not hopeless; `default` is always among them.
async fn time_rungs(
    device: &Device,
    whole: &Case,
    single: &Case,
    default: &str,
) -> Result<Vec<(&'static str, f64)>> {
    let mut at_batch_1 = Vec::new();
    let call = Prepared::new(single, device)?;
    for rung in single.call.rungs(device) {
        // The first call compiles.
        call.run_and_wait(rung).await?;
        at_batch_1.push((rung, seconds(device, &call, rung, 1).await?));
    }
    let limit = HOPELESS * fastest_of(&at_batch_1);
    drop(call);
    let call = Prepared::new(whole, device)?;
    let mut tried = Vec::new();
    for rung in whole.call.rungs(device) {
        let hopeless = at_batch_1.iter().any(|&(name, seconds)| name == rung && seconds > limit);
        if rung == default || !hopeless {
            // The first call makes buffers and textures.
            call.run_and_wait(rung).await?;
            tried.push((rung, seconds(device, &call, rung, 1).await?));
        }
    }
    let limit = BEATEN * fastest_of(&tried);
    let close = tried.iter().filter(|(_, seconds)| *seconds <= limit).count();
    for (rung, best) in tried.iter_mut().filter(|(_, seconds)| close > 1 && *seconds <= limit) {
        *best = best.min(seconds(device, &call, rung, TRIES - 1).await?);
    }
    Ok(tried)
}

fn fastest_of(timed: &[(&'static str, f64)]) -> f64 {
    timed.iter().map(|(_, seconds)| *seconds).fold(f64::INFINITY, f64::min)
}

/// Seconds of a call, with all that belongs to it, such as copies into textures.
async fn seconds(device: &Device, call: &Prepared<'_>, rung: &str, tries: usize) -> Result<f64> {
    fastest(device, call.first_output(), tries, || call.run(rung)).await
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_fastest_is_taken_where_it_saves_enough() {
        let (plain, tiled) = (("1_plain", 1.0), ("2_tiled", 2.0));
        assert_eq!(choose(&[plain, tiled], "2_tiled"), (tiled, plain));
        assert_eq!(choose(&[plain, tiled], "1_plain"), (plain, plain));
        let almost = ("1_plain", 1.98);
        assert_eq!(choose(&[almost, tiled], "2_tiled"), (tiled, tiled), "1 % may be noise");
    }
}
