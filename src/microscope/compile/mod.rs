//! From naga's checked form to a flat list of instructions.
//!
//! Every value has registers of its own, components one after the other; pointers exist only here, as a variable with an
//! offset. Calls are inlined, each with its own copy of the callee's registers. Blocks give their registers back.

mod access;
mod body;
mod constant;
mod control;
mod convert;
mod expression;
mod math;
mod operator;
mod products;
mod state;
mod statement;

use super::instruction::{Kind, Op};
use super::program::{Frame, Global, Program, Space};
use super::source::{self, Parsed, Refusal, Result};
use body::{Body, Value};
use naga::{AddressSpace, BuiltIn, ImageClass, ImageDimension, ShaderStage, TypeInner};
use state::Compiler;
use std::sync::Arc;

/// Threads of the largest workgroup.
const MOST_THREADS: u64 = 1024;
/// Bytes of the most workgroup memory.
const MOST_SHARED: u64 = 256 << 10;
/// Cells of the largest uniform: 64 KiB are what every adapter binds.
const MOST_UNIFORM: u32 = 16 << 10;
/// Registers of all threads of a group together.
const MOST_REGISTERS: usize = 1 << 24;

/// Compiles `entry` of the WGSL in `text`, with these values for overrides; those that it does not declare are left out.
///
/// # Errors
/// What naga refuses, and what this interpreter does not know, with its line.
pub fn compile(text: &str, entry: &str, overrides: &[(&str, f64)]) -> Result<Program> {
    compile_parsed(&source::parse(text)?, entry, overrides)
}

/// The same for a text that is parsed.
pub(super) fn compile_parsed(parsed: &Parsed, entry: &str, overrides: &[(&str, f64)]) -> Result<Program> {
    let checked = source::check(parsed, entry, overrides)?;
    let text = &*parsed.text;
    let module = &checked.module;
    let is_it = |known: &naga::EntryPoint| known.name == entry && known.stage == ShaderStage::Compute;
    let index = module.entry_points.iter().position(is_it).expect("the check found it");
    let main = &module.entry_points[index];
    let threads: u64 = main.workgroup_size.iter().map(|&size| u64::from(size)).product();
    if threads > MOST_THREADS || threads == 0 {
        return Err(Refusal::new(format!(
            "{entry}: groups of {threads} threads, not of 1 to {MOST_THREADS}"
        )));
    }
    let mut compiler = Compiler::new(module, &checked.info, text)?;
    compiler.frames.push(Frame { function: entry.into(), caller: None, line: 0 });
    let info = checked.info.get_entry_point(index);
    compiler.globals(info)?;
    let mut body = Body::new(&main.function, info);
    compiler.arguments(&mut body)?;
    compiler.function(&mut body)?;
    compiler.emit(Op::End, 0, [0; 4], 0)?;
    compiler.finish(main, text)
}

