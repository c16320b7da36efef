//! Integers: division, which can fail, and functions of bits.

use crate::microscope::instruction::Op;
use crate::microscope::watch::Fault;
use naga::MathFunction as Math;

/// A quotient or remainder. By 0, and of the least integer by -1, it is what WGSL says; the fault comes along.
pub fn divide(op: Op, a: u32, b: u32) -> (u32, Option<Fault>) {
    let overflows = a == i32::MIN as u32 && b == u32::MAX;
    match op {
        Op::DivS | Op::DivU if b == 0 => (a, Some(Fault::DivisionByZero)),
        _ if b == 0 => (0, Some(Fault::DivisionByZero)),
        Op::DivS if overflows => (a, Some(Fault::DivisionOverflow)),
        Op::RemS if overflows => (0, Some(Fault::DivisionOverflow)),
        Op::DivS => ((a as i32 / b as i32) as u32, None),
        Op::RemS => ((a as i32 % b as i32) as u32, None),
        Op::DivU => (a / b, None),
        _ => (a % b, None),
    }
}

pub fn function(function: Math, [a, b, c]: [u32; 3], signed: bool) -> u32 {
    let (s, t, u) = (a as i32, b as i32, c as i32);
    match (function, signed) {
        (Math::Abs, true) => s.wrapping_abs() as u32,
        (Math::Min, true) => s.min(t) as u32,
        (Math::Min, false) => a.min(b),
        (Math::Max, true) => s.max(t) as u32,
        (Math::Max, false) => a.max(b),
        (Math::Clamp, true) => s.max(t).min(u) as u32,
        (Math::Clamp, false) => a.max(b).min(c),
        (Math::Sign, true) => s.signum() as u32,
        (Math::CountTrailingZeros, _) => a.trailing_zeros(),
        (Math::CountLeadingZeros, _) => a.leading_zeros(),
        (Math::CountOneBits, _) => a.count_ones(),
        (Math::ReverseBits, _) => a.reverse_bits(),
        (Math::FirstTrailingBit, _) => {
            if a == 0 {
                u32::MAX
            } else {
                a.trailing_zeros()
            }
        }
        // Of a negative number the first bit that is not set.
        (Math::FirstLeadingBit, true) => first(if s < 0 { !a } else { a }),
        (Math::FirstLeadingBit, false) => first(a),
        _ => a,
    }
}

fn first(a: u32) -> u32 {
    31u32.wrapping_sub(a.leading_zeros())
}

/// Reads or replaces `count` bits from `offset` on, as far as there are so many.
pub fn bits(function: Math, [value, new, offset, count]: [u32; 4], signed: bool) -> u32 {
    let offset = offset.min(32);
    let count = count.min(32 - offset);
    if count == 0 {
        return if function == Math::ExtractBits { 0 } else { value };
    }
    let mask = u32::MAX >> (32 - count);
    if function == Math::InsertBits {
        return (value & !(mask << offset)) | ((new & mask) << offset);
    }
    let up = value << (32 - count - offset);
    if signed { ((up as i32) >> (32 - count)) as u32 } else { up >> (32 - count) }
}
