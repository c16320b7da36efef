//! Pointers, and what is read and written through them.

use super::body::{Body, Pointer, Root, Value};
use super::state::Compiler;
use crate::microscope::instruction::{Atomic, Kind, Op};
use crate::microscope::source::Result;
use naga::{AtomicFunction, Expression, Handle, Scalar, TypeInner};

impl<'a> Compiler<'a> {
    /// The type that a pointer points to.
    fn pointee(&self, inner: &'a TypeInner) -> Result<TypeInner> {
        Ok(match inner {
            TypeInner::Pointer { base, .. } => self.module.types[*base].inner.clone(),
            TypeInner::ValuePointer { size: Some(size), scalar, .. } => {
                TypeInner::Vector { size: *size, scalar: *scalar }
            }
            TypeInner::ValuePointer { size: None, scalar, .. } => TypeInner::Scalar(*scalar),
            _ => return Err(self.refuse("this is not a pointer")),
        })
    }

    pub fn pointer(&mut self, body: &mut Body<'a>, handle: Handle<Expression>) -> Result<Pointer> {
        match self.value(body, handle)? {
            Value::Pointer(pointer) => Ok(pointer),
            Value::Register(_) => Err(self.refuse("this is not a pointer")),
        }
    }

    /// A member or an element with a known index.
    pub fn access_index(
        &mut self,
        body: &mut Body<'a>,
        base: Handle<Expression>,
        index: u32,
    ) -> Result<Value> {
        let inner = body.inner(base, self.module);
        match self.value(body, base)? {
            Value::Register(register) => {
                let offset = self.layout.member(inner, index, None).map_err(|why| self.at(why))?;
                Ok(Value::Register(register + offset as u16))
            }
            Value::Pointer(pointer) => {
                let inner = self.pointee(inner)?;
                if !matches!(inner, TypeInner::Struct { .. }) {
                    let (len, _) =
                        self.layout.elements(&inner, pointer.root.width()).map_err(|why| self.at(why))?;
                    if len.is_none_or(|len| index >= len) {
                        // Past a runtime-sized array's end, or the check says so when it runs.
                        let index = self.words(&[index])?;
                        return self.element(&inner, pointer, index).map(Value::Pointer);
                    }
                }
                let offset = self.layout.member(&inner, index, pointer.root.width());
                let offset = offset.map_err(|why| self.at(why))?;
                let constant = pointer.constant.saturating_add(offset);
                Ok(Value::Pointer(Pointer { constant, ..pointer }))
            }
        }
    }

    /// An element with an index that is known when it runs.
    pub fn access(
        &mut self,
        body: &mut Body<'a>,
        handle: Handle<Expression>,
        base: Handle<Expression>,
        index: Handle<Expression>,
    ) -> Result<Value> {
        let inner = body.inner(base, self.module);
        let index_register = self.register(body, index)?;
        match self.value(body, base)? {
            Value::Pointer(pointer) => {
                let inner = self.pointee(inner)?;
                self.element(&inner, pointer, index_register).map(Value::Pointer)
            }
            Value::Register(register) => {
                let place = Pointer { root: Root::Local(register), offset: None, constant: 0, name: 0 };
                let place = self.element(inner, place, index_register)?;
                let size = self.size(body.inner(handle, self.module))?;
                let dst = self.allocate(size)?;
                self.read(place, dst, size, 0)?;
                Ok(Value::Register(dst))
            }
        }
    }

    fn element(&mut self, inner: &TypeInner, pointer: Pointer, index: u16) -> Result<Pointer> {
        let (len, apart) = self.layout.elements(inner, pointer.root.width()).map_err(|why| self.at(why))?;
        let (zero, apart) = (self.words(&[0])?, self.words(&[apart])?);
        let offset = self.allocate(1)?;
        let before = pointer.offset.unwrap_or(zero);
        let (op, imm) = match (len, pointer.root) {
            (Some(len), _) => (Op::Index, len),
            (None, Root::Global(number, _)) => (Op::IndexRuntime, u32::from(number)),
            (None, Root::Local(_)) => return Err(self.refuse("an array whose length is not known")),
        };
        self.naming = (pointer.name, Kind::U32);
        self.emit(op, 1, [offset, before, index, apart], imm)?;
        Ok(Pointer { offset: Some(offset), ..pointer })
    }

    /// Reads `size` values to `dst`, by this table of cells.
    fn read(&mut self, pointer: Pointer, dst: u16, size: u32, table: u16) -> Result<()> {
        let Pointer { root, offset, constant, .. } = pointer;
        match (root, offset) {
            (Root::Local(register), None) => {
                let source = register.saturating_add(constant as u16);
                self.emit(Op::Move, size, [dst, source, 0, 0], 0)
            }
            (Root::Local(register), Some(offset)) => {
                self.emit(Op::LoadLocal, size, [dst, register, offset, 0], constant)
            }
            (Root::Global(number, _), offset) => {
                let offset = offset.map_or_else(|| self.words(&[0]), Ok)?;
                self.emit(Op::Load, size, [dst, number, offset, table], constant)
            }
        }?;
        Ok(())
    }

    pub fn load(&mut self, body: &mut Body<'a>, pointer: Handle<Expression>) -> Result<Value> {
        let inner = self.pointee(body.inner(pointer, self.module))?;
        let pointer = self.pointer(body, pointer)?;
        self.naming = (pointer.name, self.layout.kind(&inner).map_err(|why| self.at(why))?);
        if let TypeInner::Atomic(scalar) = inner {
            return self.atomic_place(pointer, scalar, Atomic::Load, 0);
        }
        let size = self.size(&inner)?;
        if let (Root::Local(register), None) = (pointer.root, pointer.offset) {
            // It is read where it is, as long as it stays what it is: see `keep`.
            return Ok(Value::Register(register.saturating_add(pointer.constant as u16)));
        }
        let dst = self.allocate(size)?;
        let table = self.cells(&inner, pointer.root)?;
        self.read(pointer, dst, size, table)?;
        Ok(Value::Register(dst))
    }

