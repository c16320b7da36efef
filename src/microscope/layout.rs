//! How many registers a value takes, and in which cells of memory it lies.

use super::instruction::Kind;
use super::source::{Refusal, Result};
use naga::proc::Layouter;
use naga::{ArraySize, Handle, Module, Scalar, ScalarKind, Type, TypeInner, VectorSize};

/// Scalars of the largest value of a thread.
const LARGEST: u64 = 1 << 14;

pub(super) fn kind(scalar: Scalar) -> Result<Kind> {
    match (scalar.kind, scalar.width) {
        (ScalarKind::Float, 4) => Ok(Kind::F32),
        (ScalarKind::Float, 2) => Ok(Kind::F16),
        (ScalarKind::Sint, 4) => Ok(Kind::I32),
        (ScalarKind::Uint, 4) => Ok(Kind::U32),
        (ScalarKind::Bool, _) => Ok(Kind::Bool),
        (kind, width) => Err(Refusal::new(format!("no numbers of {} bits: {kind:?}", width * 8))),
    }
}

/// The sizes of a module's types.
pub(super) struct Layout<'a> {
    module: &'a Module,
    layouter: Layouter,
}

/// A matrix's columns start at even places: those of three begin as those of four do.
fn column(rows: VectorSize) -> u32 {
    if rows == VectorSize::Bi { 2 } else { 4 }
}

impl<'a> Layout<'a> {
    pub fn new(module: &'a Module) -> Result<Layout<'a>> {
        let mut layouter = Layouter::default();
        layouter.update(module.to_ctx()).map_err(|why| Refusal::new(why.to_string()))?;
        Ok(Layout { module, layouter })
    }

    fn inner(&self, ty: Handle<Type>) -> &'a TypeInner {
        &self.module.types[ty].inner
    }

    /// Registers of a value.
    pub fn registers(&self, inner: &TypeInner) -> Result<u32> {
        let size = self.scalars(inner, 0)?;
        if size > LARGEST {
            return Err(Refusal::new(format!("a value of {size} numbers: more than {LARGEST}")));
        }
        Ok(size as u32)
    }

    fn scalars(&self, inner: &TypeInner, depth: u32) -> Result<u64> {
        if depth > 32 {
            return Err(Refusal::new("types are nested too deeply"));
        }
        Ok(match inner {
            TypeInner::Scalar(scalar) | TypeInner::Atomic(scalar) => kind(*scalar).map(|_| 1)?,
            TypeInner::Vector { size, scalar } => kind(*scalar).map(|_| *size as u64)?,
            TypeInner::Matrix { columns, rows, scalar } => {
                kind(*scalar).map(|_| *columns as u64 * *rows as u64)?
            }
            TypeInner::Array { base, size: ArraySize::Constant(len), .. } => {
                self.scalars(self.inner(*base), depth + 1)?.saturating_mul(u64::from(len.get()))
            }
            TypeInner::Struct { members, .. } => {
                let sizes = members.iter().map(|member| self.scalars(self.inner(member.ty), depth + 1));
                sizes.sum::<Result<u64>>()?
            }
            TypeInner::CooperativeMatrix { .. } => {
                return Err(Refusal::new("cooperative matrices (tensor cores) are not interpreted"));
            }
            other => return Err(Refusal::new(format!("no values of this type: {}", word(other)))),
        })
    }

    /// The kind of a value's scalars; that of the first for structures.
    pub fn kind(&self, inner: &TypeInner) -> Result<Kind> {
        match inner {
            TypeInner::Array { base, .. } => self.kind(self.inner(*base)),
            TypeInner::Struct { members, .. } => {
                members.first().map_or(Ok(Kind::U32), |member| self.kind(self.inner(member.ty)))
            }
            TypeInner::CooperativeMatrix { .. } => {
                Err(Refusal::new("cooperative matrices (tensor cores) are not interpreted"))
            }
            TypeInner::Atomic(scalar) => kind(*scalar),
            _ => inner.scalar().map_or(Ok(Kind::U32), kind),
        }
    }

    /// Bytes of every scalar of a type in memory.
    pub fn width(&self, inner: &TypeInner) -> Result<u32> {
        match inner {
            TypeInner::Array { base, .. } => self.width(self.inner(*base)),
            TypeInner::Struct { members, .. } => {
                let mut widths = members.iter().map(|member| self.width(self.inner(member.ty)));
                let first = widths.next().unwrap_or(Ok(4))?;
                for width in widths {
                    if width? != first {
                        return Err(Refusal::new("numbers of several widths in one variable"));
                    }
                }
                Ok(first)
            }
            _ => {
                let atomic = if let TypeInner::Atomic(scalar) = inner { Some(*scalar) } else { None };
                let scalar =
                    inner.scalar().or(atomic).ok_or_else(|| Refusal::new("no memory of this type"))?;
                kind(scalar).map(|_| u32::from(scalar.width))
            }
        }
    }

