//! ReLU.

use crate::cases::{Case, Row, Table, Tolerance, Values, lengths};
use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::relu::Params;
use crate::tape::{Tape, Var};

/// `max(x, 0)` of every element; NaN stays NaN. y has the shape of x.
pub fn relu(tape: &Tape, x: &Var) -> Result<Var> {
    let device = tape.device().clone();
    let params = Params { len: x.tensor.len() as u32 };
    let y = FORWARD.compute(&device, &params, &[&x.tensor], x.shape())?;
    let saved = y.clone();
    Ok(tape.record("relu", &[x], y, move |dy, _needs| {
        Ok(vec![Some(BACKWARD_X.compute(&device, &params, &[&saved, dy], dy.shape())?)])
    }))
}

const SOURCE: &str = include_str!("../../shaders/relu.wgsl");
const FOUR_SOURCE: &str = include_str!("../../shaders/relu.2_four.wgsl");

pub static FORWARD: Kernel<Params> = kernel!(relu::forward(x) -> (y), items: |p| p.len as usize, four);
pub static BACKWARD_X: Kernel<Params> =
    kernel!(relu::backward_x(y, dy) -> (dx), items: |p| p.len as usize, four);

/// Elements of the case with a NaN.
const WITH_NAN: u32 = 1761;

pub fn cases(table: Table) -> Vec<Case> {
    let mut sizes = lengths(table, |len| Params { len });
    if table == Table::Awkward {
        sizes.push((Params { len: WITH_NAN }, "a NaN"));
        sizes.push((Params { len: (1 << 14) * 1024 + 300 }, "a grid of two rows, where a thread owns four"));
    }
    Row::new(sizes, |p, _| vec![p.len])
        .random(|dice| Params { len: dice.size(5000) })
        .draw(|p, name, random| {
            (name == "x" && p.len == WITH_NAN).then(|| {
                let mut values: Vec<_> = (0..p.len).map(|_| random.number()).collect();
                values[1000] = f64::NAN;
                Values::Float(values)
            })
        })
        .kernel(&FORWARD, |_| Tolerance::Exact)
        .kernel(&BACKWARD_X, |_| Tolerance::Exact)
        .cases()
}
