//! A kernel with its sizes, without the type of its `Params`: what a table of all kernels can hold.

use crate::cpu::{self, Input, Output};
use crate::device::{Device, DeviceKind, Limits};
use crate::error::Result;
use crate::kernel::{Buffer, Kernel, PLAIN, Pass, Rounding, Rung};
use crate::reference::{Field, Params};
use crate::tensor::Tensor;
use std::borrow::Cow;

/// One kernel and one set of sizes.
pub trait Call: Send + Sync {
    fn name(&self) -> &'static str;
    fn op(&self) -> &'static str;
    fn inputs(&self) -> &'static [Buffer];
    /// Flags last.
    fn outputs(&self) -> &'static [Buffer];
    fn params(&self) -> String;
    fn fields(&self) -> &'static [Field];
    /// The sizes as words, in the order of the fields.
    fn words(&self) -> Vec<u32>;
    fn flop(&self) -> f64;
    /// Names of the rungs for these sizes on this device, from plain to fast.
    fn rungs(&self, device: &Device) -> Vec<&'static str>;
    /// The rung that an adapter with these limits takes unless another is asked for, and why it takes none of those that
    /// come after it.
    fn default_rung(&self, limits: &Limits) -> Option<DefaultRung>;
    /// What this rung requires, whatever the sizes, that an adapter with these limits lacks.
    fn lacks(&self, rung: &str, limits: &Limits) -> Option<&'static str>;
    /// What this rung rounds to; f32 for the CPU's.
    fn rounding(&self, rung: &str) -> Rounding;
    /// What a table of tuned rungs knows it by.
    fn key(&self, device: &Device) -> String;
    /// Its name and the fingerprint of its shaders, with which that key begins.
    fn fingerprint(&self) -> String;
    /// Every rung's shader, whether or not this machine can run it.
    fn sources(&self) -> Vec<Source>;
    /// The dispatches of a rung; `None` where there is no such rung for these sizes.
    fn plan(&self, rung: &str) -> Option<Plan>;
    fn run(&self, device: &Device, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<()>;
    /// The definition, in f64.
    fn reference(&self, inputs: &[Input<f64>], outputs: &mut [Output<f64>]);
}

/// The rung that an adapter takes unless another is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct DefaultRung {
    pub rung: &'static str,
    /// Those that come after it, each with what speaks against it there.
    pub others: Vec<(&'static str, &'static str)>,
}

/// The shader of a rung.
pub struct Source {
    pub rung: &'static str,
    /// Under `shaders`.
    pub file: String,
    pub text: Cow<'static, str>,
    /// The entry points that the kernel runs.
    pub entries: Vec<&'static str>,
    /// What Rust and the shader must agree on beside sizes.
    pub constants: &'static [(&'static str, f64)],
    /// A value for every `override` that the shader may declare: with them it is compiled for these sizes.
    pub overrides: Vec<(&'static str, f64)>,
    /// Whether the rung covers these sizes.
    pub fits: bool,
}

/// What a rung does on a GPU: all that it takes to do the same elsewhere.
pub struct Plan {
    /// Under `shaders`.
    pub file: String,
    pub text: Cow<'static, str>,
    /// A value for every `override` that the shader may declare.
    pub overrides: Vec<(&'static str, f64)>,
    /// Words of the buffer `scratch`; 0 for none.
    pub scratch: usize,
    pub passes: Vec<Dispatch>,
}

/// One pass of a rung.
pub struct Dispatch {
    pub entry: &'static str,
    /// Workgroups in each direction.
    pub groups: [u32; 3],
    /// Textures, each with the buffer that is copied into it before.
    pub textures: &'static [(&'static str, &'static str)],
}

/// The erased form of `kernel` with `params`.
pub fn call<P: Params>(kernel: &'static Kernel<P>, params: P) -> Box<dyn Call> {
    Box::new(KernelCall { kernel, params })
}

struct KernelCall<P: 'static> {
    kernel: &'static Kernel<P>,
    params: P,
}

