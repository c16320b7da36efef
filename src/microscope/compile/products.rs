//! Which registers hold products: an add of one is a multiply-add.

use super::operator::arithmetic;
use super::state::Compiler;
use crate::microscope::instruction::{Instruction, Op};
use crate::microscope::program::Work;

impl Compiler<'_> {
    /// The next instruction is reached from further down.
    pub fn forget_products(&mut self) {
        self.products.clear();
        self.landing = self.here();
    }

    /// Lets the last instruction write `target` and not `source`, if that is what it computes and nobody else wants it.
    pub fn retarget(&mut self, source: u16, target: u16, size: u32) -> bool {
        let here = self.here();
        let Some(last) = self.code.last_mut().filter(|_| self.landing < here) else { return false };
        let computes = !matches!(
            last.op,
            Op::Store
                | Op::StoreLocal
                | Op::Atomic(_)
                | Op::Zero
                | Op::Reduce
                | Op::Vector(_)
                | Op::Subgroup(_)
        );
        // Rounding in place belongs to the instruction before.
        if !computes || last.dst != source || u32::from(last.n) != size || last.op == Op::RoundHalf {
            return false;
        }
        last.dst = target;
        for k in 0..size as u16 {
            match self.products.remove(&source.wrapping_add(k)) {
                Some(product) => self.products.insert(target.wrapping_add(k), product),
                None => self.products.remove(&target.wrapping_add(k)),
            };
        }
        true
    }

    /// The arithmetic of an instruction. Products are followed into the adds that take them, through copies, so that an
    /// add of a product counts as one multiply-add and the multiplication no more.
    pub fn work(&mut self, i: &Instruction) -> Work {
        let (n, pc) = (i.n, self.code.len() as u32);
        let mut work = arithmetic(i, self.naming.1);
        let mut products = Vec::new();
        match i.op {
            Op::MulF | Op::ScaleF => products.extend((0..n).map(|_| Some(pc))),
            Op::Move => products.extend((0..n).map(|k| self.products.get(&i.a.wrapping_add(k)).copied())),
            Op::AddF | Op::SubF => {
                for k in 0..n {
                    let sources = [i.a.wrapping_add(k), i.b.wrapping_add(k)];
                    let used = sources.into_iter().filter_map(|source| self.products.get(&source).copied());
                    let open = used.into_iter().find(|&mul| self.sites[mul as usize].work.floats > 0);
                    if let Some(mul) = open {
                        self.sites[mul as usize].work.floats -= 1;
                        work.floats -= 1;
                        work.multiply_adds += 1;
                    }
                }
            }
            // Rounding keeps what it is.
            Op::RoundHalf if i.dst == i.a => return work,
            _ => {}
        }
        for k in 0..n.max(1) {
            let register = i.dst.wrapping_add(k);
            match products.get(usize::from(k)).copied().flatten() {
                Some(mul) => self.products.insert(register, mul),
                None => self.products.remove(&register),
            };
        }
        work
    }
}
