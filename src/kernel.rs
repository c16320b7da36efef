//! A kernel and its meaning as one value: the shader's entry points, the CPU code, and the reference.
//!
//! [`Kernel::run`] picks what the device can do; everything above is written once and runs with or
//! without a GPU. A *rung* is one way to compute a kernel. Every kernel has a plain rung to learn
//! from; faster ones are further files with the same entry points and binding numbers.

use crate::cpu;
use crate::device::{Device, DeviceKind, Limits};
use crate::error::{Result, error};
use crate::reference::{Params, Real};
use crate::tensor::{Kind, Tensor};
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

/// A buffer that is read. `T` is what stands for the shader's `f32`.
#[derive(Clone, Copy)]
pub enum Input<'a, T> {
    Float(&'a [T]),
    Uint(&'a [u32]),
}

/// A buffer that is written.
pub enum Output<'a, T> {
    Float(&'a mut [T]),
    Uint(&'a mut [u32]),
}

/// What the arguments of a reference function are taken from.
pub trait FromInput<'a, T>: Sized {
    fn from_input(input: Input<'a, T>) -> Self;
}
impl<'a, T: Real> FromInput<'a, T> for &'a [T] {
    fn from_input(input: Input<'a, T>) -> Self {
        match input {
            Input::Float(values) => values,
            Input::Uint(_) => panic!("a kernel wants f32 where it was given u32"),
        }
    }
}
impl<'a, T: Real> FromInput<'a, T> for &'a [u32] {
    fn from_input(input: Input<'a, T>) -> Self {
        match input {
            Input::Uint(values) => values,
            Input::Float(_) => panic!("a kernel wants u32 where it was given f32"),
        }
    }
}
/// As [`FromInput`], for outputs.
pub trait FromOutput<'a, T>: Sized {
    fn from_output(output: &'a mut Output<'_, T>) -> Self;
}
impl<'a, T: Real> FromOutput<'a, T> for &'a mut [T] {
    fn from_output(output: &'a mut Output<'_, T>) -> Self {
        match output {
            Output::Float(values) => values,
            Output::Uint(_) => panic!("a kernel wants f32 where it was given u32"),
        }
    }
}
impl<'a, T: Real> FromOutput<'a, T> for &'a mut [u32] {
    fn from_output(output: &'a mut Output<'_, T>) -> Self {
        match output {
            Output::Uint(values) => values,
            Output::Float(_) => panic!("a kernel wants u32 where it was given f32"),
        }
    }
}

/// One way to compute a kernel on a GPU.
pub struct Rung<P: 'static> {
    /// The part of the file's name that tells it from the plain one: `1_plain`, `2_tiled`.
    pub name: &'static str,
    pub source: &'static str,
    /// Dispatches, in order.
    pub passes: &'static [Pass<P>],
    /// Words of a buffer `scratch` that passes share; 0 for none.
    pub scratch: fn(&P) -> usize,
    /// What the rung needs of an adapter.
    pub requires: fn(&Limits) -> bool,
    /// Which sizes it covers.
    pub fits: fn(&P) -> bool,
}

impl<P> Rung<P> {
    /// Whether an adapter with these limits can compute these sizes with it.
    pub fn usable(&self, limits: &Limits, params: &P) -> bool {
        (self.requires)(limits) && (self.fits)(params)
    }
}

/// One dispatch of an entry point.
pub struct Pass<P: 'static> {
    pub entry: &'static str,
    /// Names of the buffers that this entry point uses; empty for all of the kernel's.
    pub buffers: &'static [&'static str],
    pub grid: Grid<P>,
}

/// How many threads or groups a pass needs.
pub enum Grid<P: 'static> {
    /// This many threads in groups of 256, of which the shader makes a flat index.
    Threads(fn(&P) -> usize),
    /// These groups.
    Groups(fn(&P) -> [u32; 3]),
}

