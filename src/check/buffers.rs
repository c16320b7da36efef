//! What the buffers of a case hold, on the host and on a device.

use crate::cases::{Case, Random, Style, Values};
use crate::cpu::{Input, Output};
use crate::device::{Device, DeviceKind};
use crate::error::Result;
use crate::kernel::{Buffer, Usage};
use crate::tensor::{Kind, Tensor};
use std::cell::Cell;

/// Words behind every payload, inside the same binding: an out-of-bounds write outside the bound range
/// leaves no trace.
pub(super) const GUARD: usize = 64;
/// Behind inputs, a NaN: what is computed from it shows.
const INPUT_GUARD: u32 = 0x7fc0_dead;
/// Behind outputs, a number: a NaN there would stay what it is if an input's NaN is copied or added to it.
pub(super) const OUTPUT_GUARD: u32 = 0x4b3c_614e;
/// What an output of integers holds before: a number that no kernel writes.
const POISON: u32 = 0xdead_beef;

/// Values for the inputs, and what the outputs hold before.
pub fn draw(case: &Case, style: Style) -> (Vec<Values>, Vec<Values>) {
    let mut random = Random::new(style, 7);
    let inputs = case.call.inputs().iter().map(|buffer| case.values(buffer, &mut random)).collect();
    let outputs = case.call.outputs().iter().map(|buffer| match buffer.usage {
        Usage::Write => poison(case, buffer),
        _ => case.values(buffer, &mut random),
    });
    let outputs = outputs.collect();
    (inputs, outputs)
}

/// What an output that is only written holds before: what no kernel writes.
pub fn poison(case: &Case, output: &Buffer) -> Values {
    let len = case.len(output);
    match output.kind {
        Kind::F32 => Values::Float(vec![f64::NAN; len]),
        Kind::U32 => Values::Uint(vec![POISON; len]),
    }
}

/// Bytes of all buffers of a case: what must be moved at least once.
pub fn bytes(case: &Case) -> f64 {
    let buffers = case.call.inputs().iter().chain(case.call.outputs());
    buffers.map(|buffer| case.len(buffer) as f64 * 4.0).sum()
}

impl Values {
    pub fn as_input(&self) -> Input<'_, f64> {
        match self {
            Values::Float(values) => Input::Float(values),
            Values::Uint(values) => Input::Uint(values),
        }
    }

    pub fn as_output(&mut self) -> Output<'_, f64> {
        match self {
            Values::Float(values) => Output::Float(values),
            Values::Uint(values) => Output::Uint(values),
        }
    }

    /// The same with `map` of every float.
    pub(super) fn map(&self, mut map: impl FnMut(f64) -> f64) -> Values {
        match self {
            Values::Float(values) => Values::Float(values.iter().map(|&v| map(v)).collect()),
            Values::Uint(values) => Values::Uint(values.clone()),
        }
    }

    /// What a buffer of that kind holds.
    pub fn of_words(kind: Kind, words: &[u32]) -> Values {
        match kind {
            Kind::F32 => Values::Float(words.iter().map(|&word| f32::from_bits(word).into()).collect()),
            Kind::U32 => Values::Uint(words.to_vec()),
        }
    }

    /// As a buffer holds them, floats rounded to f32.
    pub fn words(&self) -> Vec<u32> {
        match self {
            Values::Float(values) => values.iter().map(|&v| (v as f32).to_bits()).collect(),
            Values::Uint(values) => values.clone(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Values::Float(_) => Kind::F32,
            Values::Uint(_) => Kind::U32,
        }
    }
}

/// What came back in one buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    pub payload: Vec<u32>,
    pub guard: Vec<u32>,
}

/// A case with its buffers on a device: what is visible to the kernel, and the same with the guard.
pub struct Prepared<'a> {
    case: &'a Case,
    device: &'a Device,
    inputs: Vec<(Tensor, Tensor)>,
    outputs: Vec<(Tensor, Tensor)>,
    /// Whether the device was kept busy with it before.
    pub(super) was_timed: Cell<bool>,
}

impl<'a> Prepared<'a> {
    /// With values drawn for the case, for timing: without guards, with which the largest buffers would not fit.
    ///
    /// # Errors
    /// `OutOfMemory` where a buffer is beyond the device's limits.
    pub fn new(case: &'a Case, device: &'a Device) -> Result<Self> {
        let (inputs, outputs) = draw(case, Style::Random);
        Prepared::with_values(case, device, &inputs, &outputs, 0)
    }

    pub(super) fn with_values(
        case: &'a Case,
        device: &'a Device,
        inputs: &[Values],
        outputs: &[Values],
        guard: usize,
    ) -> Result<Self> {
        let guarded = |values: &Values, word| {
            let mut words = values.words();
            words.resize(values.len() + guard, word);
            let tensor = Tensor::from_u32(device, &[words.len()], &words)?.with_kind(values.kind());
            // Rust slices end where they end; only shaders see the guard.
            let visible = if device.kind() == DeviceKind::Cpu { values.len() } else { words.len() };
            Ok((tensor.rows(0..visible), tensor))
        };
        let inputs = inputs.iter().map(|values| guarded(values, INPUT_GUARD)).collect::<Result<_>>()?;
        let outputs = outputs.iter().map(|values| guarded(values, OUTPUT_GUARD)).collect::<Result<_>>()?;
        Ok(Prepared { case, device, inputs, outputs, was_timed: Cell::new(false) })
    }

    /// Records one call with `rung`.
    pub(super) fn run(&self, rung: &str) -> Result<()> {
        self.device.force_rung(self.case.call.op(), rung);
        let inputs: Vec<_> = self.inputs.iter().map(|(visible, _)| visible).collect();
        let outputs: Vec<_> = self.outputs.iter().map(|(visible, _)| visible).collect();
        self.case.call.run(self.device, &inputs, &outputs)
    }

    /// Runs once and waits for the device.
    pub async fn run_and_wait(&self, rung: &str) -> Result<()> {
        self.run(rung)?;
        self.wait().await
    }

    /// Waits until the device has done all that it was given.
    pub(super) async fn wait(&self) -> Result<()> {
        self.first_output().rows(0..1).read_u32().await?;
        Ok(())
    }

    pub(super) fn first_output(&self) -> &Tensor {
        &self.outputs[0].0
    }

    /// What is in the outputs.
    pub(super) async fn read(&self) -> Result<Vec<Got>> {
        let all: Vec<_> = self.outputs.iter().map(|(_, whole)| whole).collect();
        let (all, _) = Tensor::read_later(&all)?.wait().await?;
        let lens = self.case.call.outputs().iter().map(|output| self.case.len(output));
        let split = |(words, len): (Vec<u32>, usize)| {
            let (payload, guard) = words.split_at(len);
            Got { payload: payload.to_vec(), guard: guard.to_vec() }
        };
        Ok(all.into_iter().zip(lens).map(split).collect())
    }
}
