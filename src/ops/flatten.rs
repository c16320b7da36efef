//! Flatten: a view, so there is no kernel.

use crate::error::Result;
use crate::tape::{Tape, Var};

/// `[batch, ...]` as `[batch, features]`, in the order of memory: channel by channel for images.
pub fn flatten(tape: &Tape, x: &Var) -> Result<Var> {
    let shape = x.shape().to_vec();
    let features = shape[1..].iter().product();
    let y = x.tensor.reshape(&[shape[0], features]);
    Ok(tape.record("flatten", &[x], y, move |dy, _needs| Ok(vec![Some(dy.reshape(&shape))])))
}
