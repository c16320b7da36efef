//! How long a tried text takes on a device, beside the original. No device runs what the microscope did not run before.

use super::beside::LIMITS;
use super::trial::{self, Trial, trial};
use crate::check::Case;
use crate::check::timing::{self, Compared};
use crate::device::{Device, DeviceKind};
use crate::error::{Result, error};
use crate::microscope::job::Job;
use crate::microscope::limits::{Limits, grouped};
use crate::microscope::proof::{Settings, estimate, prove};

/// Groups of each pass that the microscope runs at these sizes before a device does.
const WATCHED: u64 = 4;
/// Instructions that the original may take in these groups: some seconds.
const MOST: u64 = 1 << 28;

/// A text that was right in small cases, and in which nothing was found at the sizes of a case: a device may run it there.
pub struct Watched {
    case: Case,
    rung: String,
    text: String,
}

impl Trial {
    /// Runs some groups of the text that was tried in the microscope, at the sizes of `case`. A text whose threads work together
    /// in subgroups is tried once more in those of other sizes: a device has its own.
    ///
    /// # Errors
    /// `Other` for a text that was not right, a case of another kernel, and for what the microscope finds at these sizes.
    pub fn watch(self, case: Case, subgroup: u32) -> Result<Watched> {
        let Trial { kernel, rung, verdict, text, .. } = self;
        if !verdict.is_right() {
            return Err(error!(Other, "the shader is not right: no device runs it"));
        }
        if case.call.name() != kernel {
            return Err(error!(Other, "this was tried as {kernel}, not as {}", case.call.name()));
        }
        let sizes = if text.contains("subgroup") { &SUBGROUPS[..] } else { &[subgroup] };
        for &size in sizes {
            let settings = trial::Settings { subgroup: size, ..trial::Settings::default() };
            let is_right = || trial(&kernel, &rung, &text, settings).map(|trial| trial.verdict.is_right());
            if size != subgroup && !is_right().map_err(|why| error!(Other, "{why}"))? {
                return Err(error!(
                    Other,
                    "in subgroups of {size} threads, which a device may have, it is not right: no device runs it"
                ));
            }
            watch_in(&case, &rung, &text, size)?;
        }
        Ok(Watched { case, rung, text })
    }
}

/// Sizes of subgroups that devices have.
const SUBGROUPS: [u32; 3] = [8, 32, 64];

/// Runs some groups in subgroups of that size.
fn watch_in(case: &Case, rung: &str, text: &str, subgroup: u32) -> Result<()> {
    let refused = |why: &dyn std::fmt::Display| error!(Other, "at this size no device runs it: {why}");
    let own = Job::new(&*case.call, rung, subgroup).map_err(|why| refused(&why))?;
    let job = Job::with_text(&*case.call, rung, subgroup, text).map_err(|why| error!(Other, "{why}"))?;
    let [inputs, outputs] = case.zeros();
    let limits = Limits { instructions: MOST, ..Limits::default() };
    let settings = Settings { subgroup, watched: WATCHED, rest: false, orders: 1, limits };
    let effort = estimate(&own, &own.buffers(&inputs, &outputs), settings).map_err(|why| refused(&why))?;
    if effort.all > MOST {
        let most = grouped(MOST);
        return Err(refused(&format!(
            "{WATCHED} groups of each pass run in the microscope before, and in these the original itself takes more than \
             {most} instructions: smaller pictures take less"
        )));
    }
    let (buffers, limits) = (job.buffers(&inputs, &outputs), LIMITS.beside(effort));
    let report = prove(&job, &buffers, Settings { limits, ..settings }).map_err(|why| refused(&why))?;
    report.findings.first().map_or(Ok(()), |finding| Err(refused(finding)))
}

impl Watched {
    /// Times the text and the rung's own shader in turns, with all of wgpu's checks on; `sign` is called on the way.
    ///
    /// # Errors
    /// `Usage` for a device that has no shaders, or cannot run the rung at these sizes; what the device reports.
    pub async fn times(&self, device: &Device, sign: &dyn Fn()) -> Result<Compared> {
        if device.kind() == DeviceKind::Cpu {
            return Err(error!(Usage, "shaders do not run on the CPU: name an adapter, or software"));
        }
        let Watched { case, rung, text } = self;
        if !case.call.rungs(device).contains(&rung.as_str()) {
            return Err(error!(Usage, "{} cannot run {rung} at these sizes", device.name()));
        }
        timing::beside(case, device, rung, text, sign).await
    }
}
