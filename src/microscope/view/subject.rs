//! A kernel with the values that it computes from: those of a layer while a model looks at a picture, or drawn ones.

use crate::cases::{Case, Source, Style, Table, Values};
use crate::check::kernels::{draw, poison, reference};
use crate::device::RecordedCall;
use crate::error::{Result, error, list, shown};
use crate::kernel::{Buffer, Usage};
use crate::model::{Mode, Model};
use crate::ops;
use crate::ops::add::accumulate;
use crate::ops::input::upload;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// A kernel with sizes and values.
pub struct Subject {
    pub case: Case,
    /// Words of the inputs, in the order of the kernel's buffers.
    pub inputs: Vec<Vec<u32>>,
    /// The same of the outputs before the call.
    pub outputs: Vec<Vec<u32>>,
}

/// The kernels that run for a layer while a model looks at a picture, with what they see.
pub struct OfLayer {
    layer: String,
    calls: Vec<RecordedCall>,
}

impl OfLayer {
    /// While `model`, on the CPU device, looks at one picture, gray bytes `[size, size]`, of class `label`: forward, and
    /// back from the loss; as the network is written, and fused. Nothing is dropped out.
    ///
    /// # Errors
    /// `Usage` for a layer that is not there.
    pub fn new(model: &Model, pixels: &[u8], label: u32, layer: &str) -> Result<OfLayer> {
        if !model.network.nodes.nodes.iter().any(|node| node.name == layer) {
            let names: Vec<_> = model.network.nodes.nodes.iter().map(|node| node.name.clone()).collect();
            return Err(error!(Usage, "there is no layer {}: there are {}", shown(layer), list(&names)));
        }
        let mut calls = calls_of(&model.unfused()?, pixels, label, layer)?;
        for call in calls_of(&model.fused()?, pixels, label, layer)? {
            if calls.iter().all(|known| known.kernel != call.kernel) {
                calls.push(call);
            }
        }
        Ok(OfLayer { layer: layer.to_string(), calls })
    }

    /// Names of the kernels, in the order in which they run.
    pub fn kernels(&self) -> Vec<&'static str> {
        self.calls.iter().map(|call| call.kernel).collect()
    }

    /// One of the kernels.
    ///
    /// # Errors
    /// `Usage` for one that does not run for the layer.
    pub fn subject(self, kernel: &str) -> Result<Subject> {
        let names: Vec<_> = self.kernels().into_iter().map(str::to_string).collect();
        let Some(call) = self.calls.into_iter().find(|call| call.kernel == kernel) else {
            let (kernel, layer, names) = (shown(kernel), self.layer, list(&names));
            return Err(error!(Usage, "{kernel} does not run for {layer}: there run {names}"));
        };
        let case = case_of(kernel).expect("a kernel that ran is in the table");
        let case = (case.with_params)(&call.params);
        let mut outputs = call.outputs;
        for (buffer, words) in case.call.outputs().iter().zip(&mut outputs) {
            if buffer.usage == Usage::Write {
                *words = poison(&case, buffer).words();
            }
        }
        Ok(Subject { case, inputs: call.inputs, outputs })
    }
}

impl Subject {
    /// The rungs that are for these sizes, from plain to fast.
    pub fn rungs(&self) -> Vec<Source> {
        self.case.call.sources().into_iter().filter(|source| source.fits).collect()
    }

    /// One of them by its name, or the plain one.
    ///
    /// # Errors
    /// `Usage` where there is none of that name.
    pub fn rung(&self, name: Option<&str>) -> Result<Source> {
        let mut rungs = self.rungs();
        let Some(name) = name else { return Ok(rungs.swap_remove(0)) };
        let names: Vec<_> = rungs.iter().map(|source| source.rung.to_string()).collect();
        rungs.into_iter().find(|source| source.rung == name).ok_or_else(|| {
            let (name, kernel, names) = (shown(name), self.case.call.name(), list(&names));
            error!(Usage, "there is no rung {name} of {kernel} for these sizes: there are {names}")
        })
    }

    /// What the definition, in f64, makes of an element of an output, by its number.
    pub fn expected(&self, output: usize, element: usize) -> f64 {
        let call = &self.case.call;
        let values = |buffers: &[Buffer], words: &[Vec<u32>]| {
            let all = buffers.iter().zip(words);
            all.map(|(buffer, words)| Values::of_words(buffer.kind, words)).collect::<Vec<_>>()
        };
        let (inputs, outputs) = (values(call.inputs(), &self.inputs), values(call.outputs(), &self.outputs));
        match &reference(&self.case, &inputs, &outputs, |value| value)[output] {
            Values::Float(values) => values[element],
            Values::Uint(values) => f64::from(values[element]),
        }
    }

    /// With values drawn at random; equal cases get equal ones.
    pub fn drawn(case: Case) -> Subject {
        let (inputs, outputs) = draw(&case, Style::Random);
        let words = |values: Vec<Values>| values.iter().map(Values::words).collect();
        let (inputs, outputs) = (words(inputs), words(outputs));
        Subject { case, inputs, outputs }
    }
}

/// A case of this kernel; `None` where there is no such kernel.
pub fn case_of(kernel: &str) -> Option<Case> {
    ops::cases(Table::Awkward).into_iter().find(|case| case.call.name() == kernel)
}

/// Every kernel that runs for a layer, with what it sees.
fn calls_of(model: &Model, pixels: &[u8], label: u32, layer: &str) -> Result<Vec<RecordedCall>> {
    let device = model.device();
    let pixels = upload(device, pixels)?;
    let labels = Tensor::from_u32(device, &[1], &[label])?;
    let weights = model.network.even_weights(device)?;
    device.calls().start(layer);
    let run = || {
        let tape = Tape::new(device, accumulate);
        let vars = model.vars(&tape, true);
        let logits = model.forward(&tape, &vars, &pixels, 1, Mode::Infer)?;
        device.enter("loss");
        let outcome = model.network.head.loss(&tape, &logits, &labels, &weights, 1, 0.0)?;
        let dy = Tensor::from_f32(device, outcome.loss.tensor.shape(), &[1.0])?;
        tape.backward(&outcome.loss, dy)
    };
    let done = run();
    let calls = device.calls().stop();
    done.map(|_| calls)
}
