//! Loops, switches and calls.

use super::body::{Body, Enclosing, Value};
use super::state::Compiler;
use crate::microscope::instruction::Op;
use crate::microscope::program::{Frame, Loop, Variable};
use crate::microscope::source::Result;
use naga::{Block, Expression, Function, Handle, Span, SwitchCase, SwitchValue};

/// Calls of the longest program.
const MOST_CALLS: usize = 1 << 15;

impl<'a> Compiler<'a> {
    pub fn repeat(
        &mut self,
        body: &mut Body<'a>,
        (inside, continuing): (&'a Block, &'a Block),
        break_if: Option<Handle<Expression>>,
        span: Span,
    ) -> Result<()> {
        self.keep(body, None)?;
        let (free, start) = (self.free, self.here());
        self.forget_products();
        body.enclosing.push(Enclosing { breaks: Vec::new(), continues: Vec::new(), is_loop: true });
        self.statements(body, inside)?;
        let continues = body.enclosing.last_mut().map(|around| std::mem::take(&mut around.continues));
        self.land(&continues.unwrap_or_default());
        self.statements(body, continuing)?;
        self.span = span;
        match break_if {
            Some(condition) => {
                let condition = self.register(body, condition)?;
                self.emit(Op::JumpIfNot, 0, [0, condition, 0, 0], start)?;
            }
            None => {
                self.emit(Op::Jump, 0, [0; 4], start)?;
            }
        }
        let around = body.enclosing.pop();
        self.loops.push(Loop { start, end: self.here(), line: self.lines.of(span) });
        self.land(&around.map(|around| around.breaks).unwrap_or_default());
        self.free = free;
        Ok(())
    }

    pub fn switch(
        &mut self,
        body: &mut Body<'a>,
        selector: Handle<Expression>,
        cases: &'a [SwitchCase],
    ) -> Result<()> {
        let selector = self.register(body, selector)?;
        self.keep(body, None)?;
        let mut entries = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            let value = match case.value {
                SwitchValue::I32(value) => value as u32,
                SwitchValue::U32(value) => value,
                SwitchValue::Default => continue,
            };
            let value = self.words(&[value])?;
            entries.push((index, self.emit(Op::JumpEqual, 0, [0, selector, value, 0], 0)?));
        }
        let otherwise = self.emit(Op::Jump, 0, [0; 4], 0)?;
        let default = cases.iter().position(|case| case.value == SwitchValue::Default);
        body.enclosing.push(Enclosing { breaks: Vec::new(), continues: Vec::new(), is_loop: false });
        let mut ends = Vec::new();
        for (index, case) in cases.iter().enumerate() {
            let mut own: Vec<_> =
                entries.iter().filter(|(of, _)| *of == index).map(|(_, jump)| *jump).collect();
            own.extend(Some(otherwise).filter(|_| default == Some(index)));
            self.land(&own);
            self.block(body, &case.body)?;
            if !case.fall_through {
                ends.push(self.emit(Op::Jump, 0, [0; 4], 0)?);
            }
        }
        ends.extend(Some(otherwise).filter(|_| default.is_none()));
        let around = body.enclosing.pop();
        ends.extend(around.map(|around| around.breaks).unwrap_or_default());
        self.land(&ends);
        Ok(())
    }

    pub fn call(
        &mut self,
        body: &mut Body<'a>,
        function: Handle<Function>,
        arguments: &[Handle<Expression>],
        result: Option<Handle<Expression>>,
        span: Span,
    ) -> Result<()> {
        let callee = &self.module.functions[function];
        let mut inside = Body::new(callee, &self.info[function]);
        let takes_pointer = |argument: &naga::FunctionArgument| {
            self.module.types[argument.ty].inner.pointer_space().is_some()
        };
        if self.has_private || callee.arguments.iter().any(takes_pointer) {
            self.keep(body, None)?;
        }
        for &argument in arguments {
            inside.arguments.push(self.value(body, argument)?);
        }
        if let Some(of_result) = &callee.result {
            let register = self.allocate(self.size(&self.module.types[of_result.ty].inner)?)?;
            inside.result = Some(register);
            if let Some(result) = result {
                body.values.insert(result, Value::Register(register));
                body.fresh.insert(result);
            }
        }
        let name = callee.name.as_deref().unwrap_or("").into();
        let (frame, free) = (self.frame, self.free);
        let line = self.lines.of(span);
        self.frame = self.frames.len() as u32;
        if self.frames.len() > MOST_CALLS {
            return Err(self.refuse("too many calls when all are inlined"));
        }
        self.frames.push(Frame { function: name, caller: Some(frame), line });
        let (start, of_callee) = (self.here(), self.frame);
        self.function(&mut inside)?;
        (self.frame, self.free, self.span) = (frame, free, span);
        // A result with a name is shown as a variable that the callee sets.
        if let (Some(register), Some(result)) = (inside.result, result)
            && let Some(name) = body.function.named_expressions.get(&result)
        {
            let (size, kind) = (self.size(body.inner(result, self.module))?, self.kind_of(body, result)?);
            let (name, end) = (self.name(name), self.here());
            self.locals.push(Variable { name, register, size, kind, frame: of_callee, start, end });
        }
        Ok(())
    }
}
