//! Runs a kernel on a device and compares every output with the f64 reference.

pub use super::buffers::{Got, Prepared, bytes, draw, poison};

use super::buffers::{GUARD, OUTPUT_GUARD};
use super::compare::{Mismatch, Worst, compare, half};
use crate::cases::{Case, Random, Style, Tolerance, Values};
use crate::device::Device;
use crate::kernel::{Buffer, Rounding};
use rand::RngExt;

type Result<T> = std::result::Result<T, String>;

/// Runs `case` with `rung` on `device` and compares; `Err` is a report for a person.
pub async fn check(case: &Case, device: &Device, rung: &str, style: Style) -> Result<Worst> {
    let question = Question::new(case, case.call.rounding(rung), style);
    let answer = question.ask(device, rung).await;
    answer
        .and_then(|answer| question.judge(&answer))
        .map_err(|why| format!("{}\n{why}", describe(case, device, rung, style)))
}

/// What was run where, why the case is there, and its sizes.
pub fn describe(case: &Case, device: &Device, rung: &str, style: Style) -> String {
    let (name, device, params) = (case.call.name(), device.name(), case.call.params());
    format!("{name} {rung} on {device}, {style:?}\ncase: {}\n{params}", case.why)
}

/// As [`check`], for given values; `outputs` are what they hold before.
pub async fn check_values(
    case: &Case,
    device: &Device,
    rung: &str,
    inputs: &[Values],
    outputs: &[Values],
    style: Style,
) -> Result<Worst> {
    let values = (inputs.to_vec(), outputs.to_vec());
    let question = Question::with_values(case, case.call.rounding(rung), values, style);
    question.judge(&question.ask(device, rung).await?)
}

/// Values for a case, and what its definition makes of them.
pub struct Question<'a> {
    case: &'a Case,
    rounding: Rounding,
    style: Style,
    inputs: Vec<Values>,
    /// Before the call.
    outputs: Vec<Values>,
    expected: Vec<Values>,
    /// The same sums over absolute values, for the error bound.
    magnitude: Vec<Values>,
}

impl<'a> Question<'a> {
    /// With values drawn for rungs that round in this way.
    pub fn new(case: &'a Case, rounding: Rounding, style: Style) -> Question<'a> {
        let (mut inputs, outputs) = draw(case, style);
        if rounding == Rounding::Halves {
            // What the rung would round anyway: then its result is as sharp as any other, and so is its argmax.
            inputs.iter_mut().for_each(|values| *values = values.map(half));
        }
        Question::with_values(case, rounding, (inputs, outputs), style)
    }

    fn with_values(
        case: &'a Case,
        rounding: Rounding,
        (inputs, outputs): (Vec<Values>, Vec<Values>),
        style: Style,
    ) -> Question<'a> {
        let expected = reference(case, &inputs, &outputs, |v| v);
        let magnitude = magnitude(case, &inputs, &outputs);
        Question { case, rounding, style, inputs, outputs, expected, magnitude }
    }

    /// The words of the inputs, and of the outputs before the call.
    pub fn words(&self) -> [Vec<Vec<u32>>; 2] {
        [&self.inputs, &self.outputs].map(|buffers| buffers.iter().map(Values::words).collect())
    }

    /// What a rung answers.
    pub async fn ask(&self, device: &Device, rung: &str) -> Result<Vec<Got>> {
        let run = async || {
            let call = Prepared::with_values(self.case, device, &self.inputs, &self.outputs, GUARD)?;
            call.run(rung)?;
            call.read().await
        };
        run().await.map_err(|why: crate::error::Error| why.to_string())
    }

    /// Whether the answer is right; `Err` says where it is not.
    pub fn judge(&self, answer: &[Got]) -> Result<Worst> {
        let mut worst: Worst = 0.0;
        // By the outputs that there are: an answer that lacks one is no answer.
        for (output, Buffer { name, .. }) in self.case.call.outputs().iter().enumerate() {
            let got = &answer[output];
            worst = worst.max(self.compare(output, &got.payload).map_err(|why| why.to_string())?);
            if let Some(at) = got.guard.iter().position(|&word| word != OUTPUT_GUARD) {
                return Err(format!("{name}: a write out of bounds, {at} words behind the end"));
            }
        }
        Ok(worst)
    }

