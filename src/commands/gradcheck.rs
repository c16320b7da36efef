//! `pawgrad gradcheck`

use super::output::{out, outln};
use crate::check::{Case, Style, all, gradient, kernels};
use crate::device::adapters::{Choice, list, open};
use crate::device::{Device, Precision};
use crate::error::{Result, error};
use clap::Args;

#[derive(Args)]
pub struct GradcheckArgs {
    /// Only the kernels of this op
    #[arg(long, value_name = "OP")]
    op: Option<String>,
    /// f32, or mixed: the kernels for tensor cores too, on the adapters that have them
    #[arg(long, default_value_t, value_name = "f32|mixed")]
    precision: Precision,
}

pub async fn run(args: GradcheckArgs) -> Result<()> {
    let mut devices = vec![Device::cpu()];
    for (index, adapter) in list().await.iter().enumerate() {
        if args.precision == Precision::F32 || adapter.tensor_cores.is_ok() {
            devices.push(open(&Choice::Adapter(index.to_string()), args.precision).await?.0);
        }
    }
    if args.precision == Precision::Mixed && devices.len() == 1 {
        return Err(error!(
            Usage,
            "no adapter has tensor cores to check (`pawgrad devices` says what they lack): leave out --precision"
        ));
    }
    let cases = all();
    let mut names: Vec<_> = cases.iter().map(|case| case.call.name()).collect();
    names.dedup();
    if let Some(op) = &args.op {
        names.retain(|name| name.split('.').next() == Some(op));
        if names.is_empty() {
            return Err(error!(Usage, "there is no op named \"{op}\""));
        }
    }

    outln!("finite diff.   largest error of the reference's gradient against finite differences, in f64");
    for (i, device) in devices.iter().enumerate() {
        let column = column(i);
        outln!("{column:<14} largest error on {}, all rungs, against the f64 reference,", device.name());
        outln!("{:<14} as a share of the largest value", "");
    }
    out!("\n{:<30}{:>6}{:>14}", "kernel", "cases", "finite diff.");
    outln!("{}", (0..devices.len()).map(|i| format!("{:>14}", column(i))).collect::<String>());

    let mut failures = Vec::new();
    for name in names {
        let mine: Vec<_> = cases.iter().filter(|case| case.call.name() == name).collect();
        out!("{name:<30}{:>6}{:>14}", mine.len(), differences(&cases, &mine, &mut failures));
        for device in &devices {
            out!("{:>14}", errors(device, &mine, &mut failures).await);
        }
        outln!();
    }
    if !failures.is_empty() {
        return Err(error!(Other, "{} checks failed:\n\n{}", failures.len(), failures.join("\n\n")));
    }
    outln!("\nAll within their bounds.");
    Ok(())
}

/// The heading of a device's column.
fn column(device: usize) -> String {
    if device == 0 { "CPU".to_string() } else { format!("adapter {}", device - 1) }
}

/// The cell for finite differences, of backward kernels.
fn differences(cases: &[Case], mine: &[&Case], failures: &mut Vec<String>) -> String {
    if !mine[0].call.name().contains(".backward_") {
        return "-".to_string();
    }
    let mut cell = Cell::default();
    for backward in mine {
        let forward = gradient::forward_of(cases, backward).expect("a forward case of the same sizes");
        cell.add(gradient::check(forward, backward), failures);
    }
    cell.text()
}

/// The cell of a device: every rung of a kernel on all its cases.
async fn errors(device: &Device, mine: &[&Case], failures: &mut Vec<String>) -> String {
    let mut cell = Cell::default();
    for case in mine {
        for rung in case.call.rungs(device) {
            for style in [Style::Integers, Style::Random] {
                cell.add(kernels::check(case, device, rung, style).await, failures);
            }
        }
    }
    cell.text()
}

/// The worst of several checks.
#[derive(Default)]
struct Cell {
    worst: f64,
    failed: bool,
}

impl Cell {
    fn add(&mut self, check: std::result::Result<f64, String>, failures: &mut Vec<String>) {
        match check {
            Ok(error) => self.worst = self.worst.max(error),
            Err(report) => {
                self.failed = true;
                failures.push(report);
            }
        }
    }

    fn text(&self) -> String {
        if self.failed { "FAILED".to_string() } else { format!("{:.1e}", self.worst) }
    }
}
