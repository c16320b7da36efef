//! A kernel and its meaning as one value: the shader's entry points, the CPU code, and the reference.
//!
//! [`Kernel::run`] picks what the device can do; everything above is written once and runs with or
//! without a GPU. A *rung* is one way to compute a kernel. Every kernel has a plain rung to learn
//! from; faster ones are further files with the same entry points and binding numbers.

mod macros;
mod rung;
mod slices;

pub(crate) use macros::{call, fast, kernel};
pub use rung::{Grid, PLAIN, Pass, Rounding, Rung, flat_grid};
pub use slices::{FromInput, FromOutput, Input, Output};

use crate::cpu;
use crate::device::bindings::Part;
use crate::device::{Device, DeviceKind, Label};
use crate::error::{Error, Result, error};
use crate::reference::Params;
use crate::tensor::{Kind, Tensor};
use std::fmt::Write;
use std::ops::Range;

/// One computation, such as `conv2d.backward_w`.
pub struct Kernel<P: 'static> {
    /// `op.function`: the function in `reference/<op>.rs` and the entry point in `shaders/<op>.wgsl`.
    pub name: &'static str,
    /// Names of the buffers that are read, as in the shader.
    pub inputs: &'static [&'static str],
    /// Names of the buffers that are written. Their old values may be read (Adam's moments).
    pub outputs: &'static [&'static str],
    /// Names of one-word outputs that any thread may raise and none lowers.
    pub flags: &'static [&'static str],
    pub reference: Reference<P>,
    /// A fast version for the CPU, where the reference's loops are hopeless.
    pub cpu: Option<CpuFunction<P, f32>>,
    /// Ways to compute it on a GPU, from plain to fast.
    pub rungs: &'static [Rung<P>],
    /// Floating-point operations of one call; 0 for kernels whose time is that of moving bytes.
    pub flop: fn(&P) -> f64,
}

/// The definition in `f32` and in `f64`, and how many items of output may be split over threads.
pub struct Reference<P: 'static> {
    pub items: fn(&P) -> usize,
    pub f32: ReferenceFunction<P, f32>,
    pub f64: ReferenceFunction<P, f64>,
}

/// Computes a range of items: whole inputs, and outputs that hold just those items.
pub type ReferenceFunction<P, T> = fn(&P, Range<usize>, &[Input<T>], &mut [Output<T>]);
/// Computes everything: whole inputs and whole outputs.
pub type CpuFunction<P, T> = fn(&P, &[Input<T>], &mut [Output<T>]);

impl<P: Params> Kernel<P> {
    /// Computes `outputs` from `inputs`, each in the order of the names.
    ///
    /// # Errors
    /// What the device reports, and a rung that was forced but cannot be used.
    pub fn run(&self, device: &Device, params: &P, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<()> {
        assert_eq!(inputs.len(), self.inputs.len(), "inputs of {}", self.name);
        assert_eq!(outputs.len(), self.outputs.len() + self.flags.len(), "outputs of {}", self.name);
        match device.kind() {
            DeviceKind::Cpu => self.run_on_cpu(device, params, inputs, outputs),
            DeviceKind::Software | DeviceKind::Gpu => {
                let rung = self.choose(device, params)?;
                self.run_rung(rung, device, params, inputs, outputs)
            }
        }
    }

    /// The op that the kernel belongs to.
    pub fn op(&self) -> &'static str {
        self.name.split('.').next().expect("a kernel's name has two parts")
    }

