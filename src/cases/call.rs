//! A kernel with its sizes, without the type of its `Params`: what a table of all kernels can hold.

use crate::cpu::{self, Input, Output};
use crate::device::{Device, DeviceKind, Limits};
use crate::error::Result;
use crate::kernel::{Buffer, Kernel, Rounding, Rung};
use crate::reference::{Field, Params};
use crate::tensor::Tensor;

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
    /// The same kernel with other sizes, given as words in the order of the fields.
    fn with_params(&self, words: &[u32]) -> Box<dyn Call>;
    fn flop(&self) -> f64;
    /// Names of the rungs for these sizes on this device, from plain to fast.
    fn rungs(&self, device: &Device) -> Vec<&'static str>;
    /// Whether an adapter with these limits has what this rung requires, whatever the sizes.
    fn is_allowed(&self, rung: &str, limits: &Limits) -> bool;
    /// What this rung rounds to; f32 for the CPU's.
    fn rounding(&self, rung: &str) -> Rounding;
    /// What a table of tuned rungs knows it by.
    fn key(&self, device: &Device) -> String;
    /// Its name and the fingerprint of its shaders, with which that key begins.
    fn fingerprint(&self) -> String;
    /// Every rung's shader, whether or not this machine can run it.
    fn sources(&self) -> Vec<Source>;
    fn run(&self, device: &Device, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<()>;
    /// The definition, in f64.
    fn reference(&self, inputs: &[Input<f64>], outputs: &mut [Output<f64>]);
}

/// The shader of a rung.
pub struct Source {
    pub rung: &'static str,
    pub text: &'static str,
    /// The entry points that the kernel runs.
    pub entries: Vec<&'static str>,
    /// What Rust and the shader must agree on beside sizes.
    pub constants: &'static [(&'static str, f64)],
}

/// The erased form of `kernel` with `params`.
pub fn call<P: Params>(kernel: &'static Kernel<P>, params: P) -> Box<dyn Call> {
    Box::new(KernelCall { kernel, params })
}

struct KernelCall<P: 'static> {
    kernel: &'static Kernel<P>,
    params: P,
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

    fn with_params(&self, words: &[u32]) -> Box<dyn Call> {
        call(self.kernel, P::from_words(words))
    }

    fn flop(&self) -> f64 {
        (self.kernel.flop)(&self.params)
    }

    fn rungs(&self, device: &Device) -> Vec<&'static str> {
        let names = self.kernel.rung_names(device.kind());
        if device.kind() == DeviceKind::Cpu {
            return names;
        }
        let usable = self.kernel.rungs.iter().map(|rung| rung.usable(device.limits(), &self.params));
        names.into_iter().zip(usable).filter(|(_, usable)| *usable).map(|(name, _)| name).collect()
    }

    fn is_allowed(&self, rung: &str, limits: &Limits) -> bool {
        self.kernel.rungs.iter().any(|known| known.name == rung && (known.requires)(limits))
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
            text: rung.source,
            entries: rung.passes.iter().map(|pass| pass.entry).collect(),
            constants: rung.constants,
        };
        self.kernel.rungs.iter().map(source).collect()
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
