//! `pawgrad gradcheck`

use crate::check::cases::Style;
use crate::check::{Case, all, gradient, kernels};
use crate::device::Device;
use crate::device::adapters::{Choice, list, open};
use crate::error::{Result, error};
use clap::Args;

#[derive(Args)]
pub struct GradcheckArgs {
    /// Only the kernels of this op
    #[arg(long, value_name = "OP")]
    op: Option<String>,
}

/// One row of the table.
struct Row {
    kernel: &'static str,
    cases: usize,
    /// Worst difference from finite differences, for backward kernels.
    differences: Option<f64>,
    /// Worst deviation from the reference on each device, as a share of the largest value.
    devices: Vec<f64>,
}

pub async fn run(args: GradcheckArgs) -> Result<()> {
    let mut devices = vec![Device::cpu()];
    for index in 0..list().await.len() {
        devices.push(open(&Choice::Adapter(index.to_string())).await?.0);
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

    println!("Finite differences: largest error of the reference's gradient, in f64.");
    println!(
        "Devices: largest error against the f64 reference, as a share of the largest value, over all rungs.\n"
    );
    print!("{:<32}{:>6}{:>20}", "kernel", "cases", "finite differences");
    for device in &devices {
        print!("{:>18}", device.name().chars().take(16).collect::<String>());
    }
    println!();
    let mut failures = Vec::new();
    for name in names {
        let row = check(name, &cases, &devices, &mut failures);
        print!("{:<32}{:>6}", row.kernel, row.cases);
        print!("{:>20}", row.differences.map_or("-".to_string(), |error| format!("{error:.1e}")));
        for error in row.devices {
            print!("{:>18}", if error.is_nan() { "FAILED".to_string() } else { format!("{error:.1e}") });
        }
        println!();
    }
    if !failures.is_empty() {
        return Err(error!(Other, "{} checks failed:\n\n{}", failures.len(), failures.join("\n\n")));
    }
    println!("\nAll within their bounds.");
    Ok(())
}

fn check(kernel: &'static str, cases: &[Case], devices: &[Device], failures: &mut Vec<String>) -> Row {
    let mine: Vec<_> = cases.iter().filter(|case| case.call.name() == kernel).collect();
    let mut worst = |result: std::result::Result<f64, String>| {
        result.unwrap_or_else(|report| {
            failures.push(report);
            f64::NAN
        })
    };
    // NaN marks a failure and must win.
    let larger = |a: f64, b: f64| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) };
    let differences = kernel.contains(".backward_").then(|| {
        mine.iter().fold(0.0, |so_far, &backward| {
            let forward = gradient::forward_of(cases, backward).expect("a forward case of the same sizes");
            larger(so_far, worst(gradient::check(forward, backward)))
        })
    });
    let devices = devices.iter().map(|device| {
        mine.iter().fold(0.0, |so_far, case| {
            case.call.rungs(device).iter().fold(so_far, |so_far, rung| {
                let integers = worst(kernels::check(case, device, rung, Style::Integers));
                larger(so_far, larger(integers, worst(kernels::check(case, device, rung, Style::Random))))
            })
        })
    });
    Row { kernel, cases: mine.len(), differences, devices: devices.collect() }
}