    /// Names of the rungs that a device of this kind knows, from plain to fast.
    pub fn rung_names(&self, kind: DeviceKind) -> Vec<&'static str> {
        match kind {
            DeviceKind::Cpu => [cpu::REFERENCE].into_iter().chain(self.cpu.map(|_| cpu::FAST)).collect(),
            DeviceKind::Software | DeviceKind::Gpu => self.rungs.iter().map(|rung| rung.name).collect(),
        }
    }

    /// The rung for these sizes: the one that was forced for the op, else the one that was taken for them before, else
    /// the one that was tuned for them, else the last default that can be used.
    ///
    /// It never depends on a timing made while training: equal settings give equal bits.
    fn choose(&self, device: &Device, params: &P) -> Result<&Rung<P>> {
        let limits = device.limits();
        let [plain] = self.rungs else { return self.choose_of_many(device, params) };
        plain.usable(limits, params).then_some(plain).ok_or_else(|| self.no_rung(device, params))
    }

    fn choose_of_many(&self, device: &Device, params: &P) -> Result<&Rung<P>> {
        let (rungs, limits) = (device.rungs(), device.limits());
        let key = self.key(device, params);
        let named = |name: &str| self.rungs.iter().find(|rung| rung.name == name);
        let usable = |rung: &&Rung<P>| rung.usable(limits, params);
        // Not every kernel of an op has every rung: some have none but the plain one.
        let rung = if let Some(rung) = rungs.forced(self.op()).and_then(|name| named(&name)) {
            Some(rung).filter(usable).ok_or_else(|| {
                error!(
                    Usage,
                    "the rung {} cannot compute {} of {params:?} on {}: leave out --rung",
                    rung.name,
                    self.name,
                    device.name()
                )
            })?
        } else {
            // What was taken before comes first: the smaller last batch of an epoch runs with the rung of the others,
            // so that one key has one rung.
            let before = || rungs.noted(&key).and_then(|name| named(&name)).filter(usable);
            let tuned = || rungs.tuned(&key).and_then(|name| named(&name)).filter(usable);
            let by_default = |rung: &&Rung<P>| (rung.default_on)(limits) && usable(rung);
            let rung = before().or_else(tuned).or_else(|| self.rungs.iter().rev().find(by_default));
            rung.ok_or_else(|| self.no_rung(device, params))?
        };
        rungs.note(key, rung.name);
        Ok(rung)
    }

    fn no_rung(&self, device: &Device, params: &P) -> Error {
        error!(Usage, "no rung can compute {} of {params:?} on {}", self.name, device.name())
    }

    /// What a table of tuned rungs knows this kernel at these sizes by: its [`fingerprint`](Kernel::fingerprint) and all
    /// sizes but the batch: the last one of an epoch may be smaller.
    pub(crate) fn key(&self, device: &Device, params: &P) -> String {
        let mut key = device.rungs().fingerprint(self.name, || self.fingerprint());
        let sizes = P::FIELDS.iter().zip(params.words());
        for (field, word) in sizes.filter(|(field, _)| field.name != "batch" && field.kind != "f32") {
            let _ = write!(key, " {}={}", field.name, word as i32);
        }
        key
    }

    /// Its name and eight digits that change when a rung is added, or its shader or constants are edited: what was
    /// tuned before may not be the best any more.
    pub(crate) fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for rung in self.rungs {
            hasher.update(format!("{} {:?}\n{}", rung.name, rung.constants, rung.source).as_bytes());
        }
        format!("{}@{}", self.name, &hasher.finalize().to_hex()[..8])
    }

    fn run_on_cpu(&self, device: &Device, params: &P, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<()> {
        let bytes = inputs.iter().chain(outputs).map(|tensor| tensor.len() as f64 * 4.0).sum();
        let input_words: Vec<_> = inputs.iter().map(|tensor| tensor.words()).collect();
        let inputs: Vec<_> = inputs
            .iter()
            .zip(&input_words)
            .map(|(tensor, words)| match tensor.kind() {
                Kind::F32 => Input::Float(bytemuck::cast_slice(words)),
                Kind::U32 => Input::Uint(words),
            })
            .collect();
        let mut output_words: Vec<_> = outputs.iter().map(|tensor| tensor.words_mut()).collect();
        let mut outputs: Vec<_> = outputs
            .iter()
            .zip(&mut output_words)
            .map(|(tensor, words)| match tensor.kind() {
                Kind::F32 => Output::Float(bytemuck::cast_slice_mut(words)),
                Kind::U32 => Output::Uint(words),
            })
            .collect();
        let plain = device.rungs().forced(self.op()).is_some_and(|name| name == cpu::REFERENCE);
        let fast = self.cpu.filter(|_| !plain);
        let rung = if fast.is_some() { cpu::FAST } else { cpu::REFERENCE };
        device.measure(
            || self.label(device, (rung, self.name), params, bytes, 1),
            || match fast {
                Some(fast) => fast(params, &inputs, &mut outputs),
                None => {
                    let (items, flags) = ((self.reference.items)(params), self.flags.len());
                    cpu::run_reference(self.reference.f32, params, items, &inputs, &mut outputs, flags);
                }
            },
        );
        Ok(())
    }

    /// What a profile says of one of `passes` passes that uses `bytes` bytes of buffers.
    fn label(
        &self,
        device: &Device,
        (rung, pass): (&'static str, &'static str),
        params: &P,
        bytes: f64,
        passes: usize,
    ) -> Label {
        let flop = (self.flop)(params) / passes as f64;
        Label { scope: device.scope(), kernel: self.name, rung, pass, flop, bytes, groups: None }
    }

    /// Computes with this rung on a GPU.
    fn run_rung(
        &self,
        rung: &Rung<P>,
        device: &Device,
        params: &P,
        inputs: &[&Tensor],
        outputs: &[&Tensor],
    ) -> Result<()> {
        let gpu = device.gpu().expect("rungs run on a GPU");
        let words = params.words();
        let constants: Vec<_> = sizes(params).into_iter().chain(rung.constants.iter().copied()).collect();

        let file = format!("{}.{}", self.op(), rung.name);

        let scratch = match (rung.scratch)(params) {
            0 => None,
            words => Some(Tensor::empty(device, &[words], Kind::F32)?),
        };
        let names = self.inputs.iter().chain(self.outputs).chain(self.flags).chain(&["scratch"]);
        let tensors = inputs.iter().chain(outputs).copied().chain(&scratch);
        let buffers: Vec<_> = names
            .zip(tensors)
            .map(|(&name, tensor)| {
                let (buffer, offset, len) = tensor.gpu_part();
                Part { name, buffer, offset, len }
            })
            .collect();

        for pass in rung.passes {
            let pipeline = gpu.pipeline(&file, rung.source, pass.entry, &constants)?;
            let is_used = |part: &&Part| pass.buffers.is_empty() || pass.buffers.contains(&part.name);
            let used: Vec<_> = buffers.iter().filter(is_used).copied().collect();
            let named = |name| buffers.iter().find(|part| part.name == name);
            let textures: Vec<_> = pass
                .textures
                .iter()
                .map(|&(texture, source)| {
                    (texture, *named(source).expect("textures are copied from buffers"))
                })
                .collect();
            let groups = match pass.grid {
                Grid::Threads(threads) => flat_grid(threads(params)),
                Grid::Groups(groups) => groups(params),
            };
            let bytes = used.iter().map(|part| part.len as f64).sum();
            let label = self.label(device, (rung.name, pass.entry), params, bytes, rung.passes.len());
            gpu.dispatch(&pipeline, &words, &used, &textures, groups, label)?;
        }
        Ok(())
    }
}

/// A value for every `override` that a shader may declare: each field of `Params` but the batch, which
/// changes with a smaller last batch and would compile the network again.
fn sizes<P: Params>(params: &P) -> Vec<(&'static str, f64)> {
    P::FIELDS
        .iter()
        .zip(params.words())
        .filter(|(field, _)| field.name != "batch")
        .map(|(field, word)| {
            let value = match field.kind {
                "u32" => f64::from(word),
                "i32" => f64::from(word as i32),
                _ => f64::from(f32::from_bits(word)),
            };
            (field.name, value)
        })
        .collect()
}
