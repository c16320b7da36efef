//! What the compiler knows so far: registers, constants, names, and the instructions.

use crate::microscope::layout::Layout;
use crate::microscope::program::{Frame, Global, Instruction, Kind, Loop, Op, Site, Variable, Work};
use crate::microscope::source::{Lines, Refusal, Result};
use naga::valid::{FunctionInfo, ModuleInfo};
use naga::{Arena, BuiltIn, Expression, Function, GlobalVariable, Handle, Literal, Module, Span};
use naga::{LocalVariable, TypeInner};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Instructions of the longest program.
const LONGEST: usize = 1 << 19;
/// Registers from this one on are constants.
pub const CONSTANT: u16 = 0x8000;
/// Calls and blocks inside each other.
pub const DEEPEST: u32 = 160;

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

pub struct Compiler<'a> {
    pub module: &'a Module,
    pub info: &'a ModuleInfo,
    pub layout: Layout<'a>,
    pub lines: Lines,
    pub code: Vec<Instruction>,
    pub sites: Vec<Site>,
    pub constants: Vec<u32>,
    known: HashMap<Vec<u32>, u16>,
    pub tables: Vec<Vec<u32>>,
    table_numbers: HashMap<Vec<u32>, u16>,
    pub names: Vec<Arc<str>>,
    name_numbers: HashMap<Arc<str>, u32>,
    pub variables: HashMap<Handle<GlobalVariable>, Value>,
    pub global_list: Vec<Global>,
    pub frames: Vec<Frame>,
    pub loops: Vec<Loop>,
    pub builtins: Vec<(BuiltIn, u16)>,
    /// The first free register.
    pub free: u16,
    /// As far as it ever was.
    pub most: u16,
    /// Where the source is that is compiled just now.
    pub span: Span,
    /// The name and kind of the value that is compiled just now.
    pub naming: (u32, Kind),
    pub depth: u32,
    /// The function that is inlined just now.
    pub frame: u32,
    /// The multiplication that each register is the product of.
    products: HashMap<u16, u32>,
    /// The last place that a jump leads to.
    landing: u32,
    pub locals: Vec<Variable>,
    /// Whether there are variables that every function may change.
    pub has_private: bool,
}

/// A function as it is inlined in one place.
pub struct Body<'a> {
    pub function: &'a Function,
    pub info: &'a FunctionInfo,
    pub values: HashMap<Handle<Expression>, Value>,
    pub arguments: Vec<Value>,
    pub locals: HashMap<Handle<LocalVariable>, Value>,
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

