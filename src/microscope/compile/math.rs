//! Builtin functions.

use super::body::{Body, Value};
use super::state::Compiler;
use crate::microscope::instruction::{Kind, Op};
use crate::microscope::source::Result;
use naga::{Expression, Handle, MathFunction as Math, TypeInner};

impl<'a> Compiler<'a> {
    pub fn math(
        &mut self,
        body: &mut Body<'a>,
        handle: Handle<Expression>,
        function: Math,
        arguments: [Option<Handle<Expression>>; 4],
    ) -> Result<Value> {
        let first = arguments[0].ok_or_else(|| self.refuse("a function of nothing"))?;
        let of_first = body.inner(first, self.module);
        let (n, kind) = (self.size(of_first)?, self.kind_of(body, first)?);
        let results = self.size(body.inner(handle, self.module))?;
        let result_kind = self.kind_of(body, handle)?;
        let (mut registers, mut sizes) = ([0; 4], [0; 4]);
        for (i, argument) in arguments.into_iter().enumerate() {
            if let Some(argument) = argument {
                registers[i] = self.register(body, argument)?;
                sizes[i] = self.size(body.inner(argument, self.module))?;
            }
        }
        let [a, b, c, d] = registers;
        let register = match function {
            Math::Dot => self.dot(kind, a, b, n as u16)?,
            Math::Outer => {
                let dst = self.allocate(results)?;
                for column in 0..sizes[1] as u16 {
                    let product = self.compute(Op::ScaleF, n, [a, b + column, 0], 0, kind)?;
                    self.emit(Op::Move, n, [dst + column * n as u16, product, 0, 0], 0)?;
                }
                dst
            }
            Math::Transpose => {
                let TypeInner::Matrix { columns, rows, .. } = of_first else {
                    return Err(self.refuse("this is no matrix"));
                };
                let (columns, rows) = (*columns as u16, *rows as u16);
                let dst = self.allocate(results)?;
                for i in 0..columns {
                    for j in 0..rows {
                        self.emit(Op::Move, 1, [dst + j * columns + i, a + i * rows + j, 0, 0], 0)?;
                    }
                }
                dst
            }
            Math::Inverse => return Err(self.refuse("no inverse of a matrix")),
            Math::Determinant
            | Math::Cross
            | Math::Distance
            | Math::Length
            | Math::Normalize
            | Math::FaceForward
            | Math::Reflect
            | Math::Refract
            | Math::Modf
            | Math::Frexp
            | Math::Ldexp => {
                let dst = self.allocate(results)?;
                self.emit(Op::Vector(function), n, [dst, a, b, c], results)?;
                let floats = if function == Math::Frexp { n } else { results };
                self.round(dst, floats, kind)?;
                dst
            }
            _ if is_packing(function) => {
                let dst = self.allocate(results)?;
                self.emit(Op::Vector(function), n, [dst, a, b, c], results)?;
                dst
            }
            Math::ExtractBits | Math::InsertBits => {
                let is_extract = function == Math::ExtractBits;
                let (offset, count) = if is_extract { (b, c) } else { (c, d) };
                let pair = self.allocate(2)?;
                self.emit(Op::Move, 1, [pair, offset, 0, 0], 0)?;
                self.emit(Op::Move, 1, [pair + 1, count, 0, 0], 0)?;
                let signed = u32::from(kind == Kind::I32);
                self.compute(Op::Bits(function), n, [a, b, pair], signed, kind)?
            }
            _ => {
                // One value for all components, such as the share of a mix.
                for i in 1..3 {
                    if n > 1 && sizes[i] == 1 {
                        registers[i] = self.splat(registers[i], n)?;
                    }
                }
                let [a, b, c, _] = registers;
                let (op, imm) = if kind.is_float() {
                    (Op::Float(function), u32::from(kind == Kind::F16))
                } else {
                    (Op::Integer(function), u32::from(kind == Kind::I32))
                };
                self.compute(op, n, [a, b, c], imm, result_kind)?
            }
        };
        Ok(Value::Register(register))
    }
}

fn is_packing(function: Math) -> bool {
    use Math::*;
    matches!(
        function,
        Dot4I8Packed
            | Dot4U8Packed
            | Pack4x8snorm
            | Pack4x8unorm
            | Pack2x16snorm
            | Pack2x16unorm
            | Pack2x16float
            | Pack4xI8
            | Pack4xU8
            | Pack4xI8Clamp
            | Pack4xU8Clamp
            | Unpack4x8snorm
            | Unpack4x8unorm
            | Unpack2x16snorm
            | Unpack2x16unorm
            | Unpack2x16float
            | Unpack4xI8
            | Unpack4xU8
    )
}
