//! A function while it is inlined: where its values are.

use crate::microscope::instruction::Kind;
use naga::valid::FunctionInfo;
use naga::{Expression, Function, Handle, LocalVariable, Module, Span, TypeInner};
use std::collections::{HashMap, HashSet, VecDeque};

/// Where a value is.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    Register(u16),
    Pointer(Pointer),
}

/// A place: a variable, and how far in.
#[derive(Debug, Clone, Copy)]
pub struct Pointer {
    pub root: Root,
    /// A register with an offset that is known when it runs.
    pub offset: Option<u16>,
    /// What is known before.
    pub constant: u32,
    /// The variable's name.
    pub name: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// Registers from this one on.
    Local(u16),
    /// Number and width of its cells in bytes.
    Global(u16, u32),
}

impl Root {
    /// Bytes of the cells; `None` for registers.
    pub fn width(self) -> Option<u32> {
        if let Root::Global(_, width) = self { Some(width) } else { None }
    }
}

impl Value {
    pub fn local(register: u16, name: u32) -> Value {
        Value::Pointer(Pointer { root: Root::Local(register), offset: None, constant: 0, name })
    }

    pub fn global(number: u16, width: u32, name: u32) -> Value {
        Value::Pointer(Pointer { root: Root::Global(number, width), offset: None, constant: 0, name })
    }
}

/// A function as it is inlined in one place.
pub struct Body<'a> {
    pub function: &'a Function,
    pub info: &'a FunctionInfo,
    pub values: HashMap<Handle<Expression>, Value>,
    pub arguments: Vec<Value>,
    pub locals: HashMap<Handle<LocalVariable>, Value>,
    /// Declarations that nothing behind was compiled of yet, in their order.
    pub declared: VecDeque<Declared>,
    /// Where its result goes.
    pub result: Option<u16>,
    /// Jumps to its end.
    pub exits: Vec<usize>,
    pub enclosing: Vec<Enclosing>,
    /// Loaded values that still are where the variable is: each with how many registers, and uses that are to come.
    pub loaded: HashMap<Handle<Expression>, (u32, usize)>,
    /// Values whose registers are no other value's.
    pub fresh: HashSet<Handle<Expression>>,
}

/// A variable with a first value that is known before it runs.
pub struct Declared {
    pub span: Span,
    pub register: u16,
    pub name: u32,
    pub kind: Kind,
}

/// A loop or switch around what is compiled: jumps to its end, and to its `continuing`.
pub struct Enclosing {
    pub breaks: Vec<usize>,
    pub continues: Vec<usize>,
    pub is_loop: bool,
}

impl<'a> Body<'a> {
    pub fn new(function: &'a Function, info: &'a FunctionInfo) -> Body<'a> {
        Body {
            function,
            info,
            values: HashMap::new(),
            arguments: Vec::new(),
            locals: HashMap::new(),
            declared: VecDeque::new(),
            result: None,
            exits: Vec::new(),
            enclosing: Vec::new(),
            loaded: HashMap::new(),
            fresh: HashSet::new(),
        }
    }

    pub fn inner(&self, expression: Handle<Expression>, module: &'a Module) -> &'a TypeInner {
        self.info[expression].ty.inner_with(&module.types)
    }
}
