//! Means of planes on the CPU.

use super::sums::{planes_of_a_task, sum};
use crate::reference::global_avg_pool::Params;
use rayon::prelude::*;

/// See [`crate::reference::global_avg_pool::forward`].
pub fn forward(p: &Params, x: &[f32], y: &mut [f32]) {
    let area = p.area as usize;
    let planes = y.par_iter_mut().zip(x.par_chunks_exact(area)).with_min_len(planes_of_a_task(area));
    planes.for_each(|(y, x)| *y = sum([x], |[x]| x) / area as f32);
}