    /// Compares what is in an output, by its number, with what should be.
    pub fn compare(&self, output: usize, words: &[u32]) -> std::result::Result<Worst, Mismatch> {
        let name = self.case.call.outputs()[output].name;
        let shape = (self.case.shape)(name);
        match (&self.expected[output], &self.magnitude[output]) {
            (Values::Float(expected), Values::Float(magnitude)) => {
                let allowed = self.tolerance().allowed(expected, magnitude);
                let got = words.iter().map(|&bits| f64::from(f32::from_bits(bits)));
                compare(name, &shape, &got.collect::<Vec<_>>(), expected, &allowed)
            }
            (Values::Uint(expected), _) => {
                let float = |values: &[u32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
                let (got, exact) = (float(words), vec![0.0; expected.len()]);
                compare(name, &shape, &got, &float(expected), &exact)
                    .or_else(|why| if self.is_a_tie(output, words) { Ok(0.0) } else { Err(why) })
            }
            _ => unreachable!("both come from one reference"),
        }
    }

    fn tolerance(&self) -> Tolerance {
        let exact = self.style == Style::Integers && self.case.exact_on_integers;
        if exact { Tolerance::Exact } else { self.case.tolerance.of(self.rounding) }
    }

    /// Whether the integers of an output, such as the places of maxima, are those of the definition for inputs that
    /// differ by about what sums are rounded by: which of two sums is larger is then anybody's guess.
    fn is_a_tie(&self, output: usize, got: &[u32]) -> bool {
        if self.tolerance() == Tolerance::Exact {
            return false;
        }
        let Values::Uint(expected) = &self.expected[output] else { return false };
        let mut open: Vec<usize> = (0..got.len()).filter(|&i| got[i] != expected[i]).collect();
        let mut random = Random::new(Style::Random, 11);
        for _ in 0..64 {
            let mut nudge = |v: f64| v * (1.0 + random.rng.random_range(-1.0..1.0) * f64::exp2(-20.0));
            let inputs: Vec<_> = self.inputs.iter().map(|values| values.map(&mut nudge)).collect();
            let nudged = reference(self.case, &inputs, &self.outputs, |v| v);
            let Values::Uint(nudged) = &nudged[output] else { return false };
            open.retain(|&i| got[i] != nudged[i]);
            if open.is_empty() {
                return true;
            }
        }
        false
    }
}

/// The outputs of the f64 reference, from inputs and old outputs that went through `map`.
pub fn reference(case: &Case, inputs: &[Values], outputs: &[Values], map: fn(f64) -> f64) -> Vec<Values> {
    let inputs: Vec<_> = inputs.iter().map(|values| values.map(map)).collect();
    let mut outputs: Vec<_> = outputs.iter().map(|values| values.map(map)).collect();
    let input_slices: Vec<_> = inputs.iter().map(Values::as_input).collect();
    let mut output_slices: Vec<_> = outputs.iter_mut().map(Values::as_output).collect();
    case.call.reference(&input_slices, &mut output_slices);
    outputs
}

/// The sums over absolute values. Gates keep their sign, so the terms of a sum that a gate is a factor of have all the
/// same one.
pub fn magnitude(case: &Case, inputs: &[Values], outputs: &[Values]) -> Vec<Values> {
    if let Some(magnitude) = &case.magnitude {
        let mut magnitudes = outputs.to_vec();
        let inputs: Vec<_> = inputs.iter().map(Values::as_input).collect();
        magnitude(&inputs, &mut magnitudes.iter_mut().map(Values::as_output).collect::<Vec<_>>());
        return magnitudes;
    }
    let of = |(buffer, values): (&Buffer, &Values)| {
        if case.gates.contains(&buffer.name) { values.clone() } else { values.map(f64::abs) }
    };
    let inputs: Vec<_> = case.call.inputs().iter().zip(inputs).map(of).collect();
    let outputs: Vec<_> = outputs.iter().map(|values| values.map(f64::abs)).collect();
    reference(case, &inputs, &outputs, |v| v).iter().map(|values| values.map(f64::abs)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::fuzz::parse;

    #[test]
    fn of_two_maxima_that_differ_by_a_rounding_any_may_win() {
        let case = parse(
            "conv2d_relu_pool.forward batch=1 in_channels=1 out_channels=1 in_h=2 in_w=2 conv_h=2 conv_w=2 out_h=1 \
             out_w=1 kernel_h=1 kernel_w=1 stride_h=1 stride_w=1 pad_top=0 pad_left=0 pool=2 argmax_words=1",
        )
        .unwrap();
        let float = |values: &[f64]| Values::Float(values.to_vec());
        let inputs = vec![float(&[0.7, 0.3, 0.7 + 1e-9, 0.5]), float(&[1.0]), float(&[0.1])];
        let outputs = vec![float(&[0.0]), Values::Uint(vec![0])];
        let question = Question::with_values(&case, Rounding::F32, (inputs, outputs), Style::Random);
        let answer =
            |argmax: u32| [0.8f32.to_bits(), argmax].map(|word| Got { payload: vec![word], guard: vec![] });
        for (argmax, is_right) in [(2, true), (0, true), (1, false), (3, false), (256, false)] {
            assert_eq!(question.judge(&answer(argmax)).is_ok(), is_right, "{argmax}");
        }
        let question = Question { style: Style::Integers, ..question };
        assert!(question.judge(&answer(0)).is_err(), "whole numbers are exact");
    }
}
