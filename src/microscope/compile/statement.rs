//! Statements: structured control flow becomes jumps. Every place where ways meet again lies behind the ways themselves,
//! so that threads in step meet if those that are furthest back go first.

use super::state::{Body, Compiler, DEEPEST, Enclosing, Value};
use crate::microscope::program::{Frame, Loop, Op, Together, Variable};
use crate::microscope::source::Result;
use naga::{
    Barrier, Block, Expression, Function, GatherMode, Handle, Span, Statement, SwitchCase, SwitchValue,
};

/// Calls of the longest program.
const MOST_CALLS: usize = 1 << 15;

impl<'a> Compiler<'a> {
    /// The whole of a function: its variables, its statements.
    pub fn function(&mut self, body: &mut Body<'a>) -> Result<()> {
        let function = body.function;
        for (handle, variable) in function.local_variables.iter() {
            self.span = function.local_variables.get_span(handle);
            let inner = &self.module.types[variable.ty].inner;
            let size = self.size(inner)?;
            let register = self.allocate(size)?;
            let name = self.name(variable.name.as_deref().unwrap_or(""));
            self.naming = (name, self.layout.kind(inner).map_err(|why| self.at(why))?);
            let init = variable.init.and_then(|init| self.constant(init, &function.expressions));
            // All are set when the function begins, wherever they are declared: no line of its own.
            let span = std::mem::replace(&mut self.span, Span::UNDEFINED);
            self.initialise(register, size, init)?;
            self.span = span;
            body.locals.insert(handle, Value::local(register, name));
            let (kind, frame, start) = (self.naming.1, self.frame, self.here());
            self.locals.push(Variable { name, register, size, kind, frame, start, end: start });
        }
        let (first, frame) = (self.locals.len() - function.local_variables.len(), self.frame);
        self.block(body, &function.body)?;
        let end = self.here();
        let own = self.locals[first..].iter_mut().filter(|local| local.frame == frame);
        own.for_each(|local| local.end = end);
        let exits = std::mem::take(&mut body.exits);
        // A jump to what follows anyway is none.
        let last = self.code.len().wrapping_sub(1);
        if exits == [last] && matches!(self.code[last].op, Op::Jump) {
            self.code.pop();
            self.sites.pop();
        } else {
            self.land(&exits);
        }
        Ok(())
    }

    fn block(&mut self, body: &mut Body<'a>, block: &'a Block) -> Result<()> {
        let free = self.free;
        self.statements(body, block)?;
        self.free = free;
        Ok(())
    }

