//! Every kernel at random sizes: every rung that covers them, on integers and on random numbers, twice.
//!
//! `cargo test` draws a few; `tests/fuzz` as many as it is asked for.

mod common;

use clap::Parser;
use pawgrad::check::fuzz::{Drawn, Exam, Fuzz, line, parse};
use pawgrad::check::kernels::Got;
use pawgrad::check::{self, Case};
use pawgrad::device::adapters::{Choice, open};
use pawgrad::device::{Device, DeviceKind, Precision};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

/// Runs every kernel at random sizes and compares it with its definition
#[derive(Parser)]
#[command(name = "tests/fuzz")]
struct Args {
    /// Cases to draw
    #[arg(long, default_value_t = 1000, value_name = "N")]
    cases: usize,
    /// Equal seeds draw equal cases
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// cpu, software, gpu, or an adapter's index or a part of its name
    #[arg(long, default_value = "cpu")]
    device: Choice,
    /// f32, or mixed: rungs for tensor cores too
    #[arg(long, default_value_t, value_name = "f32|mixed")]
    precision: Precision,
    /// Only this op (conv2d) or kernel (conv2d.forward)
    #[arg(long, value_name = "OP")]
    only: Option<String>,
    /// Only this rung
    #[arg(long, value_name = "RUNG")]
    rung: Option<String>,
    /// Instead of drawing: this kernel with these sizes, as a failure prints them
    #[arg(long, value_name = "LINE")]
    replay: Option<String>,
}

#[test]
fn every_op_says_how_its_sizes_are_drawn() {
    for case in check::all() {
        assert!(
            case.at_random.is_some(),
            "{}: its row in the table of cases needs .random(|dice| Params {{ … }})",
            case.call.name()
        );
    }
}

#[test]
fn a_line_describes_a_case() {
    let device = Device::cpu();
    let fuzz = Fuzz::new(&device, |_| true, None);
    for index in 0..200 {
        let case = fuzz.draw(1, index).case;
        let again = parse(&line(&case)).unwrap();
        assert_eq!((again.call.name(), again.call.words()), (case.call.name(), case.call.words()));
    }
    for (line, why) in
        [("conv2d.forwards", "no kernel"), ("relu.forward", "len"), ("relu.forward len=-1", "u32")]
    {
        assert!(parse(line).is_err_and(|error| error.contains(why)), "{line}");
    }
}

#[test]
fn what_fails_is_made_as_small_as_it_can_be() {
    let device = Device::cpu();
    let fuzz = Fuzz::new(&device, |kernel| kernel == "max_pool2d.forward", None);
    let fails = |case: &Case| {
        let size = |name: &str| {
            let at = case.call.fields().iter().position(|field| field.name == name).unwrap();
            case.call.words()[at]
        };
        size("in_w") > 8 && size("channels") >= size("stride_h") && size("stride_h") > 1
    };
    let failing = (0..).map(|index| fuzz.draw(1, index)).find(|drawn| fails(&drawn.case)).unwrap();
    assert_eq!(
        line(&failing.shrink(fails)),
        "max_pool2d.forward batch=1 channels=2 in_h=1 in_w=9 out_h=1 out_w=9 window_h=1 window_w=1 stride_h=2 stride_w=1"
    );
}

#[test]
fn kernels_on_the_cpu_equal_their_definition_at_random_sizes() {
    fuzz(&Args { cases: 300, ..Args::parse_from(["short"]) });
}

#[test]
fn kernels_in_wgsl_equal_their_definition_at_random_sizes() {
    fuzz(&Args { cases: 100, device: Choice::Software, ..Args::parse_from(["short"]) });
}

/// Threads end in any order, and how many there are decides which of them does what: neither may change a bit.
#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let bits = |cases, device, variable, threads| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "long", "--nocapture"])
            .env("PAWGRAD_FUZZ", format!("--cases\n{cases}\n--device\n{device}"))
            .env(variable, threads)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        text.lines().find(|line| line.starts_with("bits ")).unwrap().to_string()
    };
    for (cases, device, variable) in [(300, "cpu", "RAYON_NUM_THREADS"), (30, "software", "LP_NUM_THREADS")] {
        let one = bits(cases, device, variable, "1");
        for threads in ["2", "5"] {
            assert_eq!(bits(cases, device, variable, threads), one, "{variable}={threads}");
        }
    }
}

#[test]
#[ignore = "tests/fuzz runs it, with arguments in the environment, one a line"]
fn long() {
    let arguments = std::env::var("PAWGRAD_FUZZ").unwrap_or_default();
    let args = Args::parse_from(["tests/fuzz"].into_iter().chain(arguments.lines()));
    match &args.replay {
        Some(line) => replay(&args, line),
        None => fuzz(&args),
    }
}

/// Cases after which the device is opened again: a driver keeps whatever it compiled for one.
const CASES_OF_A_DEVICE: usize = 250;