/// The plain rung of a kernel whose threads each own one of `threads` items.
pub const PLAIN: &str = "1_plain";

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

    /// The rung for these sizes: the one that was forced for the op, else the last that can be used.
    ///
    /// It never depends on a timing made while training: equal settings give equal bits.
    fn choose(&self, device: &Device, params: &P) -> Result<&Rung<P>> {
        let usable = |rung: &&Rung<P>| rung.usable(device.limits(), params);
        if let Some(name) = device.forced_rung(self.op()) {
            // Not every kernel of an op has every rung: backward_b has none but the plain one.
            if let Some(rung) = self.rungs.iter().find(|rung| rung.name == name) {
                return usable(&rung).then_some(rung).ok_or_else(|| {
                    error!(Usage, "{} cannot compute {} of {params:?} on {}", name, self.name, device.name())
                });
            }
            return Ok(&self.rungs[0]);
        }
        Ok(self.rungs.iter().rev().find(usable).unwrap_or(&self.rungs[0]))
    }

    fn run_on_cpu(&self, device: &Device, params: &P, inputs: &[&Tensor], outputs: &[&Tensor]) -> Result<()> {
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
        let plain = device.forced_rung(self.op()).is_some_and(|name| name == cpu::REFERENCE);
        match self.cpu.filter(|_| !plain) {
            Some(fast) => fast(params, &inputs, &mut outputs),
            None => {
                let items = (self.reference.items)(params);
                cpu::run_reference(
                    self.reference.f32,
                    params,
                    items,
                    &inputs,
                    &mut outputs,
                    self.flags.len(),
                );
            }
        }
        Ok(())
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
        let constants = constants(params);

        let scratch_words = (rung.scratch)(params);
        let scratch = match scratch_words {
            0 => None,
            words => Some(Tensor::empty(device, &[words], Kind::F32)?),
        };
        let names = self.inputs.iter().chain(self.outputs).chain(self.flags).chain(&["scratch"]);
        let tensors = inputs.iter().chain(outputs).copied().chain(&scratch);
        let buffers: Vec<_> = names
            .zip(tensors)
            .map(|(&name, tensor)| {
                let (buffer, offset, bytes) = tensor.gpu_part();
                (name, buffer, offset, bytes)
            })
            .collect();

        for pass in rung.passes {
            // Every override but the batch is part of the key: another size is another pipeline.
            let specialised: Vec<_> =
                constants.iter().filter(|(name, _)| declares(rung.source, name)).collect();
            let key = format!("{}:{} {} {specialised:?}", self.op(), rung.name, pass.entry);
            let pipeline = gpu.pipeline(&key, rung.source, pass.entry, &constants)?;
            let used: Vec<_> = buffers
                .iter()
                .filter(|(name, ..)| pass.buffers.is_empty() || pass.buffers.contains(name))
                .copied()
                .collect();
            let groups = match pass.grid {
                Grid::Threads(threads) => flat_grid(threads(params)),
                Grid::Groups(groups) => groups(params),
            };
            gpu.dispatch(&pipeline, &words, &used, groups, (self.flop)(params) / rung.passes.len() as f64)?;
        }
        Ok(())
    }
}

/// A value for every `override` that a shader may declare: each field of `Params` but the batch, which
/// changes with a smaller last batch and would compile the network again.
fn constants<P: Params>(params: &P) -> Vec<(&'static str, f64)> {
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

/// Whether a shader declares an `override` of that name.
fn declares(source: &str, name: &str) -> bool {
    source.lines().filter_map(|line| line.strip_prefix("override ")).any(|rest| {
        rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with([':', '=', ';']))
    })
}

/// Groups of 256 threads for at least `threads` threads: one row, or as many rows as it takes to stay
/// below 65,535 groups, WebGPU's limit for one dimension.
pub fn flat_grid(threads: usize) -> [u32; 3] {
    let groups = threads.div_ceil(256);
    let rows = groups.div_ceil(65_535);
    [groups.div_ceil(rows) as u32, rows as u32, 1]
}

