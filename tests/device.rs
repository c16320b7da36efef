//! The device: reading back, profiles, memory that is counted.

mod common;

use pawgrad::device::Device;
use pawgrad::ops::add::accumulate;
use pawgrad::ops::relu::relu;
use pawgrad::tape::Tape;
use pawgrad::tensor::{Kind, Tensor};

fn devices() -> [Device; 2] {
    [Device::cpu(), common::software()]
}

/// Runs one pass.
fn run(device: &Device, x: &Tensor) -> Tensor {
    let tape = Tape::new(device, accumulate);
    relu(&tape, &tape.constant(x)).unwrap().tensor
}

#[test]
fn values_read_later_are_those_of_then() {
    for device in devices() {
        let x = Tensor::from_f32(&device, &[2], &[1.0, -2.0]).unwrap();
        let n = Tensor::from_u32(&device, &[3], &[3, 4, 5]).unwrap();
        let y = run(&device, &x);
        let pending = Tensor::read_later(&[&y, &n.rows(1..3)]).unwrap();
        n.fill_zero();
        // In the other order than they were asked for.
        assert_eq!(pollster::block_on(n.read_u32()).unwrap(), [0, 0, 0]);
        let (values, _) = pollster::block_on(pending.wait()).unwrap();
        assert_eq!(values, [vec![1f32.to_bits(), 0], vec![4, 5]]);
    }
}

#[test]
fn a_profile_holds_every_pass_of_every_submit_once() {
    for device in devices() {
        let x = Tensor::from_f32(&device, &[2], &[1.0, -2.0]).unwrap();
        let take = || pollster::block_on(device.take_spans()).unwrap();
        let passes = |count: usize| {
            for _ in 0..count {
                run(&device, &x);
                device.submit().unwrap();
            }
        };
        passes(1);
        device.start_profile().unwrap();
        assert_eq!(take(), []);
        passes(3);
        let spans = take();
        assert_eq!(spans.len(), 3);
        assert!(spans.is_sorted_by(|a, b| a.start + a.seconds <= b.start), "{spans:?}");
        assert_eq!(take(), []);
        // Recorded and not submitted: the end of the profile submits it.
        run(&device, &x);
        assert_eq!(pollster::block_on(device.stop_profile()).unwrap().len(), 1);
        passes(1);
        assert_eq!(take(), []);
    }
}

#[test]
fn live_bytes_are_those_of_the_tensors_that_are_alive() {
    for device in devices() {
        assert_eq!(device.live_bytes(), 0);
        let a = Tensor::zeros(&device, &[10, 10], Kind::F32).unwrap();
        let view = a.rows(2..3).reshape(&[2, 5]);
        assert_eq!(device.live_bytes(), 400, "a view shares the memory");
        drop(a);
        assert_eq!(device.live_bytes(), 400, "the view holds on to it");
        drop(view);
        assert_eq!(device.live_bytes(), 0);
        let b = Tensor::zeros(&device, &[60], Kind::U32).unwrap();
        assert_eq!(device.live_bytes(), 240, "what was asked for, not the larger memory that was there");
        assert_eq!(device.peak_bytes(), 400);
        drop(b);
    }
}

/// Set for the process of its own in which memory is short.
#[cfg(target_os = "linux")]
const ALONE: &str = "PAWGRAD_TEST_IS_ALONE";

/// Whoever can do without a buffer that there was no memory for goes on.
#[cfg(target_os = "linux")]
#[test]
fn a_buffer_that_memory_lacks_is_all_that_is_missing() {
    let name = "a_buffer_that_memory_lacks_is_all_that_is_missing";
    if std::env::var_os(ALONE).is_none() {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", name, "--nocapture"]).env(ALONE, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let limit = |bytes: &str| {
        let mut command = std::process::Command::new("prlimit");
        command.args(["--pid", &std::process::id().to_string(), &format!("--as={bytes}:unlimited")]);
        assert!(command.status().unwrap().success());
    };
    let device = common::software();
    let x = Tensor::from_f32(&device, &[2], &[1.0, -2.0]).unwrap();
    let y = || pollster::block_on(run(&device, &x).read_f32());
    assert_eq!(y().unwrap(), [1.0, 0.0]);
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let taken = pages.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096;
    limit(&(taken + (700 << 20)).to_string());
    let mut held = Vec::new();
    let why = loop {
        match Tensor::empty(&device, &[30 << 20], Kind::F32) {
            Ok(tensor) => held.push(tensor),
            Err(why) => break why,
        }
        assert!(held.len() < 20, "more than there is");
    };
    limit("unlimited");
    assert_eq!(why.kind, pawgrad::error::ErrorKind::OutOfMemory, "{why}");
    assert_eq!(y().unwrap(), [1.0, 0.0]);
}
