//! The forward pass of a model.

use super::{Activation, Layer, Mode, Model, Stage};
use crate::error::Result;
use crate::ops;
use crate::ops::dropout::Mask;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

impl Model {
    /// The logits `[batch, 1]` of `pixels` (bytes, packed as for [`ops::input`]), for `parameters` in their order.
    ///
    /// # Errors
    /// What the device reports.
    pub fn forward(
        &self,
        tape: &Tape,
        parameters: &[Var],
        pixels: &Tensor,
        batch: usize,
        mode: Mode,
    ) -> Result<Var> {
        self.forward_through(tape, parameters, pixels, batch, mode, &mut |_, x| x)
    }

    /// As [`forward`](Model::forward); what a layer made goes through `after`, with the layer's index, before the next
    /// one gets it. Layers that run as one are seen as the last of them.
    ///
    /// # Errors
    /// What the device reports.
    pub fn forward_through(
        &self,
        tape: &Tape,
        parameters: &[Var],
        pixels: &Tensor,
        batch: usize,
        mode: Mode,
        after: &mut dyn FnMut(usize, Var) -> Var,
    ) -> Result<Var> {
        let size = self.network.image_size;
        let pre = &self.network.preprocessing;
        let shape = [batch, self.network.channels, size, size];
        self.device.enter("input");
        let x = ops::input::input(&self.device, pixels, shape, pre.mean, pre.std_dev)?;
        let mut parameters = parameters.iter();
        let mut pair = || (parameters.next().expect("a weight"), parameters.next().expect("a bias"));
        let mut dropouts = 0;

        let mut x = tape.constant(&x);
        for stage in &self.stages {
            let (index, pool) = match *stage {
                Stage::Layer(index) => (index, None),
                Stage::ConvReluPool(index, pool) => (index, Some(pool)),
            };
            self.device.enter(&self.layers[index].name);
            x = match (&self.layers[index].layer, pool) {
                (Layer::Conv2d { strides, padding, .. }, Some(pool)) => {
                    let (w, b) = pair();
                    ops::conv2d_relu_pool::conv2d_relu_pool(tape, &x, w, b, *strides, *padding, pool)?
                }
                (Layer::Conv2d { strides, padding, activation, .. }, None) => {
                    let (w, b) = pair();
                    activate(tape, ops::conv2d::conv2d(tape, &x, w, b, *strides, *padding)?, *activation)?
                }
                (Layer::MaxPool2d { pool_size, strides }, _) => {
                    ops::max_pool2d::max_pool2d(tape, &x, *pool_size, *strides)?
                }
                (Layer::Flatten, _) => ops::flatten::flatten(tape, &x)?,
                (Layer::Dense { activation, .. }, _) => {
                    let (w, b) = pair();
                    activate(tape, ops::dense::dense(tape, &x, w, b)?, *activation)?
                }
                (Layer::Dropout { rate }, _) => {
                    let layer = dropouts;
                    dropouts += 1;
                    match mode {
                        Mode::Train { seed, step, first_image } if *rate > 0.0 => ops::dropout::dropout(
                            tape,
                            &x,
                            *rate as f32,
                            Mask { seed, step, layer, first_image },
                        )?,
                        _ => x,
                    }
                }
            };
            x = after(index + usize::from(pool.is_some()), x);
        }
        Ok(x)
    }
}

/// Applies an activation. A sigmoid is left to the head, which works on logits.
fn activate(tape: &Tape, x: Var, activation: Activation) -> Result<Var> {
    match activation {
        Activation::Relu => ops::relu::relu(tape, &x),
        Activation::Linear | Activation::Sigmoid => Ok(x),
    }
}
