//! Conversions and bitcasts.

use super::body::{Body, Value};
use super::state::Compiler;
use crate::microscope::instruction::{Kind, Op};
use crate::microscope::source::Result;
use naga::{Expression, Handle, Scalar, ScalarKind};

impl<'a> Compiler<'a> {
    /// To another kind of numbers; `convert` is their width in bytes, `None` keeps the bits.
    pub fn cast(
        &mut self,
        body: &mut Body<'a>,
        operand: Handle<Expression>,
        kind: ScalarKind,
        convert: Option<u8>,
    ) -> Result<Value> {
        let size = self.size(body.inner(operand, self.module))?;
        let from = self.kind_of(body, operand)?;
        let source = self.register(body, operand)?;
        let Some(width) = convert else {
            let is_half = from == Kind::F16;
            return if is_half {
                Err(self.refuse("no bitcast of halves"))
            } else {
                Ok(Value::Register(source))
            };
        };
        let width = if kind == ScalarKind::Bool { 1 } else { width };
        let to = self.kind(Scalar { kind, width })?;
        let op = match (from, to) {
            (Kind::F32, Kind::F16) => Op::Move,
            (Kind::F32 | Kind::F16, Kind::F32 | Kind::F16) => return Ok(Value::Register(source)),
            (Kind::F32 | Kind::F16, Kind::I32) => Op::FToS,
            (Kind::F32 | Kind::F16, Kind::U32) => Op::FToU,
            (Kind::F32 | Kind::F16, Kind::Bool) => Op::FToB,
            (Kind::I32, Kind::F32 | Kind::F16) => Op::SToF,
            (Kind::U32, Kind::F32 | Kind::F16) => Op::UToF,
            (Kind::Bool, Kind::F32 | Kind::F16) => Op::BToF,
            (Kind::I32 | Kind::U32, Kind::Bool) => Op::IToB,
            _ => return Ok(Value::Register(source)),
        };
        self.compute(op, size, [source, 0, 0], 0, to).map(Value::Register)
    }
}
