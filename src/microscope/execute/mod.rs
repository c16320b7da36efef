//! One instruction of one thread.

mod float;
mod integer;
mod memory;
mod packing;
mod vector;

use super::instruction::{Instruction, Op};
use super::program::Program;
use super::watch::{At, Fault, Watch};
pub(super) use memory::NOWHERE;

/// What comes after an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Next,
    Jump(u32),
    /// The others of the group or of the subgroup are waited for.
    Wait,
    End,
}

/// Replaces `n` registers by what `f` makes of others.
#[inline(always)]
fn one(r: &mut [u32], i: &Instruction, f: impl Fn(u32) -> u32) {
    // Most values are scalars.
    if i.n == 1 {
        r[usize::from(i.dst)] = f(r[usize::from(i.a)]);
        return;
    }
    for k in 0..usize::from(i.n) {
        r[usize::from(i.dst) + k] = f(r[usize::from(i.a) + k]);
    }
}

#[inline(always)]
fn two(r: &mut [u32], i: &Instruction, f: impl Fn(u32, u32) -> u32) {
    if i.n == 1 {
        r[usize::from(i.dst)] = f(r[usize::from(i.a)], r[usize::from(i.b)]);
        return;
    }
    for k in 0..usize::from(i.n) {
        r[usize::from(i.dst) + k] = f(r[usize::from(i.a) + k], r[usize::from(i.b) + k]);
    }
}

#[inline(always)]
fn floats(r: &mut [u32], i: &Instruction, f: impl Fn(f32, f32) -> f32) {
    two(r, i, |a, b| f(f32::from_bits(a), f32::from_bits(b)).to_bits());
}

#[inline(always)]
fn test(r: &mut [u32], i: &Instruction, f: impl Fn(f32, f32) -> bool) {
    two(r, i, |a, b| u32::from(f(f32::from_bits(a), f32::from_bits(b))));
}

