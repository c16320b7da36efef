//! The operations of a network, one file each: shape rule, kernels and rungs, and the function that
//! computes and records.

pub mod adam;
pub mod add;
pub mod binary_cross_entropy;
pub mod ceiling;
pub mod conv2d;
pub mod conv2d_relu_pool;
pub mod dense;
pub mod dropout;
pub mod flatten;
pub mod input;
pub mod loss_scale;
pub mod max_pool2d;
pub mod relu;
pub mod sigmoid;

use crate::device::Device;
use crate::error::{Result, error};
use crate::tape::Var;
use crate::tensor::{Kind, Tensor};

/// The four sizes of a tensor of images, `[batch, channels, height, width]`.
fn image_shape(op: &str, x: &Var) -> Result<[usize; 4]> {
    x.shape()
        .try_into()
        .map_err(|_| error!(Other, "{op} takes x as [batch, channels, height, width], not {:?}", x.shape()))
}

/// The two sizes of a tensor of rows, `[batch, features]`.
fn row_shape(op: &str, x: &Var) -> Result<[usize; 2]> {
    x.shape().try_into().map_err(|_| error!(Other, "{op} takes x as [batch, features], not {:?}", x.shape()))
}

/// The gradient of one input: `None` where it is not needed, else a new tensor of `shape` that `run` fills.
fn gradient(
    needed: bool,
    device: &Device,
    shape: &[usize],
    run: impl FnOnce(&Tensor) -> Result<()>,
) -> Result<Option<Tensor>> {
    if !needed {
        return Ok(None);
    }
    let gradient = Tensor::empty(device, shape, Kind::F32)?;
    run(&gradient)?;
    Ok(Some(gradient))
}
