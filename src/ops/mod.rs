//! The operations of a network, one file each: the function that computes and records, with its shape rule, and the
//! kernels with their rungs.

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

use crate::cases::{Case, Table};
use crate::error::{Result, error};
use crate::tape::Var;
use crate::tensor::Tensor;

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

/// The gradient of one input, where it is needed.
fn gradient(needed: bool, compute: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
    needed.then(compute).transpose()
}

/// Every kernel with the sizes of a table.
pub fn cases(table: Table) -> Vec<Case> {
    let rows = [
        relu::cases(table),
        sigmoid::cases(table),
        add::cases(table),
        dropout::cases(table),
        input::cases(table),
        dense::cases(table),
        conv2d::cases(table),
        max_pool2d::cases(table),
        conv2d_relu_pool::cases(table),
        binary_cross_entropy::cases(table),
        adam::cases(table),
        loss_scale::cases(table),
        ceiling::cases(table),
    ];
    rows.into_iter().flatten().collect()
}
