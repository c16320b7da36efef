//! A program cut down to what it does with memory: who owns a value is then found without computing any.
//!
//! Kept is what decides which of some loads and stores are executed, and where they go to; every other instruction does
//! nothing, and loops that decide nothing are jumped over. It is a backward slice (Weiser, "Program Slicing", 1981) on the
//! registers.

use crate::microscope::instruction::{Instruction, Op};
use crate::microscope::program::{Program, Space};

/// Bits of the largest table of needed registers.
const MOST_BITS: usize = 1 << 30;
/// Words of it that are looked at, again and again: a second or two.
const MOST_WORDS: usize = 1 << 30;

/// A program cut down.
pub struct Slice {
    pub program: Program,
    /// The variables, by number, whose values decide what is done. The program itself writes to none of them.
    pub decided_by: Vec<usize>,
}

/// A program that loads and stores as `program` does where `is_seed` says so, but nothing of value. `None` where what it
/// does depends on what it wrote before, and where finding out would take too long.
pub fn slice(program: &Program, is_seed: impl Fn(&Instruction) -> bool) -> Option<Slice> {
    let (code, registers) = (&program.code, program.registers);
    if code.len().checked_mul(registers)? > MOST_BITS {
        return None;
    }
    let mut skipped: Vec<bool> = program
        .loops
        .iter()
        .map(|known| {
            let inside = &code[known.start as usize..known.end as usize];
            // A return leads further than the loop's end.
            let leaves = |i: &Instruction| target(i).is_some_and(|to| to < known.start || to > known.end);
            !inside.iter().any(|i| is_seed(i) || leaves(i))
        })
        .collect();
    let mut needed = Needed::new(code.len(), registers);
    let kept = loop {
        let mut controls = vec![true; code.len()];
        for (known, _) in program.loops.iter().zip(&skipped).filter(|(_, skipped)| **skipped) {
            controls[known.start as usize..known.end as usize].fill(false);
        }
        let kept = needed.spread(code, &|pc, i| is_seed(i) || (controls[pc] && target(i).is_some()))?;
        let mut is_stable = true;
        for (known, skipped) in program.loops.iter().zip(&mut skipped).filter(|(_, skipped)| **skipped) {
            if kept[known.start as usize..known.end as usize].contains(&true) {
                (*skipped, is_stable) = (false, false);
            }
        }
        if is_stable {
            break kept;
        }
    };
    let mut decided_by: Vec<usize> = code
        .iter()
        .enumerate()
        .filter(|(pc, i)| is_load(i) && needed.is_used(*pc, i))
        .map(|(_, i)| usize::from(i.a))
        .collect();
    decided_by.sort_unstable();
    decided_by.dedup();
    let is_written = |&global: &usize| {
        matches!(program.globals[global].space, Space::Workgroup | Space::Storage { writable: true })
    };
    if decided_by.iter().any(is_written) {
        return None;
    }
    let mut slice = program.clone();
    for (i, kept) in slice.code.iter_mut().zip(kept) {
        if !kept && i.op != Op::End && target(i).is_none() {
            *i = Instruction { op: Op::Move, n: 0, ..*i };
        }
    }
    for (known, _) in program.loops.iter().zip(&skipped).filter(|(_, skipped)| **skipped) {
        slice.code[known.start as usize] = jump(known.end);
    }
    Some(Slice { program: slice, decided_by })
}

/// Whether an instruction reads memory outside of the registers.
pub fn is_load(i: &Instruction) -> bool {
    matches!(i.op, Op::Load | Op::Texel | Op::Atomic(_))
}

/// Whether an instruction writes such memory.
pub fn is_store(i: &Instruction) -> bool {
    matches!(i.op, Op::Store | Op::Atomic(_))
}

fn jump(to: u32) -> Instruction {
    Instruction { op: Op::Jump, n: 0, dst: 0, a: 0, b: 0, c: 0, imm: to }
}

/// Where an instruction may jump to.
fn target(i: &Instruction) -> Option<u32> {
    matches!(i.op, Op::Jump | Op::JumpIf | Op::JumpIfNot | Op::JumpEqual).then_some(i.imm)
}

/// For each instruction, the registers that are needed behind it: a bit each.
struct Needed {
    bits: Vec<u64>,
    words: usize,
    registers: usize,
    /// Words that may still be looked at.
    left: usize,
}

impl Needed {
    fn new(instructions: usize, registers: usize) -> Needed {
        let words = registers.div_ceil(64);
        // One more: in front of the instruction that is looked at.
        Needed { bits: vec![0; words * (instructions + 1)], words, registers, left: MOST_WORDS }
    }

    /// Whether anything that instruction number `pc` writes is needed behind it.
    fn is_used(&self, pc: usize, i: &Instruction) -> bool {
        Effect::of(i, self.registers).writes().any(|register| has(self.row(pc + 1), register))
    }

    fn row(&self, pc: usize) -> &[u64] {
        &self.bits[pc * self.words..][..self.words]
    }