    /// Copies what was loaded and is still to be used, because its variable is about to change: what lies in these
    /// registers, or all of it where ways part and it is not known which of them change.
    pub fn keep(&mut self, body: &mut Body<'a>, changed: Option<(u16, u32)>) -> Result<()> {
        if body.loaded.is_empty() {
            return Ok(());
        }
        let mut kept = Vec::new();
        for (&handle, &(size, uses)) in &body.loaded {
            let Some(&Value::Register(register)) = body.values.get(&handle) else { continue };
            let (start, end) = (u32::from(register), u32::from(register) + size);
            let is_changed =
                changed.is_none_or(|(first, n)| start < u32::from(first) + n && u32::from(first) < end);
            if is_changed {
                kept.push((handle, register, size, uses));
            }
        }
        kept.sort_unstable_by_key(|(handle, ..)| handle.index());
        for (handle, register, size, uses) in kept {
            body.loaded.remove(&handle);
            if uses > 0 {
                let dst = self.allocate(size)?;
                self.emit(Op::Move, size, [dst, register, 0, 0], 0)?;
                body.values.insert(handle, Value::Register(dst));
            }
        }
        Ok(())
    }

    fn cells(&mut self, inner: &TypeInner, root: Root) -> Result<u16> {
        let Some(width) = root.width() else { return Ok(0) };
        let cells = self.layout.table(inner, width);
        self.table(cells)
    }

    pub fn store(
        &mut self,
        body: &mut Body<'a>,
        pointer: Handle<Expression>,
        value: Handle<Expression>,
    ) -> Result<()> {
        let inner = self.pointee(body.inner(pointer, self.module))?;
        let source = self.register(body, value)?;
        let pointer = self.pointer(body, pointer)?;
        self.naming = (pointer.name, self.layout.kind(&inner).map_err(|why| self.at(why))?);
        if let TypeInner::Atomic(scalar) = inner {
            return self.atomic_place(pointer, scalar, Atomic::Store, source).map(|_| ());
        }
        let size = self.size(&inner)?;
        let table = self.cells(&inner, pointer.root)?;
        match (pointer.root, pointer.offset) {
            (Root::Local(register), None) => {
                let target = register.saturating_add(pointer.constant as u16);
                self.keep(body, Some((target, size)))?;
                let is_last_use = body.info[value].ref_count == 1 && body.fresh.contains(&value);
                if !is_last_use || !self.retarget(source, target, size) {
                    self.emit(Op::Move, size, [target, source, 0, 0], 0)?;
                }
            }
            (Root::Local(register), Some(offset)) => {
                // Which of the registers change is not known before it runs.
                self.keep(body, None)?;
                self.forget_products();
                self.emit(Op::StoreLocal, size, [register, source, offset, 0], pointer.constant)?;
            }
            (Root::Global(number, _), offset) => {
                let offset = offset.map_or_else(|| self.words(&[0]), Ok)?;
                self.emit(Op::Store, size, [source, number, offset, table], pointer.constant)?;
            }
        }
        Ok(())
    }

    fn atomic_place(&mut self, pointer: Pointer, scalar: Scalar, op: Atomic, value: u16) -> Result<Value> {
        let Root::Global(number, _) = pointer.root else {
            return Err(self.refuse("atomics only in storage and workgroup memory"));
        };
        let signed = match self.kind(scalar)? {
            Kind::I32 => 1,
            Kind::U32 => 0,
            _ => return Err(self.refuse("atomics only on u32 and i32")),
        };
        let dst = self.allocate(2)?;
        let offset = pointer.offset.map_or_else(|| self.words(&[0]), Ok)?;
        self.emit(Op::Atomic(op), signed, [dst, number, offset, value], pointer.constant)?;
        Ok(Value::Register(dst))
    }

    pub fn atomic(
        &mut self,
        body: &mut Body<'a>,
        pointer: Handle<Expression>,
        function: &AtomicFunction,
        value: Handle<Expression>,
    ) -> Result<Value> {
        let TypeInner::Atomic(scalar) = self.pointee(body.inner(pointer, self.module))? else {
            return Err(self.refuse("this is no atomic"));
        };
        let source = self.register(body, value)?;
        let pair = match function {
            AtomicFunction::Exchange { compare: Some(compare) } => {
                let compare = self.register(body, *compare)?;
                let pair = self.allocate(2)?;
                self.emit(Op::Move, 1, [pair, source, 0, 0], 0)?;
                self.emit(Op::Move, 1, [pair + 1, compare, 0, 0], 0)?;
                pair
            }
            _ => source,
        };
        let place = self.pointer(body, pointer)?;
        self.naming = (place.name, self.kind(scalar)?);
        self.atomic_place(place, scalar, function.into(), pair)
    }

    pub fn array_length(&mut self, body: &mut Body<'a>, array: Handle<Expression>) -> Result<Value> {
        let Root::Global(number, _) = self.pointer(body, array)?.root else {
            return Err(self.refuse("arrayLength only of storage"));
        };
        let dst = self.allocate(1)?;
        self.emit(Op::Length, 1, [dst, 0, 0, 0], u32::from(number))?;
        Ok(Value::Register(dst))
    }

    /// The number of the texture that an expression stands for.
    pub fn texture(&mut self, body: &mut Body<'a>, image: Handle<Expression>) -> Result<u16> {
        match self.pointer(body, image)?.root {
            Root::Global(number, _) => Ok(number),
            Root::Local(_) => Err(self.refuse("this is no texture")),
        }
    }
}
