//! Statements: structured control flow becomes jumps. Every place where ways meet again lies behind the ways themselves,
//! so that threads in step meet if those that are furthest back go first.

use super::body::{Body, Declared, Value};
use super::state::{Compiler, DEEPEST};
use crate::microscope::instruction::{Op, Together};
use crate::microscope::layout::TENSOR_CORES;
use crate::microscope::program::Variable;
use crate::microscope::source::Result;
use naga::{Barrier, Block, Expression, GatherMode, Handle, Span, Statement};

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
            let kind = self.layout.kind(inner).map_err(|why| self.at(why))?;
            let init = self.initial(variable.init, &function.expressions)?;
            // All are set when the function begins, wherever they are declared: it is shown there.
            self.naming = (0, kind);
            let span = std::mem::replace(&mut self.span, Span::UNDEFINED);
            self.initialise(register, size, init)?;
            self.span = span;
            body.locals.insert(handle, Value::local(register, name));
            if variable.init.is_some() {
                body.declared.push_back(Declared { span, register, name, kind });
            }
            let (frame, start) = (self.frame, self.here());
            self.locals.push(Variable { name, register, size, kind, frame, start, end: start });
        }
        let (first, frame) = (self.locals.len() - function.local_variables.len(), self.frame);
        self.block(body, &function.body)?;
        let end = self.here();
        let own = self.locals[first..].iter_mut().filter(|local| local.frame == frame);
        own.for_each(|local| local.end = end);
        let exits = std::mem::take(&mut body.exits);
        // A jump to what follows anyway is none. Only one that stands last is: naga lets both ways of an `if` end with a
        // return of their own, so that nothing leads to what stands behind it.
        let last = self.code.len().wrapping_sub(1);
        if exits == [last] && matches!(self.code[last].op, Op::Jump) {
            self.code.pop();
            self.sites.pop();
        } else {
            self.land(&exits);
        }
        Ok(())
    }

    pub fn block(&mut self, body: &mut Body<'a>, block: &'a Block) -> Result<()> {
        let free = self.free;
        self.statements(body, block)?;
        self.free = free;
        Ok(())
    }

    /// A block whose values are still used behind it.
    pub fn statements(&mut self, body: &mut Body<'a>, block: &'a Block) -> Result<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.refuse("calls and blocks are nested too deeply"));
        }
        for (statement, span) in block.span_iter() {
            self.show_declared(body, statement, *span)?;
            if span.is_defined() {
                self.span = *span;
            }
            self.naming.0 = 0;
            self.statement(body, statement, self.span)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// A step for each variable that is declared before a statement: it does nothing, and shows the first value.
    fn show_declared(&mut self, body: &mut Body<'a>, statement: &'a Statement, span: Span) -> Result<()> {
        let Some(range) = span.to_range() else { return Ok(()) };
        // What the head of a loop declares is there before it. Inside of a loop, naga stores first values at each turn.
        let is_loop = matches!(statement, Statement::Loop { .. });
        let before = if is_loop { range.end } else { range.start };
        let is_before =
            |declared: &mut Declared| declared.span.to_range().is_some_and(|own| own.start < before);
        while let Some(Declared { span, register, name, kind }) = body.declared.pop_front_if(is_before) {
            (self.span, self.naming) = (span, (name, kind));
            self.emit(Op::Move, 0, [register, register, 0, 0], 0)?;
        }
        Ok(())
    }

    fn statement(&mut self, body: &mut Body<'a>, statement: &'a Statement, span: Span) -> Result<()> {
        match statement {
            Statement::Emit(range) => {
                for handle in range.clone() {
                    self.expression(body, handle)?;
                }
            }
            Statement::Block(block) => {
                // Its registers are given back behind it: no copy of a value from before may lie there.
                self.keep(body, None)?;
                self.block(body, block)?;
            }
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
            Statement::CooperativeStore { .. } => return Err(self.refuse(TENSOR_CORES)),
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
}