    /// Follows values back from the instructions that `keep` names, until nothing is added. What is kept; `None` where it
    /// takes too long.
    fn spread(
        &mut self,
        code: &[Instruction],
        keep: &dyn Fn(usize, &Instruction) -> bool,
    ) -> Option<Vec<bool>> {
        let mut kept: Vec<bool> = code.iter().enumerate().map(|(pc, i)| keep(pc, i)).collect();
        let mut before = vec![0; self.words];
        loop {
            self.left = self.left.checked_sub(code.len() * self.words)?;
            let mut changes = false;
            for (pc, i) in code.iter().enumerate().rev() {
                // In front of what may come next, which is kept in the row of the instruction before it.
                let mut behind = vec![0; self.words];
                let falls = !matches!(i.op, Op::Jump | Op::End);
                for next in falls.then_some(pc + 1).into_iter().chain(target(i).map(|to| to as usize)) {
                    behind.iter_mut().zip(self.row(next)).for_each(|(all, more)| *all |= more);
                }
                let effect = Effect::of(i, self.registers);
                kept[pc] |= effect.writes().any(|register| has(&behind, register));
                before.copy_from_slice(&behind);
                if kept[pc] {
                    effect.replaced().for_each(|register| before[register / 64] &= !(1 << (register % 64)));
                    effect.reads().for_each(|register| before[register / 64] |= 1 << (register % 64));
                }
                let row = &mut self.bits[pc * self.words..][..self.words];
                for (all, more) in row.iter_mut().zip(&before) {
                    changes |= *all | more != *all;
                    *all |= more;
                }
            }
            if !changes {
                return Some(kept);
            }
        }
    }
}

fn has(bits: &[u64], register: usize) -> bool {
    bits[register / 64] >> (register % 64) & 1 == 1
}

/// Which registers an instruction reads and writes: at most these.
struct Effect {
    reads: Vec<(u16, usize)>,
    writes: (u16, usize),
    /// Whether it writes all of them for certain.
    replaces: bool,
    registers: usize,
}

impl Effect {
    fn of(i: &Instruction, registers: usize) -> Effect {
        let &Instruction { op, n, dst, a, b, c, imm } = i;
        let n = usize::from(n);
        // Of a variable whose end is not known here.
        let rest = |first: u16| registers.saturating_sub(usize::from(first));
        let (reads, writes, replaces) = match op {
            Op::Splat => (vec![(a, 1)], (dst, n), true),
            Op::Zero => (vec![], (dst, n), true),
            Op::ScaleF | Op::ScaleI => (vec![(a, n), (b, 1)], (dst, n), true),
            Op::Select => (vec![(a, n), (b, n), (c, if imm == 0 { 1 } else { n })], (dst, n), true),
            Op::Reduce => (vec![(a, n)], (dst, 1), true),
            Op::Float(_) | Op::Integer(_) => (vec![(a, n), (b, n), (c, n)], (dst, n), true),
            Op::Bits(_) => (vec![(a, n), (b, n), (c, 2)], (dst, n), true),
            Op::Vector(_) => (vec![(a, 16), (b, 16), (c, 16)], (dst, 16), false),
            Op::Index | Op::IndexRuntime => (vec![(a, 1), (b, 1), (c, 1)], (dst, 1), true),
            Op::Length => (vec![], (dst, 1), true),
            Op::LoadLocal => (vec![(a, rest(a)), (b, 1)], (dst, n), true),
            Op::StoreLocal => (vec![(a, n), (b, 1)], (dst, rest(dst)), false),
            Op::Load => (vec![(b, 1)], (dst, n), true),
            // What is stored does not matter.
            Op::Store => (vec![(b, 1)], (dst, 0), true),
            Op::Atomic(_) => (vec![(b, 1), (c, 2)], (dst, 2), false),
            Op::Texel => (vec![(b, 2), (c, 1)], (dst, 4), true),
            Op::TextureSize => (vec![], (dst, 2), true),
            Op::Subgroup(_) => (vec![(a, n), (b, 1)], (dst, n.max(4)), false),
            Op::Jump | Op::Barrier | Op::End => (vec![], (dst, 0), true),
            Op::JumpIf | Op::JumpIfNot => (vec![(a, 1)], (dst, 0), true),
            Op::JumpEqual => (vec![(a, 1), (b, 1)], (dst, 0), true),
            Op::Move
            | Op::NegF
            | Op::RoundHalf
            | Op::NegI
            | Op::NotI
            | Op::NotB
            | Op::SToF
            | Op::UToF
            | Op::FToS
            | Op::FToU
            | Op::FToB
            | Op::IToB
            | Op::BToF
            | Op::IsNan
            | Op::IsInf => (vec![(a, n)], (dst, n), true),
            _ => (vec![(a, n), (b, n)], (dst, n), true),
        };
        Effect { reads, writes, replaces, registers }
    }

    fn range(&self, (first, n): (u16, usize)) -> std::ops::Range<usize> {
        let first = usize::from(first);
        first.min(self.registers)..(first + n).min(self.registers)
    }

    fn reads(&self) -> impl Iterator<Item = usize> + '_ {
        self.reads.iter().flat_map(|&registers| self.range(registers))
    }

    fn writes(&self) -> impl Iterator<Item = usize> + '_ {
        self.range(self.writes)
    }

    fn replaced(&self) -> impl Iterator<Item = usize> + '_ {
        self.range(if self.replaces { self.writes } else { (0, 0) })
    }
}