    /// A block whose values are still used behind it.
    fn statements(&mut self, body: &mut Body<'a>, block: &'a Block) -> Result<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.refuse("calls and blocks are nested too deeply"));
        }
        for (statement, span) in block.span_iter() {
            if span.is_defined() {
                self.span = *span;
            }
            self.naming.0 = 0;
            self.statement(body, statement, self.span)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn statement(&mut self, body: &mut Body<'a>, statement: &'a Statement, span: Span) -> Result<()> {
        match statement {
            Statement::Emit(range) => {
                for handle in range.clone() {
                    self.expression(body, handle)?;
                }
            }
            Statement::Block(block) => self.block(body, block)?,
            Statement::If { condition, accept, reject } => {
                let condition = self.register(body, *condition)?;
                self.keep(body, None)?;
                let skip = self.emit(Op::JumpIfNot, 0, [0, condition, 0, 0], 0)?;
                self.block(body, accept)?;
                if reject.is_empty() {
                    self.land(&[skip]);
                } else {
                    self.span = span;
                    let end = self.emit(Op::Jump, 0, [0; 4], 0)?;
                    self.land(&[skip]);
                    self.block(body, reject)?;
                    self.land(&[end]);
                }
            }
            Statement::Switch { selector, cases } => self.switch(body, *selector, cases)?,
            Statement::Loop { body: inside, continuing, break_if } => {
                self.repeat(body, (inside, continuing), *break_if, span)?;
            }
            Statement::Break => {
                let jump = self.emit(Op::Jump, 0, [0; 4], 0)?;
                let around = body.enclosing.last_mut().ok_or_else(|| self.refuse("nothing to break"))?;
                around.breaks.push(jump);
            }
            Statement::Continue => {
                let jump = self.emit(Op::Jump, 0, [0; 4], 0)?;
                let mut around = body.enclosing.iter_mut().rev();
                let around = around.find(|around| around.is_loop).ok_or_else(|| self.refuse("no loop"))?;
                around.continues.push(jump);
            }
            Statement::Return { value } => {
                if let (Some(value), Some(result)) = (value, body.result) {
                    let size = self.size(body.inner(*value, self.module))?;
                    let source = self.register(body, *value)?;
                    self.emit(Op::Move, size, [result, source, 0, 0], 0)?;
                }
                let jump = self.emit(Op::Jump, 0, [0; 4], 0)?;
                body.exits.push(jump);
            }
            Statement::ControlBarrier(flags) => {
                self.barrier(*flags)?;
            }
            Statement::Store { pointer, value } => self.store(body, *pointer, *value)?,
            Statement::Atomic { pointer, fun, value, result } => {
                let old = self.atomic(body, *pointer, fun, *value)?;
                if let Some(result) = result {
                    body.values.insert(*result, old);
                }
            }
            Statement::WorkGroupUniformLoad { pointer, result } => {
                self.barrier(Barrier::WORK_GROUP)?;
                let value = self.load(body, *pointer)?;
                self.barrier(Barrier::WORK_GROUP)?;
                body.values.insert(*result, value);
            }
            Statement::Call { function, arguments, result } => {
                self.call(body, *function, arguments, *result, span)?;
            }
            Statement::SubgroupBallot { result, predicate } => {
                let source = match predicate {
                    Some(predicate) => self.register(body, *predicate)?,
                    None => self.words(&[1])?,
                };
                let dst = self.allocate(4)?;
                self.emit(Op::Subgroup(Together::Ballot), 1, [dst, source, 0, 0], 0)?;
                body.values.insert(*result, Value::Register(dst));
            }
            Statement::SubgroupGather { mode, argument, result } => {
                let (together, lane) = match mode {
                    GatherMode::BroadcastFirst => (Together::First, None),
                    GatherMode::Broadcast(lane) | GatherMode::Shuffle(lane) => (Together::From, Some(*lane)),
                    GatherMode::ShuffleDown(by) => (Together::Down, Some(*by)),
                    GatherMode::ShuffleUp(by) => (Together::Up, Some(*by)),
                    GatherMode::ShuffleXor(by) => (Together::Xor, Some(*by)),
                    _ => return Err(self.refuse("no operations on quads")),
                };
                let lane = match lane {
                    Some(lane) => self.register(body, lane)?,
                    None => self.words(&[0])?,
                };
                self.together(body, together, (*argument, lane), *result)?;
            }
            Statement::SubgroupCollectiveOperation { op, collective_op, argument, result } => {
                let zero = self.words(&[0])?;
                self.together(body, Together::Collect(*op, *collective_op), (*argument, zero), *result)?;
            }
            Statement::CooperativeStore { .. } => return Err(self.refuse("no cooperative matrices")),
            Statement::ImageStore { .. } | Statement::ImageAtomic { .. } => {
                return Err(self.refuse("textures are only loaded from"));
            }
            _ => return Err(self.refuse("this is not known here")),
        }
        Ok(())
    }

    fn barrier(&mut self, flags: Barrier) -> Result<()> {
        if flags.intersects(Barrier::TEXTURE | Barrier::SUB_GROUP) {
            return Err(self.refuse("no barriers for textures and subgroups"));
        }
        self.emit(Op::Barrier, 0, [0; 4], flags.bits()).map(|_| ())
    }

    fn together(
        &mut self,
        body: &mut Body<'a>,
        together: Together,
        (argument, lane): (Handle<Expression>, u16),
        result: Handle<Expression>,
    ) -> Result<()> {
        let (size, kind) = (self.size(body.inner(argument, self.module))?, self.kind_of(body, argument)?);
        let source = self.register(body, argument)?;
        let dst = self.allocate(size)?;
        self.naming.1 = kind;
        self.emit(Op::Subgroup(together), size, [dst, source, lane, 0], kind.number())?;
        body.values.insert(result, Value::Register(dst));
        Ok(())
    }

    fn repeat(
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

    fn switch(
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

    fn call(
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
        let start = self.here();
        self.function(&mut inside)?;
        (self.frame, self.free, self.span) = (frame, free, span);
        // A result with a name is shown as a variable that the callee sets.
        if let (Some(register), Some(result)) = (inside.result, result)
            && let Some(name) = body.function.named_expressions.get(&result)
        {
            let (size, kind) = (self.size(body.inner(result, self.module))?, self.kind_of(body, result)?);
            let (name, end) = (self.name(name), self.here());
            self.locals.push(Variable { name, register, size, kind, frame, start, end });
        }
        Ok(())
    }
}