    /// Cells from the first of a type to behind its last; of a runtime-sized array those before it.
    pub fn cells(&self, ty: Handle<Type>, width: u32) -> u32 {
        match self.inner(ty) {
            TypeInner::Array { size: ArraySize::Dynamic, .. } => 0,
            TypeInner::Struct { members, .. } => match members.last() {
                Some(last) if self.is_runtime_sized(last.ty) => last.offset / width,
                _ => self.layouter[ty].size / width,
            },
            _ => self.layouter[ty].size / width,
        }
    }

    pub fn is_runtime_sized(&self, ty: Handle<Type>) -> bool {
        match self.inner(ty) {
            TypeInner::Array { size, .. } => *size == ArraySize::Dynamic,
            TypeInner::Struct { members, .. } => {
                members.last().is_some_and(|last| self.is_runtime_sized(last.ty))
            }
            _ => false,
        }
    }

    /// Cells from one element of the runtime-sized array at a type's end to the next; 0 without one.
    pub fn runtime_stride(&self, ty: Handle<Type>, width: u32) -> u32 {
        match self.inner(ty) {
            TypeInner::Array { size: ArraySize::Dynamic, stride, .. } => stride / width,
            TypeInner::Struct { members, .. } => {
                members.last().map_or(0, |last| self.runtime_stride(last.ty, width))
            }
            _ => 0,
        }
    }

    /// Cells from one element to the next of the array that a type is or ends with, 0 without one; and the numbers of an element
    /// that is a vector, 1 of any other.
    pub fn element(&self, ty: Handle<Type>, width: u32) -> (u32, u32) {
        match self.inner(ty) {
            TypeInner::Array { base, stride, .. } => {
                let components = match self.inner(*base) {
                    TypeInner::Vector { size, .. } => *size as u32,
                    _ => 1,
                };
                (stride / width, components)
            }
            _ => (0, 1),
        }
    }

    /// The cell of every scalar of a value, in the order of its registers, from its first cell on.
    pub fn table(&self, inner: &TypeInner, width: u32) -> Vec<u32> {
        let mut cells = Vec::new();
        self.list(inner, width, 0, &mut cells);
        cells
    }

    fn list(&self, inner: &TypeInner, width: u32, at: u32, cells: &mut Vec<u32>) {
        match inner {
            TypeInner::Vector { size, .. } => cells.extend((0..*size as u32).map(|i| at + i)),
            TypeInner::Matrix { columns, rows, .. } => {
                for i in 0..*columns as u32 {
                    cells.extend((0..*rows as u32).map(|j| at + i * column(*rows) + j));
                }
            }
            TypeInner::Array { base, size: ArraySize::Constant(len), stride } => {
                for i in 0..len.get() {
                    self.list(self.inner(*base), width, at + i * (stride / width), cells);
                }
            }
            TypeInner::Struct { members, .. } => {
                for member in members {
                    self.list(self.inner(member.ty), width, at + member.offset / width, cells);
                }
            }
            _ => cells.push(at),
        }
    }

    /// How many elements an array, vector or matrix has (`None` for a runtime-sized one), and how far they are apart: in
    /// cells of this width, or in registers.
    pub fn elements(&self, inner: &TypeInner, width: Option<u32>) -> Result<(Option<u32>, u32)> {
        Ok(match inner {
            TypeInner::Vector { size, .. } => (Some(*size as u32), 1),
            TypeInner::Matrix { columns, rows, .. } => {
                (Some(*columns as u32), if width.is_some() { column(*rows) } else { *rows as u32 })
            }
            TypeInner::Array { base, size, stride } => {
                let len = match size {
                    ArraySize::Constant(len) => Some(len.get()),
                    ArraySize::Dynamic => None,
                    ArraySize::Pending(_) => return Err(Refusal::new("an array's length is not known")),
                };
                let apart = match width {
                    Some(width) => stride / width,
                    None => self.registers(self.inner(*base))?,
                };
                (len, apart)
            }
            other => return Err(Refusal::new(format!("no element of this type: {}", word(other)))),
        })
    }

    /// Where a member begins, in cells of this width, or in registers.
    pub fn member(&self, inner: &TypeInner, index: u32, width: Option<u32>) -> Result<u32> {
        let TypeInner::Struct { members, .. } = inner else {
            let (_, apart) = self.elements(inner, width)?;
            return Ok(apart.saturating_mul(index));
        };
        let index = index as usize;
        if index >= members.len() {
            return Err(Refusal::new("no such member"));
        }
        match width {
            Some(width) => Ok(members[index].offset / width),
            None => members[..index].iter().map(|member| self.registers(self.inner(member.ty))).sum(),
        }
    }
}

/// A type in words, for refusals.
fn word(inner: &TypeInner) -> &'static str {
    match inner {
        TypeInner::Image { .. } => "a texture",
        TypeInner::Sampler { .. } => "a sampler",
        TypeInner::Pointer { .. } | TypeInner::ValuePointer { .. } => "a pointer",
        TypeInner::Array { .. } => "an array whose length is not known",
        TypeInner::RayQuery { .. } | TypeInner::AccelerationStructure { .. } => "ray tracing",
        TypeInner::BindingArray { .. } => "an array of bindings",
        _ => "another type",
    }
}
