//! Expressions, one instruction or a few each.

use super::body::{Body, Value};
use super::state::{CONSTANT, Compiler};
use crate::microscope::instruction::{Kind, Op};
use crate::microscope::layout;
use crate::microscope::source::Result;
use naga::{Expression, Handle, ImageQuery, RelationalFunction, Scalar, SwizzleComponent, TypeInner};

impl<'a> Compiler<'a> {
    /// Where an expression's value is; those that are known without being computed get their place here.
    pub fn value(&mut self, body: &mut Body<'a>, handle: Handle<Expression>) -> Result<Value> {
        if let Some(&value) = body.values.get(&handle) {
            if let Some((_, uses)) = body.loaded.get_mut(&handle) {
                *uses = uses.saturating_sub(1);
            }
            return Ok(value);
        }
        let value = match &body.function.expressions[handle] {
            Expression::GlobalVariable(variable) => self.variables.get(variable).copied(),
            Expression::LocalVariable(variable) => body.locals.get(variable).copied(),
            Expression::FunctionArgument(index) => body.arguments.get(*index as usize).copied(),
            _ => match self.constant(handle, &body.function.expressions) {
                Some(words) => Some(Value::Register(self.words(&words)?)),
                None => None,
            },
        };
        let value = value.ok_or_else(|| self.refuse("a value that is not computed before"))?;
        body.values.insert(handle, value);
        Ok(value)
    }

    /// The registers of an expression's value.
    pub fn register(&mut self, body: &mut Body<'a>, handle: Handle<Expression>) -> Result<u16> {
        match self.value(body, handle)? {
            Value::Register(register) => Ok(register),
            Value::Pointer(_) => Err(self.refuse("a pointer where a value is needed")),
        }
    }

    pub fn size(&self, inner: &TypeInner) -> Result<u32> {
        self.layout.registers(inner).map_err(|why| self.at(why))
    }

    pub fn kind(&self, scalar: Scalar) -> Result<Kind> {
        layout::kind(scalar).map_err(|why| self.at(why))
    }

    pub fn kind_of(&self, body: &Body<'a>, handle: Handle<Expression>) -> Result<Kind> {
        self.layout.kind(body.inner(handle, self.module)).map_err(|why| self.at(why))
    }

    /// Computes an expression whose turn it is.
    pub fn expression(&mut self, body: &mut Body<'a>, handle: Handle<Expression>) -> Result<()> {
        self.span = body.function.expressions.get_span(handle);
        let inner = body.inner(handle, self.module);
        let kind = match inner {
            TypeInner::Pointer { .. } | TypeInner::ValuePointer { .. } | TypeInner::Image { .. } => Kind::U32,
            _ => self.layout.kind(inner).map_err(|why| self.at(why))?,
        };
        let name = body.function.named_expressions.get(&handle).map_or(0, |name| self.name(name));
        self.naming = (name, kind);
        let free = self.free;
        let value = match &body.function.expressions[handle] {
            Expression::Literal(_)
            | Expression::Constant(_)
            | Expression::Override(_)
            | Expression::ZeroValue(_)
            | Expression::FunctionArgument(_)
            | Expression::GlobalVariable(_)
            | Expression::LocalVariable(_) => return Ok(()),
            Expression::Compose { components, .. } => {
                if self.constant(handle, &body.function.expressions).is_some() {
                    return Ok(());
                }
                self.compose(body, inner, components)?
            }
            Expression::Access { base, index } => self.access(body, handle, *base, *index)?,
            Expression::AccessIndex { base, index } => self.access_index(body, *base, *index)?,
            Expression::Splat { size, value } => {
                let source = self.register(body, *value)?;
                Value::Register(self.splat(source, *size as u32)?)
            }
            Expression::Swizzle { size, vector, pattern } => {
                let source = self.register(body, *vector)?;
                self.swizzle(source, &pattern[..*size as usize])?
            }
            Expression::Load { pointer } => self.load(body, *pointer)?,
            Expression::ImageLoad { image, coordinate, array_index: None, sample: None, level } => {
                let number = self.texture(body, *image)?;
                let coordinate = self.register(body, *coordinate)?;
                let level = match level {
                    Some(level) => self.register(body, *level)?,
                    None => self.words(&[0])?,
                };
                let dst = self.allocate(4)?;
                self.naming.0 = self.name(&self.global_list[usize::from(number)].name.clone());
                self.emit(Op::Texel, 4, [dst, number, coordinate, level], 0)?;
                Value::Register(dst)
            }
            Expression::ImageQuery { image, query: ImageQuery::Size { .. } } => {
                let number = self.texture(body, *image)?;
                let dst = self.allocate(2)?;
                self.emit(Op::TextureSize, 2, [dst, number, 0, 0], 0)?;
                Value::Register(dst)
            }
            Expression::Unary { op, expr } => self.unary(body, *op, *expr)?,
            Expression::Binary { op, left, right } => self.binary(body, *op, *left, *right)?,
            Expression::Select { condition, accept, reject } => {
                let size = self.size(inner)?;
                let single = matches!(body.inner(*condition, self.module), TypeInner::Scalar(_));
                let condition = self.register(body, *condition)?;
                let (accept, reject) = (self.register(body, *accept)?, self.register(body, *reject)?);
                let dst = self.allocate(size)?;
                self.emit(Op::Select, size, [dst, reject, accept, condition], u32::from(!single))?;
                Value::Register(dst)
            }
            Expression::Relational { fun, argument } => self.relational(body, *fun, *argument)?,
            Expression::Math { fun, arg, arg1, arg2, arg3 } => {
                self.math(body, handle, *fun, [Some(*arg), *arg1, *arg2, *arg3])?
            }
            Expression::As { expr, kind, convert } => self.cast(body, *expr, *kind, *convert)?,
            Expression::ArrayLength(array) => self.array_length(body, *array)?,
            Expression::CooperativeLoad { .. } | Expression::CooperativeMultiplyAdd { .. } => {
                return Err(self.refuse("cooperative matrices (tensor cores) are not interpreted"));
            }
            Expression::ImageSample { .. } => return Err(self.refuse("textures are only loaded from")),
            Expression::Derivative { .. } => return Err(self.refuse("no derivatives in compute shaders")),
            _ => return Err(self.refuse("this is not known here")),
        };
        if let Value::Register(register) = value {
            if register >= free && register < CONSTANT {
                body.fresh.insert(handle);
            } else {
                // Where another value or a variable is.
                body.loaded.insert(handle, (self.size(inner)?, body.info[handle].ref_count));
            }
        }
        body.values.insert(handle, value);
        Ok(())
    }