impl<P: Params> KernelCall<P> {
    /// The name of a rung's shader.
    fn file(&self, rung: &Rung<P>) -> String {
        match rung.file {
            PLAIN => format!("{}.wgsl", self.kernel.op()),
            file => format!("{}.{file}.wgsl", self.kernel.op()),
        }
    }
}

impl<P: Params> Call for KernelCall<P> {
    fn name(&self) -> &'static str {
        self.kernel.name
    }

    fn op(&self) -> &'static str {
        self.kernel.op()
    }

    fn inputs(&self) -> &'static [Buffer] {
        self.kernel.inputs()
    }

    fn outputs(&self) -> &'static [Buffer] {
        self.kernel.outputs()
    }

    fn params(&self) -> String {
        format!("{:?}", self.params)
    }

    fn fields(&self) -> &'static [Field] {
        P::FIELDS
    }

    fn words(&self) -> Vec<u32> {
        self.params.words()
    }

    fn flop(&self) -> f64 {
        (self.kernel.flop)(&self.params)
    }

    fn rungs(&self, device: &Device) -> Vec<&'static str> {
        let names = self.kernel.rung_names(device.kind());
        if device.kind() == DeviceKind::Cpu {
            return names;
        }
        let usable =
            self.kernel.rungs.iter().map(|rung| rung.problem(device.limits(), &self.params).is_none());
        names.into_iter().zip(usable).filter(|(_, usable)| *usable).map(|(name, _)| name).collect()
    }

    fn default_rung(&self, limits: &Limits) -> Option<DefaultRung> {
        let rung = self.kernel.default_rung(limits, &self.params)?;
        let later = self.kernel.rungs.iter().rev().take_while(|later| later.name != rung.name);
        let problem = |later: &Rung<P>| Some((later.name, later.problem_as_default(limits, &self.params)?));
        let others: Vec<_> = later.filter_map(problem).collect();
        Some(DefaultRung { rung: rung.name, others: others.into_iter().rev().collect() })
    }

    fn lacks(&self, rung: &str, limits: &Limits) -> Option<&'static str> {
        self.kernel.rungs.iter().find(|known| known.name == rung).and_then(|rung| (rung.lacks)(limits))
    }

    fn rounding(&self, rung: &str) -> Rounding {
        let known = self.kernel.rungs.iter().find(|known| known.name == rung);
        known.map_or(Rounding::F32, |rung| rung.error)
    }

    fn key(&self, device: &Device) -> String {
        self.kernel.key(device, &self.params)
    }

    fn fingerprint(&self) -> String {
        self.kernel.fingerprint()
    }

    fn sources(&self) -> Vec<Source> {
        let source = |rung: &Rung<P>| Source {
            rung: rung.name,
            file: self.file(rung),
            text: rung.text(),
            entries: rung.passes.iter().map(|pass| pass.entry).collect(),
            constants: rung.constants,
            overrides: rung.overrides(&self.params),
            fits: (rung.only_for)(&self.params).is_none(),
        };
        self.kernel.rungs.iter().map(source).collect()
    }

    fn plan(&self, rung: &str) -> Option<Plan> {
        let rung = self.kernel.rungs.iter().find(|known| known.name == rung)?;
        // Grids and scratch have no meaning for sizes that it is not for.
        if (rung.only_for)(&self.params).is_some() {
            return None;
        }
        let dispatch = |pass: &Pass<P>| Dispatch {
            entry: pass.entry,
            groups: pass.grid.groups(&self.params),
            textures: pass.textures,
        };
        Some(Plan {
            file: self.file(rung),
            text: rung.text(),
            overrides: rung.overrides(&self.params),
            scratch: (rung.scratch)(&self.params),
            passes: rung.passes.iter().map(dispatch).collect(),
        })
    }

    fn run(&self, device: &Device, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<()> {
        self.kernel.run(device, &self.params, inputs, outputs)
    }

    fn reference(&self, inputs: &[Input<f64>], outputs: &mut [Output<f64>]) {
        let items = (self.kernel.reference.items)(&self.params);
        let flags = self.kernel.flags();
        cpu::run_reference(self.kernel.reference.f64, &self.params, items, inputs, outputs, flags);
    }
}
