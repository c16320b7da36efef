//! Runs a kernel on a device and compares every output with the f64 reference.

use super::compare::{Worst, compare, half};
use crate::cases::{Case, Random, Style, Tolerance, Values};
use crate::cpu::{Input, Output};
use crate::device::{Device, DeviceKind};
use crate::error::Result;
use crate::kernel::{Buffer, Rounding, Usage};
use crate::tensor::{Kind, Tensor};

/// Words behind every payload, inside the same binding: an out-of-bounds write outside the bound range
/// leaves no trace.
const GUARD: usize = 64;
/// Behind inputs, a NaN: what is computed from it shows.
const INPUT_GUARD: u32 = 0x7fc0_dead;
/// Behind outputs, a number: a NaN there would stay what it is if an input's NaN is copied or added to it.
const OUTPUT_GUARD: u32 = 0x4b3c_614e;
/// What an output of integers holds before: a number that no kernel writes.
const POISON: u32 = 0xdead_beef;

/// Runs `case` with `rung` on `device` and compares; `Err` is a report for a person.
pub async fn check(
    case: &Case,
    device: &Device,
    rung: &str,
    style: Style,
) -> std::result::Result<Worst, String> {
    let (mut inputs, outputs) = draw(case, style);
    if case.call.rounding(rung) == Rounding::Halves {
        // What the rung would round anyway: then its result is as sharp as any other, and so is its argmax.
        inputs.iter_mut().for_each(Values::round_to_halves);
    }
    check_values(case, device, rung, &inputs, &outputs, style).await.map_err(|why| {
        format!("{} {rung} on {}, {style:?}\n{}\n{why}", case.call.name(), device.name(), describe(case))
    })
}

/// Values for the inputs, and what the outputs hold before.
fn draw(case: &Case, style: Style) -> (Vec<Values>, Vec<Values>) {
    let mut random = Random::new(style, 7);
    let inputs = case.call.inputs().iter().map(|buffer| case.values(buffer, &mut random)).collect();
    let outputs = case.call.outputs().iter().map(|buffer| match buffer.usage {
        Usage::Write => poison(case, buffer),
        _ => case.values(buffer, &mut random),
    });
    let outputs = outputs.collect();
    (inputs, outputs)
}

/// Why the case is there, and its sizes.
fn describe(case: &Case) -> String {
    format!("case: {}\n{}", case.why, case.call.params())
}

/// What an output that is only written holds before: what no kernel writes.
pub fn poison(case: &Case, output: &Buffer) -> Values {
    let len = case.len(output);
    match output.kind {
        Kind::F32 => Values::Float(vec![f64::NAN; len]),
        Kind::U32 => Values::Uint(vec![POISON; len]),
    }
}

