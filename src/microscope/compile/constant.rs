//! Expressions that are known when the shader is compiled.

use super::state::Compiler;
use crate::microscope::source::Result;
use naga::{Arena, Expression, Handle, Literal};

impl Compiler<'_> {
    /// The words that a variable begins with; `None` for zeros.
    pub fn initial(
        &self,
        init: Option<Handle<Expression>>,
        arena: &Arena<Expression>,
    ) -> Result<Option<Vec<u32>>> {
        let words = |init| {
            self.constant(init, arena).ok_or_else(|| self.refuse("this initial value is not known here"))
        };
        init.map(words).transpose()
    }

    /// The words of an expression that is known now.
    pub fn constant(&self, handle: Handle<Expression>, arena: &Arena<Expression>) -> Option<Vec<u32>> {
        match &arena[handle] {
            Expression::Literal(literal) => word(*literal).map(|word| vec![word]),
            Expression::Constant(constant) => {
                self.constant(self.module.constants[*constant].init, &self.module.global_expressions)
            }
            Expression::ZeroValue(ty) => {
                let size = self.layout.registers(&self.module.types[*ty].inner).ok()?;
                Some(vec![0; size as usize])
            }
            Expression::Compose { ty, components } => {
                self.layout.registers(&self.module.types[*ty].inner).ok()?;
                let parts = components.iter().map(|part| self.constant(*part, arena));
                parts.collect::<Option<Vec<_>>>().map(|parts| parts.concat())
            }
            Expression::Splat { size, value } => {
                self.constant(*value, arena).map(|words| words.repeat(*size as usize))
            }
            _ => None,
        }
    }
}

/// A literal as a register holds it.
fn word(literal: Literal) -> Option<u32> {
    match literal {
        Literal::F32(value) => Some(value.to_bits()),
        Literal::F16(value) => Some(value.to_f32().to_bits()),
        Literal::U32(value) => Some(value),
        Literal::I32(value) => Some(value as u32),
        Literal::Bool(value) => Some(u32::from(value)),
        _ => None,
    }
}
