//! Running a kernel: on the CPU, or as the passes of a rung on a GPU.

use super::{Kernel, Pass, Rung};
use crate::cpu::{self, Input, Output};
use crate::device::bindings::Part;
use crate::device::{Device, DeviceKind, Label, RecordedCall};
use crate::error::Result;
use crate::reference::Params;
use crate::tensor::{Kind, Tensor};
use std::borrow::Cow;

impl<P: Params> Kernel<P> {
    /// Computes `outputs` from `inputs`, each in the order of [`buffers`](Kernel::buffers).
    ///
    /// # Errors
    /// Tensors that are not those of the declaration, a rung that was forced but cannot be used, and what the device
    /// reports.
    pub fn run(&self, device: &Device, params: &P, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<()> {
        self.check(device, inputs, outputs)?;
        match device.kind() {
            DeviceKind::Cpu => self.run_on_cpu(device, params, inputs, outputs),
            DeviceKind::Software | DeviceKind::Gpu => {
                let rung = self.choose(device, params)?;
                self.run_rung(rung, device, params, inputs, outputs)
            }
        }
    }

    /// The one output, of this shape, as a new tensor.
    ///
    /// # Errors
    /// As [`run`](Kernel::run), and `OutOfMemory`.
    pub fn compute(
        &self,
        device: &Device,
        params: &P,
        inputs: &[&Tensor],
        shape: &[usize],
    ) -> Result<Tensor> {
        let output = Tensor::empty(device, shape, Kind::F32)?;
        self.run(device, params, inputs, &[&output])?;
        Ok(output)
    }

    fn run_on_cpu(&self, device: &Device, params: &P, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<()> {
        if device.calls().are_recorded() {
            let words = |tensors: &[&Tensor]| tensors.iter().map(|tensor| tensor.words().to_vec()).collect();
            device.calls().add(&device.scope(), || RecordedCall {
                kernel: self.name,
                params: params.words(),
                inputs: words(inputs),
                outputs: words(outputs),
                places: inputs.iter().chain(outputs).map(|tensor| tensor.place()).collect(),
            });
        }
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
        let tensors = outputs;
        let mut outputs: Vec<_> = tensors
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
            || self.label(device, (rung, self.name), params, tensors, bytes, 1.0),
            || match fast {
                Some(fast) => fast(params, &inputs, &mut outputs),
                None => {
                    let (items, flags) = ((self.reference.items)(params), self.flags());
                    cpu::run_reference(self.reference.f32, params, items, &inputs, &mut outputs, flags);
                }
            },
        );
        Ok(())
    }

    /// What a profile says of a pass that does this share of the FLOP, and uses `bytes` bytes of buffers.
    fn label(
        &self,
        device: &Device,
        (rung, pass): (&'static str, &'static str),
        params: &P,
        outputs: &[&Tensor],
        bytes: f64,
        share: f64,
    ) -> Label {
        let flop = (self.flop)(params) * share;
        let outputs = outputs.iter().map(|tensor| tensor.len()).sum();
        Label { scope: device.scope(), kernel: self.name, rung, pass, flop, bytes, outputs, groups: None }
    }

    /// On paper: lists the passes of this rung, each with its share of the bytes, partial sums once written and once read.
    fn list_rung(
        &self,
        rung: &Rung<P>,
        device: &Device,
        params: &P,
        inputs: &[&Tensor],
        outputs: &[&Tensor],
    ) {
        let words: usize = inputs.iter().chain(outputs).map(|tensor| tensor.len()).sum();
        let bytes = 4.0 * (words + 2 * (rung.scratch)(params)) as f64;
        let passes = rung.passes.len();
        for pass in rung.passes {
            let label = || {
                let of_pass = self.label(
                    device,
                    (rung.name, pass.entry),
                    params,
                    outputs,
                    bytes / passes as f64,
                    rung.share(pass),
                );
                Label { groups: Some(pass.grid.groups(params)), ..of_pass }
            };
            device.measure(label, || ());
        }
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
        let Some(gpu) = device.gpu() else {
            self.list_rung(rung, device, params, inputs, outputs);
            return Ok(());
        };
        let words = params.words();
        // What a shader assumes by itself is a subgroup of 32.
        let subgroup = device.limits().tensor_cores.map(|found| ("SUBGROUP", f64::from(found.subgroup)));
        let constants: Vec<_> = rung.overrides(params).into_iter().chain(subgroup).collect();
        let mut file = format!("{}.{}", self.op(), rung.name);
        let replacement = device.rungs().replacement(&file);
        if let Some(text) = &replacement {
            file += &format!(" {}", blake3::hash(text.as_bytes()).to_hex());
        }
        let trusted = rung.trusted && replacement.is_none();

        let scratch = match (rung.scratch)(params) {
            0 => None,
            words => Some(Tensor::empty(device, &[words], Kind::F32)?),
        };
        // Passes that keep vectors or halves in scratch see it as `packed`.
        let names = self.buffers.iter().map(|buffer| buffer.name).chain(["scratch", "packed"]);
        let tensors = inputs.iter().chain(outputs).copied().chain(&scratch).chain(&scratch);
        let parts: Vec<_> = names.zip(tensors).map(|(name, tensor)| part(name, tensor)).collect();

        for pass in rung.passes {
            let text = || replacement.clone().map_or_else(|| rung.text(), Cow::Owned);
            let pipeline = gpu.pipeline((&file, trusted), text, pass.entry, &constants)?;
            let (buffers, textures) = bound(pass, &parts, |name| pipeline.bindings.contains_key(name));
            let groups = pass.grid.groups(params);
            let bytes = buffers.iter().map(|part| part.len as f64).sum();
            let label = self.label(device, (rung.name, pass.entry), params, outputs, bytes, rung.share(pass));
            gpu.dispatch(&pipeline, &words, &buffers, &textures, groups, label)?;
        }
        Ok(())
    }
}

impl<P: Params> Rung<P> {
    /// A value for every `override` that its shader may declare and leaves open: sizes, and its own constants.
    pub(crate) fn overrides(&self, params: &P) -> Vec<(&'static str, f64)> {
        sizes(params).into_iter().chain(self.constants.iter().copied()).collect()
    }

    /// What a pass does of the kernel's FLOP.
    fn share(&self, pass: &Pass<P>) -> f64 {
        let computing = self.passes.iter().filter(|pass| !pass.packs).count();
        if pass.packs { 0.0 } else { 1.0 / computing as f64 }
    }
}

fn part<'a>(name: &'static str, tensor: &'a Tensor) -> Part<'a> {
    let (buffer, offset, len) = tensor.gpu_part();
    Part { name, buffer, offset, len }
}

/// The buffers that a pass sees, and its textures with what is copied into them.
fn bound<'a, P>(
    pass: &Pass<P>,
    parts: &[Part<'a>],
    is_used: impl Fn(&str) -> bool,
) -> (Vec<Part<'a>>, Vec<(&'static str, Part<'a>)>) {
    let named =
        |name| *parts.iter().find(|part| part.name == name).expect("textures are copied from buffers");
    let textures: Vec<_> = pass.textures.iter().map(|&(texture, source)| (texture, named(source))).collect();
    // A texture may have the name of the buffer that it is copied from.
    let is_texture = |part: &Part| textures.iter().any(|(name, _)| *name == part.name);
    let buffers = parts.iter().filter(|part| is_used(part.name) && !is_texture(part)).copied().collect();
    (buffers, textures)
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
