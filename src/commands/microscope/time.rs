//! How long a tried shader takes on a device, beside the original.

use crate::check::{Case, timing};
use crate::device::adapters::{Choice, open};
use crate::device::{DeviceKind, Precision};
use crate::error::{Result, error};
use crate::microscope::job::Job;
use crate::microscope::lab::LIMITS;
use crate::microscope::proof::{Settings, prove};

/// Groups of each pass that the microscope runs at these sizes before a device does.
const WATCHED: u64 = 4;

/// Seconds of a call: medians.
pub struct Times {
    /// The device, and why it was taken.
    pub line: String,
    pub edited: f64,
    pub original: f64,
}

/// Times `text`, which was right in small cases, at the sizes of `case`. Some groups run in the microscope first.
///
/// # Errors
/// `Other` for what the microscope finds at these sizes; `Usage` for a device that has no shaders, or cannot run the rung.
pub async fn times(choice: &Choice, case: &Case, rung: &str, text: &str, subgroup: u32) -> Result<Times> {
    let job = Job::with_text(&*case.call, rung, subgroup, text).map_err(|why| error!(Other, "{why}"))?;
    let [inputs, outputs] = case.zeros();
    let buffers = job.buffers(&inputs, &outputs);
    let settings = Settings { subgroup, watched: WATCHED, rest: false, orders: 1, limits: LIMITS };
    let report = prove(&job, &buffers, settings).map_err(|why| error!(Other, "{why}"))?;
    if let Some(finding) = report.findings.first() {
        return Err(error!(Other, "at the size of {}, no device runs this: {finding}", case.why));
    }
    let (device, line) = open(choice, Precision::F32).await?;
    if device.kind() == DeviceKind::Cpu {
        return Err(error!(Usage, "--device: shaders do not run on the CPU: name an adapter, or software"));
    }
    if !case.call.rungs(&device).contains(&rung) {
        return Err(error!(Usage, "{line} cannot run {rung} at these sizes"));
    }
    let [edited, original] = timing::beside(case, &device, rung, text).await?;
    Ok(Times { line, edited, original })
}
