//! Convolution, ReLU and pooling that run as one. Files do not know it: `fuse` puts it in the place of the three.

use super::conv2d::Conv2d;
use super::layer::{Context, Layer, TypeName};
use super::max_pool2d::MaxPool2d;
use crate::error::Result;
use crate::model::slot::Slot;
use crate::ops;
use crate::tape::Var;
use serde::Serialize;

/// A convolution, its ReLU, and pooling with windows of `pool` x `pool` that do not overlap.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conv2dReluPool {
    conv: Conv2d,
    pool: usize,
}

impl Conv2dReluPool {
    /// The kernel that computes it.
    pub const KERNEL: &str = ops::conv2d_relu_pool::FORWARD.name;

    /// `None` where the op does not cover this pooling.
    pub fn new(conv: &Conv2d, pool: &MaxPool2d) -> Option<Conv2dReluPool> {
        let [side, width] = pool.pool_size;
        let covered = pool.strides == pool.pool_size
            && side == width
            && side <= ops::conv2d_relu_pool::LARGEST_FUSED_POOL;
        covered.then(|| Conv2dReluPool { conv: conv.clone(), pool: side })
    }
}

impl TypeName for Conv2dReluPool {
    fn type_name(&self) -> &'static str {
        "conv2d_relu_pool"
    }
}

impl Layer for Conv2dReluPool {
    fn label(&self) -> &'static str {
        "Conv2D, ReLU, MaxPooling2D"
    }

    fn meaning(&self) -> &'static str {
        "A convolution, its ReLU and its pooling in one, so that the large output in between never reaches memory."
    }

    fn output_shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        MaxPool2d::new(self.pool).output_shape(&[&self.conv.output_shape(inputs)?])
    }

    fn slots(&self, inputs: &[&[usize]]) -> Vec<Slot> {
        self.conv.slots(inputs)
    }

    // Fused all the same: the kernel adds zeros faster than it would read and write the large output in between.
    fn zeros(&self) -> usize {
        self.conv.zeros()
    }

    fn forward(&self, context: &Context, inputs: &[Var]) -> Result<Var> {
        let (w, b) = (context.slot("weight"), self.conv.bias(context));
        let Conv2d { strides, padding, .. } = self.conv;
        ops::conv2d_relu_pool::conv2d_relu_pool(context.tape, &inputs[0], w, &b, strides, padding, self.pool)
    }

    fn keeps(&self, _inputs: &[&[usize]], output: &[usize]) -> Vec<(&'static str, usize)> {
        let plane: usize = output[1..].iter().product();
        // Four places of the largest value to a word, each plane from a word of its own on.
        vec![("output", output[0] * plane), ("argmax", output[0] * plane.div_ceil(4))]
    }

    fn flop(&self, inputs: &[&[usize]], _output: &[usize]) -> u64 {
        let convolved = self.conv.output_shape(inputs).expect("the graph was checked");
        self.conv.flop(inputs, &convolved)
    }
}
