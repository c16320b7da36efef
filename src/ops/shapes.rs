//! What ops ask of the shapes of their inputs, and of the gradients that are wanted of them.

use crate::error::{Result, error};
use crate::tape::Var;
use crate::tensor::Tensor;

/// The four sizes of a tensor of images, `[batch, channels, height, width]`.
pub fn image_shape(op: &str, x: &Var) -> Result<[usize; 4]> {
    x.shape()
        .try_into()
        .map_err(|_| error!(Other, "{op} takes x as [batch, channels, height, width], not {:?}", x.shape()))
}

/// The two sizes of a tensor of rows, `[batch, features]`.
pub fn row_shape(op: &str, x: &Var) -> Result<[usize; 2]> {
    x.shape().try_into().map_err(|_| error!(Other, "{op} takes x as [batch, features], not {:?}", x.shape()))
}

/// The gradient of one input, where it is needed.
pub fn gradient(needed: bool, compute: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
    needed.then(compute).transpose()
}