impl<'a> Compiler<'a> {
    pub fn new(module: &'a Module, info: &'a ModuleInfo, text: &str) -> Result<Compiler<'a>> {
        let mut compiler = Compiler {
            module,
            info,
            layout: Layout::new(module)?,
            lines: Lines::new(text),
            code: Vec::new(),
            sites: Vec::new(),
            constants: Vec::new(),
            known: HashMap::new(),
            tables: vec![Vec::new()],
            table_numbers: HashMap::new(),
            names: vec!["".into()],
            name_numbers: HashMap::new(),
            variables: HashMap::new(),
            global_list: Vec::new(),
            frames: Vec::new(),
            loops: Vec::new(),
            builtins: Vec::new(),
            free: 0,
            most: 0,
            span: Span::UNDEFINED,
            naming: (0, Kind::U32),
            depth: 0,
            frame: 0,
            products: HashMap::new(),
            landing: 0,
            locals: Vec::new(),
            has_private: false,
        };
        compiler.words(&[0])?;
        Ok(compiler)
    }

    /// A refusal at the line that is compiled just now.
    pub fn refuse(&self, what: &str) -> Refusal {
        self.at(Refusal::new(what))
    }

    /// The same refusal, with that line if it has none.
    pub fn at(&self, why: Refusal) -> Refusal {
        let line = Some(self.lines.of(self.span)).filter(|&line| line > 0);
        Refusal { line: why.line.or(line), ..why }
    }

    pub fn emit(&mut self, op: Op, n: u32, [dst, a, b, c]: [u16; 4], imm: u32) -> Result<usize> {
        if self.code.len() >= LONGEST {
            return Err(self.refuse("the program is too long when all calls are inlined"));
        }
        let n = u16::try_from(n).map_err(|_| self.refuse("a value is too large"))?;
        let span = self.span.to_range().map_or((0, 0), |range| (range.start as u32, range.end as u32));
        let (name, kind) = self.naming;
        let (line, frame) = (self.lines.of(self.span), self.frame);
        let instruction = Instruction { op, n, dst, a, b, c, imm };
        let work = self.work(&instruction);
        self.sites.push(Site { span, line, frame, name, kind, work });
        self.code.push(instruction);
        Ok(self.code.len() - 1)
    }

    /// The next instruction's number.
    pub fn here(&self) -> u32 {
        self.code.len() as u32
    }

    /// Lets these jumps lead to the next instruction.
    pub fn land(&mut self, jumps: &[usize]) {
        let here = self.here();
        jumps.iter().for_each(|&jump| self.code[jump].imm = here);
        if !jumps.is_empty() {
            self.forget_products();
        }
    }

    /// The next instruction is reached from further down.
    pub fn forget_products(&mut self) {
        self.products.clear();
        self.landing = self.here();
    }

    /// Lets the last instruction write `target` and not `source`, if that is what it computes and nobody else wants it.
    pub fn retarget(&mut self, source: u16, target: u16, size: u32) -> bool {
        let here = self.here();
        let Some(last) = self.code.last_mut().filter(|_| self.landing < here) else { return false };
        let computes = !matches!(
            last.op,
            Op::Store
                | Op::StoreLocal
                | Op::Atomic(_)
                | Op::Zero
                | Op::Reduce
                | Op::Vector(_)
                | Op::Subgroup(_)
        );
        // Rounding in place belongs to the instruction before.
        if !computes || last.dst != source || u32::from(last.n) != size || last.op == Op::RoundHalf {
            return false;
        }
        last.dst = target;
        for k in 0..size as u16 {
            match self.products.remove(&source.wrapping_add(k)) {
                Some(product) => self.products.insert(target.wrapping_add(k), product),
                None => self.products.remove(&target.wrapping_add(k)),
            };
        }
        true
    }

    pub fn allocate(&mut self, registers: u32) -> Result<u16> {
        let first = self.free;
        let end = u32::from(first) + registers;
        if end >= u32::from(CONSTANT) {
            return Err(self.refuse("a thread needs more than 32,767 registers"));
        }
        self.free = end as u16;
        self.most = self.most.max(self.free);
        Ok(first)
    }

    /// Registers that hold these words.
    pub fn words(&mut self, words: &[u32]) -> Result<u16> {
        if let Some(&known) = self.known.get(words) {
            return Ok(known);
        }
        if self.constants.len() + words.len() >= usize::from(CONSTANT) {
            return Err(self.refuse("too many constants"));
        }
        let register = CONSTANT | self.constants.len() as u16;
        self.constants.extend_from_slice(words);
        self.known.insert(words.to_vec(), register);
        Ok(register)
    }

    /// The number of a table of cells; 0 if they are in a row.
    pub fn table(&mut self, cells: Vec<u32>) -> Result<u16> {
        if cells.iter().enumerate().all(|(i, &cell)| i as u32 == cell) {
            return Ok(0);
        }
        if let Some(&known) = self.table_numbers.get(&cells) {
            return Ok(known);
        }
        let number = u16::try_from(self.tables.len()).map_err(|_| self.refuse("too many types"))?;
        self.tables.push(cells.clone());
        self.table_numbers.insert(cells, number);
        Ok(number)
    }

    /// The number of a name.
    pub fn name(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.name_numbers.get(name) {
            return known;
        }
        let (name, number): (Arc<str>, _) = (name.into(), self.names.len() as u32);
        self.names.push(name.clone());
        if !name.is_empty() {
            self.name_numbers.insert(name, number);
        }
        number
    }

    /// Registers get a constant value, or 0.
    pub fn initialise(&mut self, register: u16, size: u32, words: Option<Vec<u32>>) -> Result<()> {
        match words {
            Some(words) => {
                let constant = self.words(&words)?;
                self.emit(Op::Move, size, [register, constant, 0, 0], 0)?;
            }
            None => {
                self.emit(Op::Zero, 0, [register, 0, 0, 0], size)?;
            }
        }
        Ok(())
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

    /// The arithmetic of an instruction. Products are followed into the adds that take them, through copies, so that an
    /// add of a product counts as one multiply-add and the multiplication no more.
    fn work(&mut self, i: &Instruction) -> Work {
        let (n, pc) = (i.n, self.code.len() as u32);
        let mut work = super::operator::arithmetic(i, self.naming.1);
        let mut products = Vec::new();
        match i.op {
            Op::MulF | Op::ScaleF => products.extend((0..n).map(|_| Some(pc))),
            Op::Move => products.extend((0..n).map(|k| self.products.get(&i.a.wrapping_add(k)).copied())),
            Op::AddF | Op::SubF => {
                for k in 0..n {
                    let sources = [i.a.wrapping_add(k), i.b.wrapping_add(k)];
                    let used = sources.into_iter().filter_map(|source| self.products.get(&source).copied());
                    let open = used.into_iter().find(|&mul| self.sites[mul as usize].work.floats > 0);
                    if let Some(mul) = open {
                        self.sites[mul as usize].work.floats -= 1;
                        work.floats -= 1;
                        work.multiply_adds += 1;
                    }
                }
            }
            // Rounding keeps what it is.
            Op::RoundHalf if i.dst == i.a => return work,
            _ => {}
        }
        let size = if i.op == Op::Zero { i.imm as u16 } else { n.max(1) };
        for k in 0..size {
            let register = i.dst.wrapping_add(k);
            match products.get(usize::from(k)).copied().flatten() {
                Some(mul) => self.products.insert(register, mul),
                None => self.products.remove(&register),
            };
        }
        work
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

/// Gives the constants of an instruction their registers, behind the `most` others.
pub fn place_constants(i: &mut Instruction, most: u16) {
    let place = |register: &mut u16| {
        if *register >= CONSTANT {
            *register = (*register - CONSTANT).saturating_add(most);
        }
    };
    let takes_number = matches!(i.op, Op::Load | Op::Store | Op::Atomic(_) | Op::Texel | Op::TextureSize);
    if !takes_number {
        place(&mut i.a);
    }
    if !matches!(i.op, Op::Load | Op::Store) {
        place(&mut i.c);
    }
    place(&mut i.dst);
    place(&mut i.b);
}
