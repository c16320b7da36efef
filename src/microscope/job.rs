//! A kernel with its sizes, compiled: all passes of a rung, and the buffers that they share.

use super::buffers::Buffer;
use super::compile::compile;
use super::program::Program;
use super::source::{Refusal, Result};
use crate::cases::Call;
use crate::kernel::{Buffer as Declared, Usage};

/// A rung of a kernel at given sizes.
#[derive(Debug)]
pub struct Job {
    /// The kernel's name, such as `dense.forward`.
    pub kernel: &'static str,
    /// Its shader's, under `shaders`.
    pub file: String,
    pub passes: Vec<Pass>,
    /// The sizes, as the uniform holds them.
    pub params: Vec<u32>,
    inputs: &'static [Declared],
    outputs: &'static [Declared],
    /// Words of the buffer that passes share; 0 for none.
    scratch: usize,
}

/// One dispatch.
#[derive(Debug)]
pub struct Pass {
    pub program: Program,
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
        let plan = plan.ok_or_else(|| Refusal::new(format!("{}: no rung {rung} for these sizes", call.name())))?;
        let overrides: Vec<_> =
            plan.overrides.iter().copied().chain([("SUBGROUP", f64::from(subgroup))]).collect();
        let text = text.unwrap_or(&plan.text);
        let passes = plan.passes.iter().map(|pass| {
            let program = compile(text, pass.entry, &overrides)?;
            Ok(Pass { program, groups: pass.groups, textures: pass.textures })
        });
        let passes = passes.collect::<Result<_>>()?;
        let (inputs, outputs) = (call.inputs(), call.outputs());
        let (params, kernel) = (call.words(), call.name());
        Ok(Job { kernel, file: plan.file, passes, params, inputs, outputs, scratch: plan.scratch })
    }

    /// Buffers with these words, and the scratch between the passes.
    pub fn buffers(&self, inputs: &[Vec<u32>], outputs: &[Vec<u32>]) -> Vec<Buffer> {
        let input = |(buffer, words): (&Declared, &Vec<u32>)| Buffer::new(buffer.name, words.clone(), true);
        let output = |(buffer, words): (&Declared, &Vec<u32>)| {
            Buffer::new(buffer.name, words.clone(), buffer.usage != Usage::Write)
        };
        let inputs = self.inputs.iter().zip(inputs).map(input);
        let outputs = self.outputs.iter().zip(outputs).map(output);
        let scratch = Buffer::new("scratch", vec![POISON; self.scratch], false);
        inputs.chain(outputs).chain((self.scratch > 0).then_some(scratch)).collect()
    }

    /// The outputs among the buffers.
    pub fn outputs(&self, buffers: Vec<Buffer>) -> Vec<Vec<u32>> {
        let outputs = buffers.into_iter().skip(self.inputs.len()).take(self.outputs.len());
        outputs.map(|buffer| buffer.words).collect()
    }

    /// Names of the outputs.
    pub fn output_names(&self) -> impl Iterator<Item = &'static str> {
        self.outputs.iter().map(|output| output.name)
    }
}
