//! What a thread read, wrote and computed in a line.

use crate::microscope::instruction::{Kind, Op};
use crate::microscope::program::{Global, Program, Variable};
use crate::microscope::watch::{Access, Mode};
use serde::Serialize;
use std::sync::Arc;

/// Components of a value that are printed.
const SHOWN: usize = 8;

/// One thing that a thread did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Note {
    pub action: Action,
    /// Of a variable of the shader, or of a value that has a name.
    pub name: Arc<str>,
    /// Where in the variable, as the source writes it behind the name: `[3].y`. Nothing for all of it, and for values.
    pub place: String,
    pub values: Vec<Number>,
    /// Where the values lie in the variable: its number, and their first cell. `None` for values.
    pub cells: Option<(usize, u32)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Read,
    Write,
    /// A value got a name, or a variable of the thread's own another value.
    Compute,
}

/// A value with its kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Number {
    Float(#[serde(serialize_with = "crate::microscope::json::float")] f32),
    Signed(i32),
    Unsigned(u32),
    Bool(bool),
}

impl Number {
    pub fn new(word: u32, kind: Kind) -> Number {
        match kind {
            Kind::F32 | Kind::F16 => Number::Float(f32::from_bits(word)),
            Kind::I32 => Number::Signed(word as i32),
            Kind::U32 => Number::Unsigned(word),
            Kind::Bool => Number::Bool(word != 0),
        }
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            // As many digits as tell one f32 from another in most cases; f64 would only add noise.
            Number::Float(value) if value.abs() >= 1e6 || (*value != 0.0 && value.abs() < 1e-4) => {
                write!(f, "{value:e}")
            }
            Number::Float(value) => write!(f, "{value:?}"),
            Number::Signed(value) => write!(f, "{value}"),
            Number::Unsigned(value) => write!(f, "{value}"),
            Number::Bool(value) => write!(f, "{value}"),
        }
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}{}", self.name, self.place)?;
        f.write_str(match self.action {
            Action::Read => " is ",
            Action::Write => " becomes ",
            Action::Compute => " = ",
        })?;
        match self.values.as_slice() {
            [one] => write!(f, "{one}"),
            many => {
                let shown: Vec<_> = many.iter().take(SHOWN).map(ToString::to_string).collect();
                let more =
                    if many.len() > SHOWN { format!(", … {} in all", many.len()) } else { String::new() };
                write!(f, "({}{more})", shown.join(", "))
            }
        }
    }
}

/// What an access did that a thread has just executed; `values` are those that it read or wrote.
pub fn of_access(global: &Global, access: &Access, values: Vec<Number>) -> Note {
    let action = if access.mode == Mode::Read { Action::Read } else { Action::Write };
    Note {
        action,
        name: global.name.clone(),
        place: global.path(access.first, access.n),
        values,
        cells: Some((access.global, access.first)),
    }
}

/// The value that an instruction gave a name; `None` for all others, and for variables.
pub fn of_value(program: &Program, pc: u32, registers: &[u32]) -> Option<Note> {
    let (instruction, site) = (&program.code[pc as usize], &program.sites[pc as usize]);
    let is_elsewhere = matches!(
        instruction.op,
        Op::Load
            | Op::Store
            | Op::Index
            | Op::IndexRuntime
            | Op::Texel
            | Op::Atomic(_)
            | Op::Zero
            | Op::LoadLocal
    );
    if site.name == 0 || instruction.n == 0 || is_elsewhere {
        return None;
    }
    let words = &registers[usize::from(instruction.dst)..][..usize::from(instruction.n)];
    Some(computed(program.names[site.name as usize].clone(), words, site.kind))
}

/// What variables of the thread's own hold that the instruction has just set, or declares. Later their registers may be others'.
pub fn of_variables(program: &Program, pc: u32, registers: &[u32]) -> Vec<Note> {
    // What has no line is the start that every variable of a function is given.
    if program.line(pc) == 0 {
        return Vec::new();
    }
    let instruction = &program.code[pc as usize];
    let set = usize::from(instruction.dst)..usize::from(instruction.dst) + usize::from(instruction.n);
    let is_set = |variable: &&Variable| {
        let own = usize::from(variable.register)..usize::from(variable.register) + variable.size as usize;
        // Which of its registers this sets is not known before it runs.
        let is_open = instruction.op == Op::StoreLocal && own.contains(&set.start);
        let is_there = (variable.start..variable.end).contains(&pc);
        let is_declared = instruction.op == Op::Move && set.is_empty() && set.start == own.start;
        let is_set = sets_registers(instruction.op) && set.start < own.end && own.start < set.end;
        is_there && (is_open || is_declared || is_set)
    };
    let note = |variable: &Variable| {
        let words = &registers[usize::from(variable.register)..][..variable.size as usize];
        computed(program.names[variable.name as usize].clone(), words, variable.kind)
    };
    // Those without a name are not in the source.
    let is_named = |variable: &&Variable| !program.names[variable.name as usize].is_empty();
    program.variables.iter().filter(is_named).filter(is_set).map(note).collect()
}

fn sets_registers(op: Op) -> bool {
    !matches!(op, Op::Store | Op::StoreLocal | Op::Zero | Op::Barrier | Op::End)
        && !matches!(op, Op::Jump | Op::JumpIf | Op::JumpIfNot | Op::JumpEqual)
}

fn computed(name: Arc<str>, words: &[u32], kind: Kind) -> Note {
    let values = words.iter().map(|&word| Number::new(word, kind)).collect();
    Note { action: Action::Compute, name, place: String::new(), values, cells: None }
}
