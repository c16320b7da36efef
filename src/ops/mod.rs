//! The operations of a network, one file each: the function that computes and records, with its shape rule, and the
//! kernels with their rungs.

pub mod adam;
pub mod add;
pub mod augment;
pub mod average;
pub mod batch_norm;
pub mod binary_cross_entropy;
pub mod ceiling;
pub mod clip_norm;
pub mod conv2d;
pub mod conv2d_relu_pool;
pub mod dense;
pub mod dropout;
pub mod flatten;
pub mod global_avg_pool;
pub mod input;
pub mod leaky_relu;
pub mod loss_scale;
pub mod max_pool2d;
pub mod relu;
mod shapes;
pub mod sigmoid;
pub mod softmax;
pub mod softmax_cross_entropy;

use crate::cases::{Case, Table};

/// Every kernel with the sizes of a table.
pub fn cases(table: Table) -> Vec<Case> {
    let rows = [
        relu::cases(table),
        leaky_relu::cases(table),
        sigmoid::cases(table),
        add::cases(table),
        dropout::cases(table),
        input::cases(table),
        augment::cases(table),
        dense::cases(table),
        conv2d::cases(table),
        max_pool2d::cases(table),
        global_avg_pool::cases(table),
        batch_norm::cases(table),
        conv2d_relu_pool::cases(table),
        softmax::cases(table),
        binary_cross_entropy::cases(table),
        softmax_cross_entropy::cases(table),
        clip_norm::cases(table),
        adam::cases(table),
        average::cases(table),
        loss_scale::cases(table),
        ceiling::cases(table),
    ];
    rows.into_iter().flatten().collect()
}
