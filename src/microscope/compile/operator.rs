//! Operators, matrices among them, and how much arithmetic an instruction is.

use super::body::{Body, Value};
use super::state::Compiler;
use crate::microscope::instruction::{Instruction, Kind, Op};
use crate::microscope::program::Work;
use crate::microscope::source::Result;
use naga::{BinaryOperator, Expression, Handle, MathFunction, TypeInner, UnaryOperator};

impl<'a> Compiler<'a> {
    pub fn unary(
        &mut self,
        body: &mut Body<'a>,
        op: UnaryOperator,
        operand: Handle<Expression>,
    ) -> Result<Value> {
        let (size, kind) = (self.size(body.inner(operand, self.module))?, self.kind_of(body, operand)?);
        let source = self.register(body, operand)?;
        let op = match op {
            UnaryOperator::Negate if kind.is_float() => Op::NegF,
            UnaryOperator::Negate => Op::NegI,
            UnaryOperator::LogicalNot => Op::NotB,
            UnaryOperator::BitwiseNot => Op::NotI,
        };
        self.compute(op, size, [source, 0, 0], 0, kind).map(Value::Register)
    }

    /// `n` results of an operation, rounded to halves where they are such.
    pub fn compute(&mut self, op: Op, n: u32, [a, b, c]: [u16; 3], imm: u32, kind: Kind) -> Result<u16> {
        let dst = self.allocate(n)?;
        self.emit(op, n, [dst, a, b, c], imm)?;
        self.round(dst, n, kind)?;
        Ok(dst)
    }

    pub fn round(&mut self, register: u16, n: u32, kind: Kind) -> Result<()> {
        if kind == Kind::F16 {
            self.emit(Op::RoundHalf, n, [register, register, 0, 0], 0)?;
        }
        Ok(())
    }

    pub fn binary(
        &mut self,
        body: &mut Body<'a>,
        op: BinaryOperator,
        left: Handle<Expression>,
        right: Handle<Expression>,
    ) -> Result<Value> {
        let kind = self.kind_of(body, left)?;
        let (of_left, of_right) = (body.inner(left, self.module), body.inner(right, self.module));
        let (a, b) = (self.register(body, left)?, self.register(body, right)?);
        if op == BinaryOperator::Multiply {
            return self.multiply(kind, (of_left, a), (of_right, b)).map(Value::Register);
        }
        let (n, of_b) = (self.size(of_left)?, self.size(of_right)?);
        // Shifts of vectors and some others may take one amount for all.
        let (n, a, b) = match (n, of_b) {
            (1, m) if m > 1 => (m, self.splat(a, m)?, b),
            (n, 1) if n > 1 => (n, a, self.splat(b, n)?),
            (n, m) if n == m => (n, a, b),
            _ => return Err(self.refuse("operands of different sizes")),
        };
        let (op, swapped) = operation(op, kind);
        let (a, b) = if swapped { (b, a) } else { (a, b) };
        let floats = matches!(op, Op::EqF | Op::NeF | Op::LtF | Op::LeF);
        let integers = matches!(op, Op::EqI | Op::NeI | Op::LtS | Op::LeS | Op::LtU | Op::LeU);
        // What is computed with says what kind of arithmetic it is; what comes out is a bool.
        self.naming.1 = kind;
        let result = if floats || integers { Kind::Bool } else { kind };
        let dst = self.compute(op, n, [a, b, 0], 0, result)?;
        if let (Kind::Bool, Some(site)) = (result, self.sites.last_mut()) {
            site.kind = result;
        }
        Ok(Value::Register(dst))
    }

    /// A product of scalars, vectors and matrices.
    fn multiply(&mut self, kind: Kind, left: (&TypeInner, u16), right: (&TypeInner, u16)) -> Result<u16> {
        let (full, scale) = if kind.is_float() { (Op::MulF, Op::ScaleF) } else { (Op::MulI, Op::ScaleI) };
        match (left, right) {
            (
                (TypeInner::Matrix { columns, rows, .. }, a),
                (TypeInner::Vector { .. } | TypeInner::Matrix { .. }, b),
            ) => {
                let (inside, rows) = (*columns as u16, *rows as u16);
                let of_right =
                    if let TypeInner::Matrix { columns, .. } = right.0 { *columns as u16 } else { 1 };
                let dst = self.allocate(u32::from(rows * of_right))?;
                for column in 0..of_right {
                    self.combine(kind, a, (b + column * inside, 1), [inside, rows], dst + column * rows)?;
                }
                Ok(dst)
            }
            ((TypeInner::Vector { size, .. }, a), (TypeInner::Matrix { columns, .. }, b)) => {
                let n = *size as u16;
                let dst = self.allocate(u32::from(*columns as u16))?;
                for column in 0..*columns as u16 {
                    let sum = self.dot(kind, a, b + column * n, n)?;
                    self.emit(Op::Move, 1, [dst + column, sum, 0, 0], 0)?;
                }
                Ok(dst)
            }
            ((of_left, a), (of_right, b)) => match (self.size(of_left)?, self.size(of_right)?) {
                (n, m) if n == m => self.compute(full, n, [a, b, 0], 0, kind),
                (n, 1) => self.compute(scale, n, [a, b, 0], 0, kind),
                (1, m) => self.compute(scale, m, [b, a, 0], 0, kind),
                _ => Err(self.refuse("operands of different sizes")),
            },
        }
    }

