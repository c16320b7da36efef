//! Global average pooling.

use super::shapes::image_shape;
use crate::cases::{Case, Row, Table, Tolerance};
use crate::error::Result;
use crate::kernel::{Grid, Kernel, Pass, Rung, folded, kernel};
use crate::reference::global_avg_pool::Params;
use crate::tape::{Tape, Var};

/// The mean of each map of x `[batch, channels, height, width]`: y `[batch, channels]`.
pub fn global_avg_pool(tape: &Tape, x: &Var) -> Result<Var> {
    let [batch, channels, height, width] = image_shape("global_avg_pool", x)?;
    let params = Params { batch: batch as u32, channels: channels as u32, area: (height * width) as u32 };
    let device = tape.device().clone();
    let y = FORWARD.compute(&device, &params, &[&x.tensor], &[batch, channels])?;
    let x_shape = x.shape().to_vec();
    Ok(tape.record("global_avg_pool", &[x], y, move |dy, _needs| {
        Ok(vec![Some(BACKWARD_X.compute(&device, &params, &[dy], &x_shape)?)])
    }))
}

const SOURCE: &str = include_str!("../../shaders/global_avg_pool.wgsl");
const SHARED_SOURCE: &str = include_str!("../../shaders/global_avg_pool.2_shared.wgsl");

/// Values of a plane from which on the threads of a group share it.
const FEWEST: u32 = 32;

pub static FORWARD: Kernel<Params> = Kernel {
    rungs: &[
        Rung {
            iterations: |p| p.area as usize,
            ..Rung::plain(SOURCE, &[Pass::new("forward", Grid::Threads(planes))])
        },
        Rung {
            iterations: |p| p.area.div_ceil(256) as usize + 8,
            only_for: |p| (p.area < FEWEST).then_some("it is for planes of 32 values or more"),
            ..Rung::new(
                "2_shared",
                SHARED_SOURCE,
                &[Pass::new(
                    "forward",
                    Grid::Groups(|p| {
                        let [x, y] = folded(planes(p));
                        [x, y, 1]
                    }),
                )],
            )
        },
    ],
    ..kernel!(global_avg_pool::forward(x) -> (y), items: planes, fast)
};
pub static BACKWARD_X: Kernel<Params> = Kernel {
    rungs: &[
        Rung::plain(SOURCE, &[Pass::new("backward_x", Grid::Threads(values))]),
        Rung::new("2_shared", SHARED_SOURCE, &[Pass::new("backward_x", Grid::ThreadsOfFour(values))]),
    ],
    ..kernel!(global_avg_pool::backward_x(dy) -> (dx), items: planes)
};

fn planes(p: &Params) -> usize {
    (p.batch * p.channels) as usize
}

fn values(p: &Params) -> usize {
    planes(p) * p.area as usize
}

pub fn cases(table: Table) -> Vec<Case> {
    let params = |batch, channels, area| Params { batch, channels, area };
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 1, 1), "one value"),
            (params(2, 3, 35), "odd planes"),
            (params(3, 5, 16), "smaller planes than a group shares"),
            (params(1, 2, 257), "one more value than a group has threads"),
            (params(1, 1, 1031), "one plane, a prime number of values"),
            (params(3, 113, 4), "more planes than a group has threads"),
        ],
        Table::Network { image_size, batch } => {
            vec![(params(batch, 256, (image_size / 8).pow(2)), "pool3's output")]
        }
    };
    let shape = |p: &Params, name: &str| match name {
        "x" | "dx" => vec![p.batch, p.channels, p.area],
        _ => vec![p.batch, p.channels],
    };
    Row::new(sizes, shape)
        .random(|dice| {
            let [batch, channels] = dice.sizes([9, 300]);
            Params { batch, channels, area: dice.size(2000) }
        })
        .inexact()
        .kernel(&FORWARD, |p| Tolerance::sum(p.area))
        .kernel(&BACKWARD_X, |_| Tolerance::Elementwise)
        .cases()
}