/// The [`Kernel`] of a reference function, with a plain rung from `SOURCE` in the same module, where
/// one thread owns one item, or one of `threads`.
///
/// `kernel!(relu::forward(x) -> (y), items: |p| p.len as usize)`; flags come after a semicolon:
/// `-> (p, m, v; non_finite)`.
macro_rules! kernel {
    ($op:ident::$function:ident($($input:ident),+) -> ($($output:ident),+ $(; $flag:ident)?), items: $items:expr) => {
        $crate::kernel::kernel!(
            $op::$function($($input),+) -> ($($output),+ $(; $flag)?), items: $items, threads: $items)
    };
    ($op:ident::$function:ident($($input:ident),+) -> ($($output:ident),+ $(; $flag:ident)?),
     items: $items:expr, threads: $threads:expr) => {
        $crate::kernel::Kernel {
            name: concat!(stringify!($op), ".", stringify!($function)),
            inputs: &[$(stringify!($input)),+],
            outputs: &[$(stringify!($output)),+],
            flags: &[$(stringify!($flag))?],
            reference: $crate::kernel::Reference {
                items: $items,
                f32: |p, items, inputs, outputs| $crate::kernel::call!(
                    $crate::reference::$op::$function::<f32>, (p, items), inputs, outputs,
                    ($($input),+), ($($output),+ $(, $flag)?)),
                f64: |p, items, inputs, outputs| $crate::kernel::call!(
                    $crate::reference::$op::$function::<f64>, (p, items), inputs, outputs,
                    ($($input),+), ($($output),+ $(, $flag)?)),
            },
            cpu: None,
            rungs: &[$crate::kernel::rung!($crate::kernel::PLAIN, SOURCE, $function, threads: $threads)],
            flop: |_| 0.0,
        }
    };
}

/// The [`CpuFunction`] of `cpu::<op>::<function>`.
macro_rules! fast {
    ($op:ident::$function:ident($($input:ident),+) -> ($($output:ident),+)) => {
        Some(|p, inputs, outputs| $crate::kernel::call!(
            $crate::cpu::$op::$function, (p), inputs, outputs, ($($input),+), ($($output),+)))
    };
}

/// Calls a function with typed slices for the inputs and outputs, in order.
macro_rules! call {
    ($function:path, ($($first:ident),+), $inputs:ident, $outputs:ident, ($($input:ident),+), ($($output:ident),+)) => {{
        let mut inputs = $inputs.iter().copied();
        let mut outputs = $outputs.iter_mut();
        $(let $input = $crate::kernel::FromInput::from_input(inputs.next().expect("one slice per input"));)+
        $(let $output = $crate::kernel::FromOutput::from_output(outputs.next().expect("one slice per output"));)+
        $function($($first),+, $($input),+, $($output),+)
    }};
}

/// A [`Rung`] of one pass whose entry point has the kernel's name: of so many `threads` with flat
/// indices, or of `groups`.
macro_rules! rung {
    ($name:expr, $source:expr, $entry:ident, threads: $threads:expr) => {
        $crate::kernel::rung!($name, $source, $entry, $crate::kernel::Grid::Threads($threads))
    };
    ($name:expr, $source:expr, $entry:ident, groups: $groups:expr) => {
        $crate::kernel::rung!($name, $source, $entry, $crate::kernel::Grid::Groups($groups))
    };
    ($name:expr, $source:expr, $entry:ident, $grid:expr) => {
        $crate::kernel::Rung {
            name: $name,
            source: $source,
            passes: &[$crate::kernel::Pass { entry: stringify!($entry), buffers: &[], grid: $grid }],
            scratch: |_| 0,
            requires: |_| true,
            fits: |_| true,
        }
    };
}
pub(crate) use {call, fast, kernel, rung};