    /// A sum of columns, each with a factor, to `dst`.
    fn combine(
        &mut self,
        kind: Kind,
        matrix: u16,
        (factors, apart): (u16, u16),
        [columns, rows]: [u16; 2],
        dst: u16,
    ) -> Result<()> {
        let n = u32::from(rows);
        let mut sum = self.compute(Op::ScaleF, n, [matrix, factors, 0], 0, kind)?;
        for k in 1..columns {
            let (column, factor) = (matrix + k * rows, factors + k * apart);
            let product = self.compute(Op::ScaleF, n, [column, factor, 0], 0, kind)?;
            sum = self.compute(Op::AddF, n, [sum, product, 0], 0, kind)?;
        }
        self.emit(Op::Move, n, [dst, sum, 0, 0], 0)?;
        Ok(())
    }

    /// The inner product of two vectors.
    pub fn dot(&mut self, kind: Kind, a: u16, b: u16, n: u16) -> Result<u16> {
        let (mul, add) = if kind.is_float() { (Op::MulF, Op::AddF) } else { (Op::MulI, Op::AddI) };
        let products = self.compute(mul, u32::from(n), [a, b, 0], 0, kind)?;
        let mut sum = products;
        for k in 1..n {
            sum = self.compute(add, 1, [sum, products + k, 0], 0, kind)?;
        }
        Ok(sum)
    }
}

/// The operation of an operator, and whether it takes its operands in the other order.
fn operation(op: BinaryOperator, kind: Kind) -> (Op, bool) {
    let (float, signed) = (kind.is_float(), kind == Kind::I32);
    let of = |if_float, if_signed, otherwise| {
        if float {
            if_float
        } else if signed {
            if_signed
        } else {
            otherwise
        }
    };
    match op {
        BinaryOperator::Add => (of(Op::AddF, Op::AddI, Op::AddI), false),
        BinaryOperator::Subtract => (of(Op::SubF, Op::SubI, Op::SubI), false),
        BinaryOperator::Multiply => (of(Op::MulF, Op::MulI, Op::MulI), false),
        BinaryOperator::Divide => (of(Op::DivF, Op::DivS, Op::DivU), false),
        BinaryOperator::Modulo => (of(Op::RemF, Op::RemS, Op::RemU), false),
        BinaryOperator::Equal => (of(Op::EqF, Op::EqI, Op::EqI), false),
        BinaryOperator::NotEqual => (of(Op::NeF, Op::NeI, Op::NeI), false),
        BinaryOperator::Less => (of(Op::LtF, Op::LtS, Op::LtU), false),
        BinaryOperator::LessEqual => (of(Op::LeF, Op::LeS, Op::LeU), false),
        BinaryOperator::Greater => (of(Op::LtF, Op::LtS, Op::LtU), true),
        BinaryOperator::GreaterEqual => (of(Op::LeF, Op::LeS, Op::LeU), true),
        BinaryOperator::And | BinaryOperator::LogicalAnd => (Op::And, false),
        BinaryOperator::InclusiveOr | BinaryOperator::LogicalOr => (Op::Or, false),
        BinaryOperator::ExclusiveOr => (Op::Xor, false),
        BinaryOperator::ShiftLeft => (Op::Shl, false),
        BinaryOperator::ShiftRight => (of(Op::ShrS, Op::ShrS, Op::ShrU), false),
    }
}

/// The arithmetic of an instruction by itself. Logic on bools is none, nor are conversions, copies and choices.
pub fn arithmetic(i: &Instruction, kind: Kind) -> Work {
    let n = i.n;
    match i.op {
        Op::Float(MathFunction::Fma) => Work { multiply_adds: n, ..Work::default() },
        Op::AddF
        | Op::SubF
        | Op::MulF
        | Op::ScaleF
        | Op::DivF
        | Op::RemF
        | Op::NegF
        | Op::Float(_)
        | Op::Vector(_)
        | Op::EqF
        | Op::NeF
        | Op::LtF
        | Op::LeF => Work { floats: n, ..Work::default() },
        Op::And | Op::Or | Op::Xor | Op::EqI | Op::NeI if kind == Kind::Bool => Work::default(),
        Op::AddI
        | Op::SubI
        | Op::MulI
        | Op::ScaleI
        | Op::DivS
        | Op::DivU
        | Op::RemS
        | Op::RemU
        | Op::NegI
        | Op::And
        | Op::Or
        | Op::Xor
        | Op::NotI
        | Op::Shl
        | Op::ShrS
        | Op::ShrU
        | Op::EqI
        | Op::NeI
        | Op::LtS
        | Op::LeS
        | Op::LtU
        | Op::LeU
        | Op::Integer(_)
        | Op::Bits(_) => Work { integers: n, ..Work::default() },
        _ => Work::default(),
    }
}
