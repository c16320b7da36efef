//! `pawgrad gradcheck`

use super::numbers::whole;
use super::only::{names_of, only};
use super::output::{out, outln};
use crate::check::{Case, Style, all, gradient, kernels};
use crate::device::adapters::{Adapter, Choice, list, open};
use crate::device::{Device, DeviceKind, Precision};
use crate::error::{Result, error, shown};
use clap::Args;
use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::available_parallelism;

#[derive(Args)]
pub struct GradcheckArgs {
    /// Only this op, such as dense, or kernels whose name contains this
    #[arg(long, default_value = "", value_name = "TEXT", alias = "op")]
    only: String,
    /// f32, or mixed: the kernels for tensor cores too, on the adapters that have them
    #[arg(long, default_value_t, value_name = "f32|mixed")]
    precision: Precision,
    /// Check each kernel so often on every adapter: a driver may be wrong at random
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = whole::<u32>, allow_negative_numbers = true)]
    times: u32,
}

pub async fn run(args: GradcheckArgs) -> Result<()> {
    if args.times == 0 {
        return Err(error!(Usage, "--times must be 1 or more"));
    }
    let is_wanted = |adapter: &Adapter| args.precision == Precision::F32 || adapter.tensor_cores.is_ok();
    let listed = list().await;
    let adapters: Vec<_> = listed.iter().enumerate().filter(|(_, adapter)| is_wanted(adapter)).collect();
    if args.precision == Precision::Mixed && adapters.is_empty() {
        return Err(error!(
            Usage,
            "no adapter has tensor cores to check (`pawgrad devices` says what they lack): leave out --precision"
        ));
    }
    let cases = all();
    let mut names: Vec<_> = cases.iter().map(|case| case.call.name()).collect();
    let mut known = HashSet::new();
    names.retain(|name| known.insert(*name));
    let names = only(names, &args.only, |name| names_of(name));
    if names.is_empty() {
        return Err(error!(Usage, "no kernel has \"{}\" in its name", shown(&args.only)));
    }

    outln!("finite diff.   largest error of the reference's gradient against finite differences, in f64");
    let cpu = Device::cpu();
    let mut columns = vec![("CPU".to_string(), cpu.name().to_string())];
    let mut checkers = Vec::new();
    for (column, (index, adapter)) in adapters.into_iter().enumerate() {
        columns.push((format!("adapter {column}"), adapter.name.clone()));
        let choice = Choice::Adapter(index.to_string());
        checkers.push(Checkers::start(&choice, (args.precision, args.times), adapter.kind, &names)?);
    }
    for (column, device) in &columns {
        outln!("{column:<14} largest error on {device}, all rungs, against the f64 reference,");
        outln!("{:<14} as a share of the largest value", "");
    }
    out!("\n{:<30}{:>6}{:>14}", "kernel", "cases", "finite diff.");
    outln!("{}", columns.iter().map(|(column, _)| format!("{column:>14}")).collect::<String>());

    let mut failures = Vec::new();
    for name in names {
        let mine: Vec<_> = cases.iter().filter(|case| case.call.name() == name).collect();
        out!("{name:<30}{:>6}{:>14}", mine.len(), differences(&cases, &mine, &mut failures));
        out!("{:>14}", errors(&cpu, &mine).await.text(&mut failures));
        for checkers in &mut checkers {
            out!("{:>14}", checkers.next()?.text(&mut failures));
        }
        outln!();
    }
    if !failures.is_empty() {
        return Err(error!(Other, "{} checks failed:\n\n{}", failures.len(), failures.join("\n\n")));
    }
    outln!("\nAll within their bounds.");
    Ok(())
}

/// The cell for finite differences, of backward kernels.
fn differences(cases: &[Case], mine: &[&Case], failures: &mut Vec<String>) -> String {
    if !mine[0].call.name().contains(".backward_") {
        return "-".to_string();
    }
    let mut cell = Cell::default();
    for backward in mine {
        let forward = gradient::forward_of(cases, backward).expect("a forward case of the same sizes");
        cell.add(gradient::check(cases, forward, backward));
    }
    cell.text(failures)
}

/// The cell of a device: every rung of a kernel on these cases.
async fn errors(device: &Device, mine: &[&Case]) -> Cell {
    let mut cell = Cell::default();
    for case in mine {
        for rung in case.call.rungs(device) {
            for style in [Style::Integers, Style::Random] {
                cell.add(kernels::check(case, device, rung, style).await);
            }
        }
    }
    cell
}

/// Threads that check one adapter, each a share of every kernel's cases. Drivers take minutes to compile all rungs for all
/// sizes, on one core each.
struct Checkers {
    cells: Vec<Receiver<Result<Cell>>>,
}

impl Checkers {
    fn start(
        adapter: &Choice,
        how: (Precision, u32),
        kind: DeviceKind,
        names: &[&'static str],
    ) -> Result<Checkers> {
        // A software adapter has all cores busy by itself.
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = if kind == DeviceKind::Gpu { cores.min(MOST_THREADS) } else { 1 };
        let start = |thread| {
            let (sender, cells) = channel();
            let (adapter, names) = (adapter.clone(), names.to_vec());
            let check =
                move || pollster::block_on(check_share(&adapter, how, &names, (thread, threads), &sender));
            let started = std::thread::Builder::new().spawn(check);
            started.map_err(|why| error!(Other, "a thread that checks kernels cannot start: {why}"))?;
            Ok(cells)
        };
        Ok(Checkers { cells: (0..threads).map(start).collect::<Result<_>>()? })
    }

    /// The cell of the next kernel.
    fn next(&mut self) -> Result<Cell> {
        let mut cell = Cell::default();
        for cells in &self.cells {
            let share =
                cells.recv().map_err(|_| error!(Other, "a thread that checks kernels has ended"))??;
            cell.merge(share);
        }
        Ok(cell)
    }
}

/// Each has the adapter open, and its pipelines in memory.
const MOST_THREADS: usize = 16;

/// Sends a cell for every kernel: of every case number n with n mod `threads` equal to `thread`.
async fn check_share(
    adapter: &Choice,
    (precision, times): (Precision, u32),
    names: &[&'static str],
    (thread, threads): (usize, usize),
    cells: &Sender<Result<Cell>>,
) {
    let device = match open(adapter, precision).await {
        Ok((device, _)) => device,
        Err(why) => return drop(cells.send(Err(why))),
    };
    let cases = all();
    for name in names {
        let kernel = cases.iter().filter(|case| case.call.name() == *name);
        let mine: Vec<_> = kernel.skip(thread).step_by(threads).collect();
        let mut cell = Cell::default();
        for _ in 0..times {
            cell.merge(errors(&device, &mine).await);
        }
        if cells.send(Ok(cell)).is_err() {
            return;
        }
    }
}

/// The worst of several checks.
#[derive(Default)]
struct Cell {
    worst: f64,
    failures: Vec<String>,
}

impl Cell {
    fn add(&mut self, check: std::result::Result<f64, String>) {
        match check {
            Ok(error) => self.worst = self.worst.max(error),
            Err(report) => self.failures.push(report),
        }
    }

    fn merge(&mut self, other: Cell) {
        self.worst = self.worst.max(other.worst);
        self.failures.extend(other.failures);
    }

    /// What the table shows, and the failures to the others.
    fn text(self, failures: &mut Vec<String>) -> String {
        let failed = !self.failures.is_empty();
        failures.extend(self.failures);
        if failed { "FAILED".to_string() } else { format!("{:.1e}", self.worst) }
    }
}