impl Compiler<'_> {
    /// Lists the variables of the module that the entry point uses.
    fn globals(&mut self, info: &naga::valid::FunctionInfo) -> Result<()> {
        let module = self.module;
        let mut shared = 0;
        for (handle, variable) in
            module.global_variables.iter().filter(|(handle, _)| !info[*handle].is_empty())
        {
            self.span = module.global_variables.get_span(handle);
            let name: Arc<str> = variable.name.as_deref().unwrap_or("").into();
            let inner = &module.types[variable.ty].inner;
            let space = match variable.space {
                AddressSpace::Private => {
                    self.has_private = true;
                    let size = size_of(inner, self)?;
                    let register = self.allocate(size)?;
                    let init = self.initial(variable.init, &module.global_expressions)?;
                    self.initialise(register, size, init)?;
                    let of = self.name(&name);
                    self.variables.insert(handle, Value::local(register, of));
                    continue;
                }
                AddressSpace::Uniform => Space::Uniform,
                AddressSpace::Storage { access } => {
                    Space::Storage { writable: access.contains(naga::StorageAccess::STORE) }
                }
                AddressSpace::WorkGroup => Space::Workgroup,
                AddressSpace::Handle => match inner {
                    TypeInner::Image {
                        dim: ImageDimension::D2,
                        arrayed: false,
                        class: ImageClass::Sampled { kind: naga::ScalarKind::Float, multi: false },
                    } => Space::Texture,
                    _ => return Err(self.refuse("of textures, only texture_2d<f32>")),
                },
                _ => return Err(self.refuse("no variables in this address space")),
            };
            let (kind, width, cells, stride) = if space == Space::Texture {
                (Kind::F32, 4, 0, 0)
            } else {
                let kind = self.layout.kind(inner).map_err(|why| self.at(why))?;
                let width = self.layout.width(inner).map_err(|why| self.at(why))?;
                let cells = self.layout.cells(variable.ty, width);
                (kind, width, cells, self.layout.runtime_stride(variable.ty, width))
            };
            if space == Space::Uniform && width != 4 {
                return Err(self.refuse("a uniform of numbers that have no 32 bits"));
            }
            if space == Space::Uniform && cells > MOST_UNIFORM {
                return Err(self.refuse(&format!("a uniform of more than {MOST_UNIFORM} numbers")));
            }
            if space == Space::Workgroup {
                shared += u64::from(cells) * u64::from(width);
                if shared > MOST_SHARED {
                    return Err(self.refuse(&format!("more than {MOST_SHARED} bytes of workgroup memory")));
                }
            }
            let (element, components) = self.layout.element(variable.ty, width);
            let number = self.global_list.len() as u16;
            if number > 64 {
                return Err(self.refuse("more than 64 variables"));
            }
            let of = self.name(&name);
            self.variables.insert(handle, Value::global(number, width, of));
            self.global_list.push(Global { name, space, kind, width, cells, stride, element, components });
        }
        Ok(())
    }

    /// Registers for the builtins that the entry point takes.
    fn arguments(&mut self, body: &mut Body) -> Result<()> {
        for argument in &body.function.arguments {
            let inner = &self.module.types[argument.ty].inner;
            let register = self.allocate(size_of(inner, self)?)?;
            let value = match (&argument.binding, inner) {
                (Some(naga::Binding::BuiltIn(builtin)), _) => {
                    self.builtin(*builtin, register)?;
                    register
                }
                (None, TypeInner::Struct { members, .. }) => {
                    for (index, member) in members.iter().enumerate() {
                        let Some(naga::Binding::BuiltIn(builtin)) = member.binding else {
                            return Err(self.refuse("an argument that is no builtin"));
                        };
                        let offset = self.layout.member(inner, index as u32, None)?;
                        self.builtin(builtin, register + offset as u16)?;
                    }
                    register
                }
                _ => return Err(self.refuse("an argument that is no builtin")),
            };
            body.arguments.push(Value::Register(value));
        }
        Ok(())
    }

    fn builtin(&mut self, builtin: BuiltIn, register: u16) -> Result<()> {
        match builtin {
            BuiltIn::GlobalInvocationId
            | BuiltIn::LocalInvocationId
            | BuiltIn::LocalInvocationIndex
            | BuiltIn::WorkGroupId
            | BuiltIn::WorkGroupSize
            | BuiltIn::NumWorkGroups
            | BuiltIn::NumSubgroups
            | BuiltIn::SubgroupId
            | BuiltIn::SubgroupSize
            | BuiltIn::SubgroupInvocationId => {
                self.builtins.push((builtin, register));
                Ok(())
            }
            other => Err(self.refuse(&format!("no builtin {other:?}"))),
        }
    }

    fn finish(mut self, main: &naga::EntryPoint, text: &str) -> Result<Program> {
        let (first_constant, constants) = (usize::from(self.most), self.constants);
        let registers = first_constant + constants.len();
        let threads = main.workgroup_size.iter().product::<u32>() as usize;
        if registers > usize::from(u16::MAX) || registers * threads > MOST_REGISTERS {
            let what = format!("{registers} registers for each of {threads} threads: too many");
            return Err(Refusal::new(what));
        }
        // Constants were numbered apart while the number of other registers was open.
        for instruction in &mut self.code {
            state::place_constants(instruction, self.most);
        }
        Ok(Program {
            entry: main.name.clone(),
            source: text.into(),
            workgroup_size: main.workgroup_size,
            uses_subgroups: self.code.iter().any(|instruction| matches!(instruction.op, Op::Subgroup(_))),
            code: self.code,
            sites: self.sites,
            registers,
            constants,
            first_constant,
            builtins: self.builtins,
            globals: self.global_list,
            tables: self.tables,
            frames: self.frames,
            loops: self.loops,
            variables: self.locals,
            names: self.names,
        })
    }
}

fn size_of(inner: &TypeInner, compiler: &Compiler) -> Result<u32> {
    compiler.layout.registers(inner).map_err(|why| compiler.at(why))
}
