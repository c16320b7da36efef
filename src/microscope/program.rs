//! A compiled entry point: a flat list of instructions on a thread's registers, and where each comes from.

use super::instruction::{Instruction, Kind};
use super::shape::Shape;
use naga::BuiltIn;
use std::ops::Range;
use std::sync::Arc;

/// One entry point of a shader, compiled for given overrides. Every call is inlined.
#[derive(Debug, Clone)]
pub struct Program {
    pub entry: String,
    pub source: Arc<str>,
    /// Threads of a workgroup in each direction.
    pub workgroup_size: [u32; 3],
    pub code: Vec<Instruction>,
    /// Where each instruction comes from.
    pub sites: Vec<Site>,
    /// Registers of a thread, the constants included.
    pub registers: usize,
    /// The constants, and the register of the first: they stand behind all others.
    pub constants: Vec<u32>,
    pub first_constant: usize,
    /// Registers that hold a builtin when a thread starts.
    pub builtins: Vec<(BuiltIn, u16)>,
    pub globals: Vec<Global>,
    /// Offsets of the cells of composite values, relative to their first; table 0 stands for cells in a row.
    pub tables: Vec<Vec<u32>>,
    /// Calls that were inlined; the first is the entry point itself.
    pub frames: Vec<Frame>,
    pub loops: Vec<Loop>,
    pub variables: Vec<Variable>,
    /// Names of variables and values, by number; 0 for none.
    pub names: Vec<Arc<str>>,
    /// Whether there are instructions that the threads of a subgroup execute together.
    pub uses_subgroups: bool,
}

impl Program {
    /// Whether another text means the same: wherever its lines stand, and whatever its names are.
    pub fn does_the_same(&self, other: &Program) -> bool {
        self.code == other.code
            && (&self.constants, self.first_constant) == (&other.constants, other.first_constant)
            && self.builtins == other.builtins
            && self.workgroup_size == other.workgroup_size
            && self.tables == other.tables
            && self.globals.len() == other.globals.len()
            && self.globals.iter().zip(&other.globals).all(|(one, other)| one.is_in_the_place_of(other))
    }

    pub fn threads(&self) -> usize {
        self.workgroup_size.iter().product::<u32>() as usize
    }

    /// The line of an instruction in the WGSL, counted from 1.
    pub fn line(&self, pc: u32) -> u32 {
        self.sites.get(pc as usize).map_or(0, |site| site.line)
    }

    /// The source text of an instruction's expression or statement.
    pub fn text(&self, pc: u32) -> &str {
        let Some(site) = self.sites.get(pc as usize) else { return "" };
        self.source.get(site.span.0 as usize..site.span.1 as usize).unwrap_or_default()
    }

    /// The functions that an instruction is inside of, the entry point last, each with the line it was called from.
    pub fn calls(&self, pc: u32) -> Vec<&Frame> {
        let mut at = self.sites.get(pc as usize).map(|site| site.frame);
        let mut calls = Vec::new();
        while let Some(frame) = at.and_then(|at| self.frames.get(at as usize)) {
            calls.push(frame);
            at = frame.caller;
        }
        calls
    }

    pub fn name(&self, pc: u32) -> &str {
        self.sites
            .get(pc as usize)
            .and_then(|site| self.names.get(site.name as usize))
            .map_or("", |name| name)
    }
}

/// A variable outside of the registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    pub name: Arc<str>,
    pub space: Space,
    /// What its cells hold; of a structure, what its first number is.
    pub kind: Kind,
    /// Bytes of each of its cells.
    pub width: u32,
    /// Its cells; of a runtime-sized array those before it.
    pub cells: u32,
    /// Cells from one element of its runtime-sized array to the next; 0 without one.
    pub stride: u32,
    pub(super) shape: Arc<Shape>,
}

impl Global {
    /// Whether it holds the same, in the same layout. A name says which buffer it is; workgroup memory has none.
    fn is_in_the_place_of(&self, other: &Global) -> bool {
        let of = |global: &Global| (global.space, global.width, global.cells, global.stride);
        of(self) == of(other) && (self.space == Space::Workgroup || self.name == other.name)
    }

    /// What the source calls `n` numbers from a cell on: `tile[3]`, or `tile[3].y` of an array of vectors.
    pub fn place(&self, cell: u32, n: u32) -> String {
        format!("{}{}", self.name, self.path(cell, n))
    }

    /// The same without the variable's name.
    pub fn path(&self, cell: u32, n: u32) -> String {
        self.shape.path(cell.saturating_mul(self.width), n)
    }

    /// The cells of the vector that a cell is a part of; none where it is in no vector.
    pub fn vector(&self, cell: u32) -> Range<u32> {
        let found = self.shape.vector_at(cell.saturating_mul(self.width));
        found.map_or(0..0, |(byte, n)| byte / self.width..byte / self.width + n)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Uniform,
    Storage { writable: bool },
    Workgroup,
    Texture,
}

/// A function that was inlined.
#[derive(Debug, Clone)]
pub struct Frame {
    pub function: Arc<str>,
    /// The frame that it was called from.
    pub caller: Option<u32>,
    /// The line of the call; 0 for the entry point.
    pub line: u32,
}

/// A variable of a function, in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// A number for [`Program::names`].
    pub name: u32,
    pub register: u16,
    /// Registers that it takes.
    pub size: u32,
    pub kind: Kind,
    /// The function that it is in.
    pub frame: u32,
    /// The instructions while it is there.
    pub start: u32,
    pub end: u32,
}

/// The instructions of a loop.
#[derive(Debug, Clone, Copy)]
pub struct Loop {
    pub start: u32,
    pub end: u32,
    pub line: u32,
}

/// What is known of an instruction beside what it does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Site {
    /// Bytes of the source.
    pub span: (u32, u32),
    pub line: u32,
    pub frame: u32,
    /// Of the value that is named, or of the variable that is read or written.
    pub name: u32,
    pub kind: Kind,
    pub work: Work,
}

/// Arithmetic that an instruction does for each thread, in scalars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Adds with a factor's product as an operand, the multiplication included.
    pub multiply_adds: u16,
    /// Other float arithmetic, comparisons included.
    pub floats: u16,
    /// Arithmetic on integers, comparisons included; not the address of an element.
    pub integers: u16,
}