/// As [`check`], for given values; `outputs` are what they hold before.
pub async fn check_values(
    case: &Case,
    device: &Device,
    rung: &str,
    inputs: &[Values],
    outputs: &[Values],
    style: Style,
) -> std::result::Result<Worst, String> {
    let expected = reference(case, inputs, outputs, |v| v);
    // The same sums over absolute values, for the error bound.
    let magnitude = magnitude(case, inputs, outputs);
    let got = run(case, device, rung, inputs, outputs).await.map_err(|why| why.to_string())?;

    let mut worst: Worst = 0.0;
    for (i, Buffer { name, .. }) in case.call.outputs().iter().enumerate() {
        let shape = (case.shape)(name);
        let values = match (&expected[i], &magnitude[i]) {
            (Values::Float(expected), Values::Float(magnitude)) => {
                let exact = style == Style::Integers && case.exact_on_integers;
                let rounding = case.call.rounding(rung);
                let tolerance = if exact { Tolerance::Exact } else { case.tolerance.of(rounding) };
                let allowed = tolerance.allowed(expected, magnitude);
                let got: Vec<_> =
                    got[i].payload.iter().map(|&bits| f64::from(f32::from_bits(bits))).collect();
                compare(name, &shape, &got, expected, &allowed)
            }
            (Values::Uint(expected), _) => {
                let float = |values: &[u32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
                let (got, expected) = (float(&got[i].payload), float(expected));
                compare(name, &shape, &got, &expected, &vec![0.0; got.len()])
            }
            _ => unreachable!("both come from one reference"),
        };
        worst = worst.max(values?);
        if let Some(at) = got[i].guard.iter().position(|&word| word != OUTPUT_GUARD) {
            return Err(format!("{name}: a write out of bounds, {at} words behind the end"));
        }
    }
    Ok(worst)
}

/// The outputs of the f64 reference, from inputs and old outputs that went through `map`.
pub fn reference(case: &Case, inputs: &[Values], outputs: &[Values], map: fn(f64) -> f64) -> Vec<Values> {
    let mapped = |values: &Values| match values {
        Values::Float(values) => Values::Float(values.iter().copied().map(map).collect()),
        Values::Uint(values) => Values::Uint(values.clone()),
    };
    let inputs: Vec<_> = inputs.iter().map(mapped).collect();
    let mut outputs: Vec<_> = outputs.iter().map(mapped).collect();
    let input_slices: Vec<_> = inputs.iter().map(Values::as_input).collect();
    let mut output_slices: Vec<_> = outputs.iter_mut().map(Values::as_output).collect();
    case.call.reference(&input_slices, &mut output_slices);
    outputs
}

/// The sums over absolute values. Gates keep their sign, so the terms of a sum that a gate is a factor of have all the
/// same one.
fn magnitude(case: &Case, inputs: &[Values], outputs: &[Values]) -> Vec<Values> {
    let absolute = |values: &Values| match values {
        Values::Float(values) => Values::Float(values.iter().map(|v| v.abs()).collect()),
        Values::Uint(_) => values.clone(),
    };
    let of = |(buffer, values): (&Buffer, &Values)| {
        if case.gates.contains(&buffer.name) { values.clone() } else { absolute(values) }
    };
    let inputs: Vec<_> = case.call.inputs().iter().zip(inputs).map(of).collect();
    let outputs: Vec<_> = outputs.iter().map(absolute).collect();
    reference(case, &inputs, &outputs, |v| v).iter().map(absolute).collect()
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

    fn round_to_halves(&mut self) {
        if let Values::Float(values) = self {
            values.iter_mut().for_each(|v| *v = half(*v));
        }
    }

    fn words(&self) -> Vec<u32> {
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
struct Got {
    payload: Vec<u32>,
    guard: Vec<u32>,
}

async fn run(
    case: &Case,
    device: &Device,
    rung: &str,
    inputs: &[Values],
    outputs: &[Values],
) -> Result<Vec<Got>> {
    let call = Prepared::with_values(case, device, inputs, outputs, GUARD)?;
    call.run(rung)?;
    let all: Vec<_> = call.outputs.iter().map(|(_, whole)| whole).collect();
    let (all, _) = Tensor::read_later(&all)?.wait().await?;
    let split = |(words, values): (Vec<u32>, &Values)| {
        let (payload, guard) = words.split_at(values.len());
        Got { payload: payload.to_vec(), guard: guard.to_vec() }
    };
    Ok(all.into_iter().zip(outputs).map(split).collect())
}

/// A case with its buffers on a device: what is visible to the kernel, and the same with the guard.
pub struct Prepared<'a> {
    case: &'a Case,
    device: &'a Device,
    inputs: Vec<(Tensor, Tensor)>,
    outputs: Vec<(Tensor, Tensor)>,
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

    fn with_values(
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
        Ok(Prepared { case, device, inputs, outputs })
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
        self.first_output().rows(0..1).read_u32().await?;
        Ok(())
    }

    pub(super) fn first_output(&self) -> &Tensor {
        &self.outputs[0].0
    }
}

/// Bytes of all buffers of a case: what must be moved at least once.
pub fn bytes(case: &Case) -> f64 {
    let buffers = case.call.inputs().iter().chain(case.call.outputs());
    buffers.map(|buffer| case.len(buffer) as f64 * 4.0).sum()
}