/// Draws cases, makes those that fail as small as it can, and prints which rungs ran how often.
fn fuzz(args: &Args) {
    let selected = |kernel: &str| {
        common::selected(kernel) && args.only.as_deref().is_none_or(|only| common::is_of(kernel, only))
    };
    let mut seen = Seen::default();
    let mut failures: BTreeMap<(&str, &str), String> = BTreeMap::new();
    for first in (0..args.cases).step_by(CASES_OF_A_DEVICE) {
        let device = &device(args);
        let fuzz = Fuzz::new(device, selected, args.rung.clone());
        assert!(!fuzz.kernels().is_empty(), "no kernel of this name has this rung on {}", device.name());
        // One that never runs is printed too, with 0.
        for of in fuzz.kernels() {
            seen.counts.entry(of).or_insert(0);
        }
        for index in (first..args.cases).take(CASES_OF_A_DEVICE) {
            let drawn = fuzz.draw(args.seed, index);
            let mut exam = Exam::new(&drawn.case);
            for rung in fuzz.rungs(&drawn.case) {
                // One failure of each is enough.
                let of = (drawn.case.call.name(), rung);
                if !failures.contains_key(&of)
                    && let Err(report) = seen.check(&mut exam, device, rung)
                {
                    println!("case {index} of seed {}: {report}\n", args.seed);
                    failures.insert(of, smallest(&fuzz, &drawn, device, rung, report));
                }
            }
        }
    }
    seen.print();
    let reports: Vec<_> = failures.into_values().collect();
    assert!(reports.is_empty(), "rungs that fail: {}\n\n{}", reports.len(), reports.join("\n\n"));
}

fn device(args: &Args) -> Device {
    match args.device {
        Choice::Software if args.precision == Precision::F32 => common::software(),
        _ => pollster::block_on(open(&args.device, args.precision)).unwrap_or_else(|why| panic!("{why}")).0,
    }
}

/// Runs the one case that a line describes.
fn replay(args: &Args, line: &str) {
    let device = device(args);
    let case = parse(line).unwrap_or_else(|why| panic!("{why}"));
    let rungs = Fuzz::new(&device, |_| true, args.rung.clone()).rungs(&case);
    assert!(!rungs.is_empty(), "no such rung can compute this on {}", device.name());
    for rung in rungs {
        attempt(&mut Exam::new(&case), &device, rung, |_| {}).unwrap_or_else(|report| panic!("{report}"));
        println!("{} {rung} is right on {}", case.call.name(), device.name());
    }
}

/// The report of the smallest sizes with which a rung fails, from those that failed with `report`.
fn smallest(fuzz: &Fuzz, drawn: &Drawn, device: &Device, rung: &str, mut report: String) -> String {
    let case = drawn.shrink(|case| {
        let runs = fuzz.rungs(case).contains(&rung);
        let result = if runs { attempt(&mut Exam::new(case), device, rung, |_| {}) } else { Ok(()) };
        result.map_err(|why| report = why).is_err()
    });
    let op = case.call.op();
    let device = match device.kind() {
        DeviceKind::Cpu => "cpu",
        DeviceKind::Software => "software",
        DeviceKind::Gpu => "gpu",
    };
    format!(
        "{report}\nFor the table of cases of src/ops/{op}:\n    ({}, \"…\"),\n\
         To run it again: tests/fuzz --device {device} --rung {rung} --replay '{}'",
        case.call.params(),
        line(&case)
    )
}

/// What ran.
#[derive(Default)]
struct Seen {
    /// Cases of every kernel and rung.
    counts: BTreeMap<(&'static str, &'static str), usize>,
    /// Of every result.
    bits: blake3::Hasher,
}

impl Seen {
    fn check(&mut self, exam: &mut Exam, device: &Device, rung: &'static str) -> Result<(), String> {
        *self.counts.entry((exam.case().call.name(), rung)).or_default() += 1;
        attempt(exam, device, rung, |got| {
            got.iter().flat_map(|got| &got.payload).for_each(|word| {
                self.bits.update(&word.to_le_bytes());
            });
        })
    }

    fn print(&self) {
        println!("{:<32}{:<16}{:>7}", "kernel", "rung", "cases");
        for ((kernel, rung), count) in &self.counts {
            println!("{kernel:<32}{rung:<16}{count:>7}");
        }
        println!("bits {}", self.bits.finalize().to_hex());
    }
}

/// Runs a case with a rung; a panic is an error too.
fn attempt(exam: &mut Exam, device: &Device, rung: &str, seen: impl FnMut(&[Got])) -> Result<(), String> {
    let call = &exam.case().call;
    let (name, params) = (call.name(), call.params());
    let check = AssertUnwindSafe(|| pollster::block_on(exam.check(device, rung, seen)));
    catch_unwind(check).unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<String>().map(String::as_str);
        let why = why.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
        Err(format!("{name} {rung} on {} panics: {why}\n{params}", device.name()))
    })
}
