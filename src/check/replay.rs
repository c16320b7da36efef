//! Whatever the CPU device computes, once more by the definitions in f64: whole networks, with their gradients and steps.
//!
//! Each kernel is called with the f64 results of those before it, as if the device had computed in f64 all along. So the
//! network, the tape and the optimizer are those that train; only the rounding to f32 is gone.

use super::all;
use super::kernels::reference;
use crate::cases::{Case, Values};
use crate::device::{Device, DeviceKind, Place, RecordedCall};
use crate::tensor::Tensor;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Follows a device of the CPU until it is dropped.
pub struct Replay {
    device: Device,
    found: Rc<RefCell<Found>>,
}

/// A call, computed by its definition.
pub struct Replayed<'a> {
    pub case: &'a Case,
    pub inputs: &'a [Values],
    /// Before the call.
    pub before: &'a [Values],
    pub outputs: &'a [Values],
}

/// Who sees a call.
type Watcher = Box<dyn FnMut(&Replayed)>;

#[derive(Default)]
struct Found {
    /// Who sees each call.
    each: Option<Watcher>,
    /// Of each kernel, a case that makes others.
    kernels: HashMap<&'static str, Case>,
    /// What kernels wrote, by where.
    written: HashMap<(u64, usize), Values>,
    memories: HashSet<u64>,
}

impl Replay {
    /// Of all that `device` computes from now on.
    ///
    /// # Panics
    /// For a GPU, which does not show its calls.
    pub fn follow(device: &Device) -> Replay {
        assert!(device.kind() == DeviceKind::Cpu, "only the CPU device shows what it computes");
        let mut found = Found::default();
        for case in all() {
            found.kernels.entry(case.call.name()).or_insert(case);
        }
        let found = Rc::new(RefCell::new(found));
        let followed = found.clone();
        device.calls().follow(move |call| followed.borrow_mut().compute(call));
        Replay { device: device.clone(), found }
    }

    /// The same, where `each` sees every call.
    pub fn showing(device: &Device, each: impl FnMut(&Replayed) + 'static) -> Replay {
        let replay = Replay::follow(device);
        replay.found.borrow_mut().each = Some(Box::new(each));
        replay
    }

    /// The f64 values of a tensor that kernels wrote; `None` where none did.
    pub fn values(&self, tensor: &Tensor) -> Option<Vec<f64>> {
        let Place { memory, offset } = tensor.place();
        match self.found.borrow().written.get(&(memory, offset))? {
            Values::Float(values) => Some(values.clone()),
            Values::Uint(values) => Some(values.iter().map(|&value| value.into()).collect()),
        }
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        self.device.calls().stop();
    }
}

impl Found {
    fn compute(&mut self, call: RecordedCall) {
        let RecordedCall { kernel, params, inputs, outputs, places } = call;
        let case = (self.kernels[kernel].with_params)(&params);
        let buffers = case.call.inputs().iter().chain(case.call.outputs());
        let words = inputs.iter().chain(&outputs);
        let mut values = buffers.zip(words).zip(&places).map(|((buffer, words), place)| {
            let known =
                self.written.get(&(place.memory, place.offset)).filter(|known| known.len() == words.len());
            known.cloned().unwrap_or_else(|| {
                assert!(
                    !self.memories.contains(&place.memory),
                    "{kernel}: {} is a part of what was written",
                    buffer.name
                );
                Values::of_words(buffer.kind, words)
            })
        });
        let given: Vec<_> = values.by_ref().take(inputs.len()).collect();
        let before: Vec<_> = values.collect();
        let computed = reference(&case, &given, &before, |v| v);
        if let Some(each) = &mut self.each {
            each(&Replayed { case: &case, inputs: &given, before: &before, outputs: &computed });
        }
        for (values, place) in computed.into_iter().zip(&places[inputs.len()..]) {
            self.memories.insert(place.memory);
            self.written.insert((place.memory, place.offset), values);
        }
    }
}
