//! Instructions that read and write variables. A read that is out of bounds gives 0, a write does nothing.

use crate::microscope::instruction::{Atomic, Instruction};
use crate::microscope::program::Program;
use crate::microscope::watch::{Access, At, Fault, Mode, Watch};

/// The offset of what is out of bounds.
pub const NOWHERE: u32 = u32::MAX;
/// Texels in a row of a texture, as `device` makes them.
const WIDTH: u32 = crate::device::textures::WIDTH as u32;

/// Elements of the runtime-sized array of a variable.
pub fn length(program: &Program, global: usize, memory: &[Vec<u32>]) -> u32 {
    let known = &program.globals[global];
    (memory[global].len() as u32).saturating_sub(known.cells) / known.stride.max(1)
}

#[inline(always)]
pub fn index<W: Watch>(
    program: &Program,
    i: &Instruction,
    at: At,
    r: &mut [u32],
    memory: &[Vec<u32>],
    watch: &mut W,
) {
    let (before, index, apart) = (r[usize::from(i.a)], r[usize::from(i.b)], r[usize::from(i.c)]);
    let is_runtime = i.op == crate::microscope::instruction::Op::IndexRuntime;
    let len = if is_runtime { length(program, i.imm as usize, memory) } else { i.imm };
    r[usize::from(i.dst)] = if before == NOWHERE {
        NOWHERE
    } else if index < len {
        before.wrapping_add(index.wrapping_mul(apart))
    } else {
        watch.fault(at, Fault::OutOfBounds { index, len });
        NOWHERE
    };
}

/// What an instruction goes to; `None`, with a fault, if it is out of bounds.
#[inline(always)]
fn place<'a, W: Watch>(
    program: &'a Program,
    i: &Instruction,
    at: At,
    offset: u32,
    (memory, mode): (&[Vec<u32>], Mode),
    watch: &mut W,
) -> Option<Access<'a>> {
    if offset == NOWHERE {
        return None;
    }
    let table = program.tables[usize::from(i.c)].as_slice();
    let (global, n) = (usize::from(i.a), u32::from(i.n));
    let first = offset.wrapping_add(i.imm);
    let last = table.last().copied().unwrap_or(n.saturating_sub(1));
    let len = memory[global].len();
    if first as usize + last as usize >= len {
        watch.fault(at, Fault::OutOfBounds { index: first, len: len as u32 });
        return None;
    }
    Some(Access { global, first, n, table, mode })
}

#[inline(always)]
pub fn load<W: Watch>(
    program: &Program,
    i: &Instruction,
    at: At,
    r: &mut [u32],
    memory: &[Vec<u32>],
    watch: &mut W,
) {
    let (dst, n) = (usize::from(i.dst), usize::from(i.n));
    let Some(access) = place(program, i, at, r[usize::from(i.b)], (memory, Mode::Read), watch) else {
        return r[dst..dst + n].fill(0);
    };
    let cells = &memory[access.global][access.first as usize..];
    if access.table.is_empty() {
        r[dst..dst + n].copy_from_slice(&cells[..n]);
    } else {
        for (register, &cell) in r[dst..dst + n].iter_mut().zip(access.table) {
            *register = cells[cell as usize];
        }
    }
    watch.access(at, &access, &memory[access.global]);
}

#[inline(always)]
pub fn store<W: Watch>(
    program: &Program,
    i: &Instruction,
    at: At,
    r: &mut [u32],
    memory: &mut [Vec<u32>],
    watch: &mut W,
) {
    let (source, n) = (usize::from(i.dst), usize::from(i.n));
    let Some(access) = place(program, i, at, r[usize::from(i.b)], (memory, Mode::Write), watch) else {
        return;
    };
    watch.access(at, &access, &memory[access.global]);
    let cells = &mut memory[access.global][access.first as usize..];
    if access.table.is_empty() {
        cells[..n].copy_from_slice(&r[source..source + n]);
    } else {
        for (register, &cell) in r[source..source + n].iter().zip(access.table) {
            cells[cell as usize] = *register;
        }
    }
}

pub fn atomic<W: Watch>(
    op: Atomic,
    i: &Instruction,
    at: At,
    r: &mut [u32],
    memory: &mut [Vec<u32>],
    watch: &mut W,
) {
    let (dst, value) = (usize::from(i.dst), usize::from(i.c));
    let (global, offset) = (usize::from(i.a), r[usize::from(i.b)]);
    let first = offset.wrapping_add(i.imm);
    let len = memory[global].len() as u32;
    if offset == NOWHERE || first >= len {
        if offset != NOWHERE {
            watch.fault(at, Fault::OutOfBounds { index: first, len });
        }
        return r[dst] = 0;
    }
    let mode = Mode::Atomic { reads: op != Atomic::Store };
    watch.access(at, &Access { global, first, n: 1, table: &[], mode }, &memory[global]);
    let cell = &mut memory[global][first as usize];
    let (old, new) = (*cell, r[value]);
    let signed = i.n == 1;
    *cell = match op {
        Atomic::Load => old,
        Atomic::Store | Atomic::Exchange => new,
        Atomic::Add => old.wrapping_add(new),
        Atomic::Subtract => old.wrapping_sub(new),
        Atomic::And => old & new,
        Atomic::ExclusiveOr => old ^ new,
        Atomic::InclusiveOr => old | new,
        Atomic::Min if signed => (old as i32).min(new as i32) as u32,
        Atomic::Max if signed => (old as i32).max(new as i32) as u32,
        Atomic::Min => old.min(new),
        Atomic::Max => old.max(new),
        Atomic::CompareExchange => {
            let is_equal = old == r[value + 1];
            r[dst + 1] = u32::from(is_equal);
            if is_equal { new } else { old }
        }
    };
    // Of a store nobody wants the old value.
    if op != Atomic::Store {
        r[dst] = old;
    }
}

/// Width and height of a texture that holds these values: its last row is there as a whole.
pub fn texture_size(values: &[u32]) -> [u32; 2] {
    [WIDTH, (values.len() as u32).div_ceil(WIDTH)]
}

pub fn texel<W: Watch>(i: &Instruction, at: At, r: &mut [u32], memory: &[Vec<u32>], watch: &mut W) {
    let (dst, global, b) = (usize::from(i.dst), usize::from(i.a), usize::from(i.b));
    let (x, y, level) = (r[b], r[b + 1], r[usize::from(i.c)]);
    let values = &memory[global];
    let [width, height] = texture_size(values);
    r[dst..dst + 4].copy_from_slice(&[0, 0, 0, 1f32.to_bits()]);
    for (index, len) in [(x, width), (y, height), (level, 1)] {
        if index >= len {
            return watch.fault(at, Fault::OutOfBounds { index, len });
        }
    }
    let index = y * width + x;
    match values.get(index as usize) {
        Some(&value) => {
            r[dst] = value;
            watch.access(at, &Access { global, first: index, n: 1, table: &[], mode: Mode::Read }, values);
        }
        None => watch.fault(at, Fault::Unwritten { index }),
    }
}
