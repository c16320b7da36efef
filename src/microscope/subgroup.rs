//! What the threads of a subgroup do together.

use super::instruction::{Instruction, Kind, Together};
use super::watch::{At, Fault, Watch};
use naga::{CollectiveOperation, SubgroupOperation};

/// The active threads of a subgroup, with the registers of the whole group.
pub struct Lanes<'a> {
    /// The thread that is lane 0.
    pub first: usize,
    pub size: usize,
    /// In ascending order.
    pub active: &'a [usize],
    pub per_thread: usize,
    pub registers: &'a mut [u32],
}

impl Lanes<'_> {
    fn get(&self, thread: usize, register: u16, k: usize) -> u32 {
        self.registers[thread * self.per_thread + usize::from(register) + k]
    }

    fn set(&mut self, thread: usize, register: u16, k: usize, value: u32) {
        self.registers[thread * self.per_thread + usize::from(register) + k] = value;
    }
}

/// Executes an operation of a subgroup for its active threads.
pub fn execute<W: Watch>(together: Together, i: &Instruction, mut lanes: Lanes, pc: u32, watch: &mut W) {
    let (active, n) = (lanes.active, usize::from(i.n));
    match together {
        Together::Ballot => {
            let mut mask = [0u32; 4];
            for &thread in active.iter().filter(|&&thread| lanes.get(thread, i.a, 0) != 0) {
                let lane = thread - lanes.first;
                mask[lane / 32 % 4] |= 1 << (lane % 32);
            }
            for &thread in active {
                (0..4).for_each(|k| lanes.set(thread, i.dst, k, mask[k]));
            }
        }
        Together::Collect(op, collective) => {
            let kind = Kind::from_number(i.imm);
            for k in 0..n {
                let values: Vec<u32> = active.iter().map(|&thread| lanes.get(thread, i.a, k)).collect();
                let start = neutral(op, kind);
                let total = values.iter().fold(start, |sum, &value| combine(op, kind, sum, value));
                let mut sum = start;
                for (&thread, &value) in active.iter().zip(&values) {
                    let with = combine(op, kind, sum, value);
                    let result = match collective {
                        CollectiveOperation::Reduce => total,
                        CollectiveOperation::InclusiveScan => with,
                        CollectiveOperation::ExclusiveScan => sum,
                    };
                    lanes.set(thread, i.dst, k, result);
                    sum = with;
                }
            }
        }
        _ => gather(together, i, &mut lanes, pc, watch),
    }
}

/// What comes from a lane that does not take part: WGSL leaves it open, and whatever is made of it is wrong. A NaN.
const NOBODYS: u32 = 0x7fc0_0bad;

/// Values of other lanes. Where a lane is named that does not take part, it is a fault; where a shift leads out of the subgroup,
/// as in every scan, it is only what nobody should use.
fn gather<W: Watch>(together: Together, i: &Instruction, lanes: &mut Lanes, pc: u32, watch: &mut W) {
    let (active, n) = (lanes.active, usize::from(i.n));
    let mut results = Vec::with_capacity(active.len() * n);
    for &thread in active {
        let lane = (thread - lanes.first) as u32;
        let by = lanes.get(thread, i.b, 0);
        let from = match together {
            Together::First => (active[0] - lanes.first) as u32,
            Together::Down => lane.saturating_add(by),
            Together::Up => lane.wrapping_sub(by),
            Together::Xor => lane ^ by,
            _ => by,
        };
        let source = lanes.first.checked_add(from as usize);
        let source = source.filter(|source| (from as usize) < lanes.size && active.contains(source));
        let is_named = !matches!(together, Together::Down | Together::Up | Together::Xor);
        if source.is_none() && is_named {
            watch.fault(At { thread: thread as u32, pc }, Fault::InactiveLane { lane: from });
        }
        results.extend((0..n).map(|k| source.map_or(NOBODYS, |source| lanes.get(source, i.a, k))));
    }
    for (j, &thread) in active.iter().enumerate() {
        (0..n).for_each(|k| lanes.set(thread, i.dst, k, results[j * n + k]));
    }
}

/// What changes nothing.
fn neutral(op: SubgroupOperation, kind: Kind) -> u32 {
    let of = |float: f32, signed: i32, unsigned: u32| match kind {
        Kind::F32 | Kind::F16 => float.to_bits(),
        Kind::I32 => signed as u32,
        Kind::U32 | Kind::Bool => unsigned,
    };
    match op {
        SubgroupOperation::All => 1,
        SubgroupOperation::Any | SubgroupOperation::Or | SubgroupOperation::Xor => 0,
        SubgroupOperation::And => u32::MAX,
        SubgroupOperation::Add => 0,
        SubgroupOperation::Mul => of(1.0, 1, 1),
        SubgroupOperation::Min => of(f32::INFINITY, i32::MAX, u32::MAX),
        SubgroupOperation::Max => of(f32::NEG_INFINITY, i32::MIN, 0),
    }
}

fn combine(op: SubgroupOperation, kind: Kind, a: u32, b: u32) -> u32 {
    let float = |f: fn(f32, f32) -> f32| {
        let exact = f(f32::from_bits(a), f32::from_bits(b));
        if kind == Kind::F16 { half::f16::from_f32(exact).to_f32().to_bits() } else { exact.to_bits() }
    };
    let (s, t) = (a as i32, b as i32);
    match (op, kind) {
        (SubgroupOperation::Add, Kind::F32 | Kind::F16) => float(|a, b| a + b),
        (SubgroupOperation::Mul, Kind::F32 | Kind::F16) => float(|a, b| a * b),
        (SubgroupOperation::Min, Kind::F32 | Kind::F16) => float(f32::min),
        (SubgroupOperation::Max, Kind::F32 | Kind::F16) => float(f32::max),
        (SubgroupOperation::Add, _) => a.wrapping_add(b),
        (SubgroupOperation::Mul, _) => a.wrapping_mul(b),
        (SubgroupOperation::Min, Kind::I32) => s.min(t) as u32,
        (SubgroupOperation::Max, Kind::I32) => s.max(t) as u32,
        (SubgroupOperation::Min, _) => a.min(b),
        (SubgroupOperation::Max, _) => a.max(b),
        (SubgroupOperation::All | SubgroupOperation::And, _) => a & b,
        (SubgroupOperation::Any | SubgroupOperation::Or, _) => a | b,
        (SubgroupOperation::Xor, _) => a ^ b,
    }
}