/// Executes one instruction on a thread's registers and the memory of the program's variables.
#[inline(always)]
pub fn execute<W: Watch>(
    program: &Program,
    i: &Instruction,
    at: At,
    r: &mut [u32],
    memory: &mut [Vec<u32>],
    watch: &mut W,
) -> Flow {
    let (dst, a, b, c) = (usize::from(i.dst), usize::from(i.a), usize::from(i.b), usize::from(i.c));
    let n = usize::from(i.n);
    match i.op {
        Op::Move => one(r, i, |v| v),
        Op::Splat => {
            let value = r[a];
            r[dst..dst + n].fill(value);
        }
        Op::Zero => r[dst..dst + n].fill(0),
        Op::AddF => floats(r, i, |a, b| a + b),
        Op::SubF => floats(r, i, |a, b| a - b),
        Op::MulF => floats(r, i, |a, b| a * b),
        Op::ScaleF => {
            let factor = f32::from_bits(r[b]);
            one(r, i, |v| (f32::from_bits(v) * factor).to_bits());
        }
        Op::DivF => floats(r, i, |a, b| a / b),
        Op::RemF => floats(r, i, |a, b| a % b),
        Op::NegF => one(r, i, |v| (-f32::from_bits(v)).to_bits()),
        Op::EqF => test(r, i, |a, b| a == b),
        Op::NeF => test(r, i, |a, b| a != b),
        Op::LtF => test(r, i, |a, b| a < b),
        Op::LeF => test(r, i, |a, b| a <= b),
        Op::RoundHalf => one(r, i, |v| half::f16::from_f32(f32::from_bits(v)).to_f32().to_bits()),
        Op::AddI => two(r, i, u32::wrapping_add),
        Op::SubI => two(r, i, u32::wrapping_sub),
        Op::MulI => two(r, i, u32::wrapping_mul),
        Op::ScaleI => {
            let factor = r[b];
            one(r, i, |v| v.wrapping_mul(factor));
        }
        Op::DivS | Op::DivU | Op::RemS | Op::RemU => {
            for k in 0..n {
                let (value, divisor) = (r[a + k], r[b + k]);
                let (result, fault) = integer::divide(i.op, value, divisor);
                r[dst + k] = result;
                if let Some(fault) = fault {
                    watch.fault(at, fault);
                }
            }
        }
        Op::NegI => one(r, i, u32::wrapping_neg),
        Op::And => two(r, i, |a, b| a & b),
        Op::Or => two(r, i, |a, b| a | b),
        Op::Xor => two(r, i, |a, b| a ^ b),
        Op::NotI => one(r, i, |v| !v),
        Op::Shl | Op::ShrS | Op::ShrU => {
            for k in 0..n {
                let amount = r[b + k];
                if amount > 31 {
                    watch.fault(at, Fault::Shift { amount });
                }
            }
            match i.op {
                Op::Shl => two(r, i, u32::wrapping_shl),
                Op::ShrS => two(r, i, |a, b| (a as i32).wrapping_shr(b) as u32),
                _ => two(r, i, u32::wrapping_shr),
            }
        }
        Op::EqI => two(r, i, |a, b| u32::from(a == b)),
        Op::NeI => two(r, i, |a, b| u32::from(a != b)),
        Op::LtS => two(r, i, |a, b| u32::from((a as i32) < b as i32)),
        Op::LeS => two(r, i, |a, b| u32::from(a as i32 <= b as i32)),
        Op::LtU => two(r, i, |a, b| u32::from(a < b)),
        Op::LeU => two(r, i, |a, b| u32::from(a <= b)),
        Op::NotB => one(r, i, |v| u32::from(v == 0)),
        Op::Select => {
            // The result may take the place of the condition.
            let only = r[c];
            for k in 0..n {
                let condition = if i.imm == 0 { only } else { r[c + k] };
                r[dst + k] = r[if condition == 0 { a + k } else { b + k }];
            }
        }
        Op::SToF => one(r, i, |v| (v as i32 as f32).to_bits()),
        Op::UToF => one(r, i, |v| (v as f32).to_bits()),
        // Clamped to what both types have.
        Op::FToS => one(r, i, |v| (f32::from_bits(v) as i32).min(2_147_483_520) as u32),
        Op::FToU => one(r, i, |v| (f32::from_bits(v) as u32).min(4_294_967_040)),
        Op::FToB => one(r, i, |v| u32::from(f32::from_bits(v) != 0.0)),
        Op::IToB => one(r, i, |v| u32::from(v != 0)),
        Op::BToF => one(r, i, |v| (v as f32).to_bits()),
        Op::Reduce => {
            let values = &r[a..a + n];
            let result =
                if i.imm == 1 { values.iter().all(|&v| v != 0) } else { values.iter().any(|&v| v != 0) };
            r[dst] = u32::from(result);
        }
        Op::IsNan => one(r, i, |v| u32::from(f32::from_bits(v).is_nan())),
        Op::IsInf => one(r, i, |v| u32::from(f32::from_bits(v).is_infinite())),
        Op::Float(function) => {
            for k in 0..n {
                let values = [r[a + k], r[b + k], r[c + k]].map(f32::from_bits);
                r[dst + k] = float::function(function, values, i.imm == 1).to_bits();
            }
        }
        Op::Integer(function) => {
            for k in 0..n {
                r[dst + k] = integer::function(function, [r[a + k], r[b + k], r[c + k]], i.imm == 1);
            }
        }
        Op::Bits(function) => {
            let (offset, count) = (r[c], r[c + 1]);
            for k in 0..n {
                let (value, new) = (r[a + k], r[b + k]);
                r[dst + k] = integer::bits(function, [value, new, offset, count], i.imm == 1);
            }
        }
        Op::Vector(function) => vector::function(function, i, r),
        Op::Index | Op::IndexRuntime => memory::index(program, i, at, r, memory, watch),
        Op::Length => r[dst] = memory::length(program, i.imm as usize, memory),
        Op::LoadLocal => {
            let offset = r[b];
            if offset == NOWHERE {
                r[dst..dst + n].fill(0);
            } else {
                let first = a + offset as usize + i.imm as usize;
                r.copy_within(first..first + n, dst);
            }
        }
        Op::StoreLocal => {
            let offset = r[b];
            if offset != NOWHERE {
                r.copy_within(a..a + n, dst + offset as usize + i.imm as usize);
            }
        }
        Op::Load => memory::load(program, i, at, r, memory, watch),
        Op::Store => memory::store(program, i, at, r, memory, watch),
        Op::Atomic(op) => memory::atomic(op, i, at, r, memory, watch),
        Op::Texel => memory::texel(i, at, r, memory, watch),
        Op::TextureSize => {
            let [width, height] = memory::texture_size(&memory[a]);
            (r[dst], r[dst + 1]) = (width, height);
        }
        Op::Barrier | Op::Subgroup(_) => return Flow::Wait,
        Op::Jump => return Flow::Jump(i.imm),
        Op::JumpIfNot => {
            if r[a] == 0 {
                return Flow::Jump(i.imm);
            }
        }
        Op::JumpIf => {
            if r[a] != 0 {
                return Flow::Jump(i.imm);
            }
        }
        Op::JumpEqual => {
            if r[a] == r[b] {
                return Flow::Jump(i.imm);
            }
        }
        Op::End => return Flow::End,
    }
    Flow::Next
}
