//! The tape: what was computed from what, so that gradients can be found by walking back.
//!
//! Ops record one entry per call, with a closure that turns the gradient of the output into the
//! gradients of the inputs. Ops only return gradients; adding up happens here and nowhere else.
//!
//! No sorting is needed to walk back: an op can only use what was computed before it, so the order of
//! recording already is a topological order, and its reverse visits every user of a value before the
//! value itself.

use crate::device::Device;
use crate::error::{Result, error};
use crate::tensor::Tensor;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A tensor on a tape.
#[derive(Clone, Debug)]
pub struct Var {
    /// Its values.
    pub tensor: Tensor,
    id: usize,
    needs_grad: bool,
}

impl Var {
    /// Whether backward finds its gradient: it is a parameter, or was computed from one.
    pub fn needs_grad(&self) -> bool {
        self.needs_grad
    }

    /// The shape of its tensor.
    pub fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }
}

/// Turns the output's gradient into one optional gradient per input; an input that `needs` none may get
/// `None`, and then it costs nothing.
type Backward = Box<dyn FnOnce(&Tensor, &[bool]) -> Result<Vec<Option<Tensor>>>>;

struct Entry {
    op: &'static str,
    /// The layer that it belongs to, for profiles.
    scope: Arc<str>,
    inputs: Vec<Var>,
    output: usize,
    output_shape: Vec<usize>,
    backward: Backward,
}

/// The record of one forward pass.
pub struct Tape {
    device: Device,
    entries: RefCell<Vec<Entry>>,
    next_id: Cell<usize>,
    /// Values that were computed, and whose gradients are wanted all the same.
    kept: RefCell<HashSet<usize>>,
    accumulate: fn(Tensor, &Tensor) -> Result<Tensor>,
}

impl Tape {
    /// An empty tape. `accumulate` adds the second gradient to the first; the tape is given it because
    /// it does not know any op.
    pub fn new(device: &Device, accumulate: fn(Tensor, &Tensor) -> Result<Tensor>) -> Tape {
        Tape {
            device: device.clone(),
            entries: RefCell::default(),
            next_id: Cell::new(0),
            kept: RefCell::default(),
            accumulate,
        }
    }

    /// Where its values are computed.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A value whose gradient is wanted.
    pub fn parameter(&self, tensor: &Tensor) -> Var {
        self.var(tensor.clone(), true)
    }

    /// A value whose gradient is not wanted, such as the pictures.
    pub fn constant(&self, tensor: &Tensor) -> Var {
        self.var(tensor.clone(), false)
    }

    /// Lets backward give the gradient of a value that was computed, as if it were a parameter. One that needs none has none.
    pub fn keep(&self, var: &Var) {
        self.kept.borrow_mut().insert(var.id);
    }

    fn var(&self, tensor: Tensor, needs_grad: bool) -> Var {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        Var { tensor, id, needs_grad }
    }

    /// Records that `op` computed `output` from `inputs`.
    ///
    /// Where no input needs a gradient nothing is kept, so inference holds no activations.
    pub fn record<F>(&self, op: &'static str, inputs: &[&Var], output: Tensor, backward: F) -> Var
    where
        F: FnOnce(&Tensor, &[bool]) -> Result<Vec<Option<Tensor>>> + 'static,
    {
        let needs_grad = inputs.iter().any(|input| input.needs_grad);
        let output = self.var(output, needs_grad);
        if needs_grad {
            self.entries.borrow_mut().push(Entry {
                op,
                scope: self.device.scope(),
                inputs: inputs.iter().map(|&input| input.clone()).collect(),
                output: output.id,
                output_shape: output.shape().to_vec(),
                backward: Box::new(backward),
            });
        }
        output
    }

    /// The gradients of `output` with respect to every parameter and every value that is [kept](Tape::keep), given its own gradient `dy`, which has its shape.
    ///
    /// Uses the tape up: each entry, with the activations it holds, is dropped as soon as it is done.
    ///
    /// # Errors
    /// What the kernels report; an op that returns the wrong number or shape of gradients.
    pub fn backward(self, output: &Var, dy: Tensor) -> Result<Gradients> {
        check_shape("the start of backward", dy.shape(), output.shape())?;
        let mut gradients = HashMap::from([(output.id, dy)]);
        let (kept, mut found) = (self.kept.take(), Vec::new());
        while let Some(entry) = self.entries.borrow_mut().pop() {
            let Some(dy) = gradients.remove(&entry.output) else { continue };
            check_shape(entry.op, dy.shape(), &entry.output_shape)?;
            if kept.contains(&entry.output) {
                found.push((entry.output, dy.clone()));
            }
            self.device.enter(&entry.scope);
            let needs: Vec<_> = entry.inputs.iter().map(Var::needs_grad).collect();
            let returned = (entry.backward)(&dy, &needs)?;
            if returned.len() != entry.inputs.len() {
                let (got, wanted) = (returned.len(), entry.inputs.len());
                return Err(error!(Other, "{} returned {got} gradients for {wanted} inputs", entry.op));
            }
            for (input, gradient) in entry.inputs.iter().zip(returned) {
                match gradient {
                    Some(gradient) if input.needs_grad => {
                        check_shape(entry.op, gradient.shape(), input.shape())?;
                        let sum = match gradients.remove(&input.id) {
                            Some(earlier) => (self.accumulate)(earlier, &gradient)?,
                            None => gradient,
                        };
                        gradients.insert(input.id, sum);
                    }
                    None if input.needs_grad => {
                        return Err(error!(Other, "{} returned no gradient where one is needed", entry.op));
                    }
                    _ => {}
                }
            }
        }
        gradients.extend(found);
        Ok(Gradients(gradients))
    }
}

fn check_shape(op: &str, got: &[usize], wanted: &[usize]) -> Result<()> {
    if got != wanted {
        return Err(error!(Other, "{op}: a gradient of shape {got:?} for a value of shape {wanted:?}"));
    }
    Ok(())
}

/// What [`Tape::backward`] found.
pub struct Gradients(HashMap<usize, Tensor>);

impl Gradients {
    /// The gradient of a parameter; `None` where the output does not depend on it.
    pub fn get(&self, parameter: &Var) -> Option<&Tensor> {
        self.0.get(&parameter.id)
    }

    /// The same, and nobody else's from now on.
    pub fn take(&mut self, parameter: &Var) -> Option<Tensor> {
        self.0.remove(&parameter.id)
    }
}
