//! A kernel with its sizes, compiled: all passes of a rung, and the buffers that they share.

use super::buffers::{Buffer, buffer_of};
use super::compile::{compile, compile_parsed};
use super::program::{Global, Program, Space};
use super::source::{Refusal, Result, parse};
use crate::cases::{Call, Dispatch};
use crate::kernel::{Buffer as Declared, Usage};
use std::sync::Arc;

/// A rung of a kernel at given sizes.
#[derive(Debug)]
pub struct Job {
    /// The kernel's name, such as `dense.forward`.
    pub kernel: String,
    /// Its shader's, under `shaders`.
    pub file: String,
    pub passes: Vec<Pass>,
    /// The sizes, as the uniform holds them.
    pub params: Vec<u32>,
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
    /// Words of the buffer that passes share; 0 for none.
    scratch: usize,
}

/// A buffer that a job needs.
#[derive(Debug, Clone)]
struct Slot {
    name: String,
    /// Whether it holds values that may be read before anything is written.
    is_known: bool,
}

/// One dispatch.
#[derive(Debug)]
pub struct Pass {
    pub program: Arc<Program>,
    /// Workgroups in each direction.
    pub groups: [u32; 3],
    /// Textures, each with the buffer that is copied into it before.
    pub textures: &'static [(&'static str, &'static str)],
}

impl Pass {
    /// Workgroup number `index`, counted along x first.
    pub fn group(&self, index: u64) -> [u32; 3] {
        let [x, y, _] = self.groups.map(u64::from);
        [(index % x) as u32, (index / x % y) as u32, (index / x / y) as u32]
    }

    /// The number of a workgroup.
    pub fn index(&self, [x, y, z]: [u32; 3]) -> u64 {
        let [width, height, _] = self.groups.map(u64::from);
        (u64::from(z) * height + u64::from(y)) * width + u64::from(x)
    }

    /// How many workgroups there are.
    pub fn len(&self) -> u64 {
        self.groups.map(u64::from).iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is in a buffer that nothing was written to: a NaN.
const POISON: u32 = 0x7fc0_dead;

impl Job {
    /// Compiles a rung; `subgroup` is the number of threads of a subgroup.
    ///
    /// # Errors
    /// A rung that is not there for these sizes, and a shader that is not understood.
    pub fn new(call: &dyn Call, rung: &str, subgroup: u32) -> Result<Job> {
        Job::compile(call, rung, subgroup, None)
    }

    /// The same with another text in the place of the rung's shader.
    ///
    /// # Errors
    /// As [`new`](Job::new).
    pub fn with_text(call: &dyn Call, rung: &str, subgroup: u32, text: &str) -> Result<Job> {
        Job::compile(call, rung, subgroup, Some(text))
    }

    fn compile(call: &dyn Call, rung: &str, subgroup: u32, text: Option<&str>) -> Result<Job> {
        let plan = call.plan(rung);
        let plan =
            plan.ok_or_else(|| Refusal::new(format!("{}: no rung {rung} for these sizes", call.name())))?;
        let overrides: Vec<_> =
            plan.overrides.iter().copied().chain([("SUBGROUP", f64::from(subgroup))]).collect();
        let text = text.unwrap_or(&plan.text);
        let parsed = parse(text)?;
        let pass = |pass: &Dispatch| {
            let program = Arc::new(compile_parsed(&parsed, pass.entry, &overrides)?);
            Ok(Pass { program, groups: pass.groups, textures: pass.textures })
        };
        let passes = plan.passes.iter().map(pass).collect::<Result<_>>()?;
        let slot = |buffer: &Declared| Slot {
            name: buffer.name.to_string(),
            is_known: buffer.usage != Usage::Write,
        };
        let [inputs, outputs] = [call.inputs(), call.outputs()].map(|slots| slots.iter().map(slot).collect());
        let (params, kernel) = (call.words(), call.name().to_string());
        Ok(Job { kernel, file: plan.file, passes, params, inputs, outputs, scratch: plan.scratch })
    }

    /// One entry point of any WGSL, dispatched in so many groups. `params` is what its uniform holds; of its buffers,
    /// `inputs` hold values from the beginning, and `outputs` do not.
    ///
    /// # Errors
    /// A shader that is not understood.
    pub fn of_text(
        text: &str,
        entry: &str,
        groups: [u32; 3],
        params: &[u32],
        [inputs, outputs]: [&[&str]; 2],
    ) -> Result<Job> {
        let passes = vec![Pass { program: Arc::new(compile(text, entry, &[])?), groups, textures: &[] }];
        let slots = |names: &[&str], is_known| {
            names.iter().map(|name| Slot { name: name.to_string(), is_known }).collect()
        };
        let (inputs, outputs) = (slots(inputs, true), slots(outputs, false));
        let (kernel, file, params) = (entry.to_string(), String::new(), params.to_vec());
        Ok(Job { kernel, file, passes, params, inputs, outputs, scratch: 0 })
    }

    /// Buffers with these words, and the scratch between the passes.
    pub fn buffers(&self, inputs: &[Vec<u32>], outputs: &[Vec<u32>]) -> Vec<Buffer> {
        let buffer =
            |(slot, words): (&Slot, &Vec<u32>)| Buffer::new(&slot.name, words.clone(), slot.is_known);
        let inputs = self.inputs.iter().zip(inputs).map(buffer);
        let outputs = self.outputs.iter().zip(outputs).map(buffer);
        let scratch = Buffer::new("scratch", vec![POISON; self.scratch], false);
        inputs.chain(outputs).chain((self.scratch > 0).then_some(scratch)).collect()
    }

    /// The outputs among the buffers.
    pub fn outputs(&self, buffers: Vec<Buffer>) -> Vec<Vec<u32>> {
        let outputs = buffers.into_iter().skip(self.inputs.len()).take(self.outputs.len());
        outputs.map(|buffer| buffer.words).collect()
    }

    /// Whether any pass writes to the buffer behind a variable of `pass`.
    pub fn makes(&self, buffers: &[Buffer], pass: &Pass, global: &Global) -> bool {
        let Some(buffer) = buffer_of(buffers, global, pass.textures) else { return false };
        let writes = |global: &Global| {
            global.space == Space::Storage { writable: true }
                && buffer_of(buffers, global, &[]) == Some(buffer)
        };
        self.passes.iter().any(|pass| pass.program.globals.iter().any(writes))
    }

    /// Names of the outputs.
    pub fn output_names(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|output| output.name.as_str())
    }
}