    /// Copies of one value.
    pub fn splat(&mut self, source: u16, n: u32) -> Result<u16> {
        let dst = self.allocate(n)?;
        self.emit(Op::Splat, n, [dst, source, 0, 0], 0)?;
        Ok(dst)
    }

    fn compose(
        &mut self,
        body: &mut Body<'a>,
        inner: &TypeInner,
        components: &[Handle<Expression>],
    ) -> Result<Value> {
        let size = self.size(inner)?;
        let dst = self.allocate(size)?;
        let mut at = 0;
        for &component in components {
            let source = self.register(body, component)?;
            let part = self.size(body.inner(component, self.module))?;
            if at + part > size {
                return Err(self.refuse("more components than there is room for"));
            }
            self.emit(Op::Move, part, [dst + at as u16, source, 0, 0], 0)?;
            at += part;
        }
        Ok(Value::Register(dst))
    }

    fn swizzle(&mut self, source: u16, pattern: &[SwizzleComponent]) -> Result<Value> {
        let first = pattern.first().map_or(0, |&component| component as u16);
        if pattern.iter().enumerate().all(|(i, &component)| component as u16 == first + i as u16) {
            return Ok(Value::Register(source + first));
        }
        let dst = self.allocate(pattern.len() as u32)?;
        for (i, &component) in pattern.iter().enumerate() {
            self.emit(Op::Move, 1, [dst + i as u16, source + component as u16, 0, 0], 0)?;
        }
        Ok(Value::Register(dst))
    }

    fn relational(
        &mut self,
        body: &mut Body<'a>,
        function: RelationalFunction,
        argument: Handle<Expression>,
    ) -> Result<Value> {
        let size = self.size(body.inner(argument, self.module))?;
        let source = self.register(body, argument)?;
        let (op, imm, results) = match function {
            RelationalFunction::All => (Op::Reduce, 1, 1),
            RelationalFunction::Any => (Op::Reduce, 0, 1),
            RelationalFunction::IsNan => (Op::IsNan, 0, size),
            RelationalFunction::IsInf => (Op::IsInf, 0, size),
        };
        let dst = self.allocate(results)?;
        self.emit(op, size, [dst, source, 0, 0], imm)?;
        Ok(Value::Register(dst))
    }
}
