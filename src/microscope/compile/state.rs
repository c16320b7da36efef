//! What the compiler knows so far: registers, constants, names, and the instructions.

use super::body::Value;
use crate::microscope::instruction::{Instruction, Kind, Op};
use crate::microscope::layout::Layout;
use crate::microscope::program::{Frame, Global, Loop, Site, Variable};
use crate::microscope::source::{Lines, Refusal, Result};
use naga::valid::ModuleInfo;
use naga::{BuiltIn, GlobalVariable, Handle, Module, Span};
use std::collections::HashMap;
use std::sync::Arc;

/// Instructions of the longest program.
const LONGEST: usize = 1 << 19;
/// Registers from this one on are constants.
pub const CONSTANT: u16 = 0x8000;
/// Calls and blocks inside each other.
pub const DEEPEST: u32 = 160;

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
    pub products: HashMap<u16, u32>,
    /// The last place that a jump leads to.
    pub landing: u32,
    pub locals: Vec<Variable>,
    /// Whether there are variables that every function may change.
    pub has_private: bool,
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
                self.emit(Op::Zero, size, [register, 0, 0, 0], 0)?;
            }
        }
        Ok(())
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
