//! Clipping by the norm of all gradients together.

use crate::cases::{Case, Row, Table, Tolerance, Values};
use crate::error::Result;
use crate::kernel::{Grid, Kernel, Pass, Rung, kernel};
use crate::reference::clip_norm::Params;
use crate::tensor::{Kind, Tensor};

/// So many threads add up squares: enough for a GPU to read as fast as it can.
const SUMS: u32 = 8192;

/// What the gradients are to be multiplied by (`[1]`), so that the norm of all of them together, times `scale` (`[1]`), is at most
/// `max_norm`; `scale` itself is in it. Raises `overflow` (u32 `[1]`) where the norm is infinite or NaN.
pub fn clip_norm(gradients: &[Tensor], scale: &Tensor, max_norm: f32, overflow: &Tensor) -> Result<Tensor> {
    let device = scale.device();
    let sums = Tensor::zeros(device, &[SUMS as usize], Kind::F32)?;
    for gradient in gradients {
        let params = Params { len: gradient.len() as u32, sums: SUMS, max_norm };
        SQUARE_SUMS.run(device, &params, &[gradient], &[&sums])?;
    }
    let factor = Tensor::empty(device, &[1], Kind::F32)?;
    let params = Params { len: 0, sums: SUMS, max_norm };
    COMBINE.run(device, &params, &[&sums, scale], &[&factor, overflow])?;
    Ok(factor)
}

const SOURCE: &str = include_str!("../../shaders/clip_norm.wgsl");

pub static SQUARE_SUMS: Kernel<Params> = Kernel {
    rungs: &[Rung {
        iterations: |p| p.len.div_ceil(p.sums) as usize,
        ..Rung::plain(SOURCE, &[Pass::new("square_sums", Grid::Threads(busy))])
    }],
    ..kernel!(clip_norm::square_sums(gradient) -> (sums: update), items: |p| p.sums as usize)
};
pub static COMBINE: Kernel<Params> = Kernel {
    rungs: &[Rung {
        iterations: |p| p.sums.div_ceil(256) as usize + 8,
        ..Rung::plain(SOURCE, &[Pass::new("combine", Grid::Groups(|_| [1, 1, 1]))])
    }],
    ..kernel!(clip_norm::combine(sums, scale) -> (factor, overflow: flag), items: |_| 1)
};

fn busy(p: &Params) -> usize {
    p.sums.min(p.len) as usize
}

pub fn cases(table: Table) -> Vec<Case> {
    square_sums_cases(table).into_iter().chain(combine_cases(table)).collect()
}

fn square_sums_cases(table: Table) -> Vec<Case> {
    fn params(len: u32, sums: u32) -> Params {
        Params { len, sums, max_norm: 1.0 }
    }
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 1), "one value"),
            (params(64, SUMS), "fewer values than sums"),
            (params(1757, 300), "rows of which the last is short"),
            (params(1200, 300), "whole rows"),
        ],
        Table::Network { image_size, .. } => {
            vec![(params(128 * 256 * (image_size / 8).pow(2), SUMS), "dense1's weight")]
        }
    };
    Row::new(sizes, |p, name| if name == "sums" { vec![p.sums] } else { vec![p.len] })
        .random(|dice| params(dice.size(5000), dice.size(900)))
        .draw(|p, name, random| match name {
            // What earlier gradients left is a sum of squares too.
            "sums" => Some(Values::Float((0..p.sums).map(|_| f64::from(random.below(9))).collect())),
            _ => None,
        })
        .kernel(&SQUARE_SUMS, |p| Tolerance::sum(p.len.div_ceil(p.sums) + 1))
        .cases()
}

fn combine_cases(table: Table) -> Vec<Case> {
    // len says which: there is no other use for it.
    fn params(len: u32, sums: u32, max_norm: f32) -> Params {
        Params { len, sums, max_norm }
    }
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 1, 0.5), "one sum"),
            (params(2, SUMS, 1.0), "all sums: the norm is too long"),
            (params(3, 300, 1e9), "the norm is short enough"),
            (params(4, 257, 1.0), "no gradient at all"),
            (params(5, 700, 1.0), "infinite"),
            (params(6, 700, 1.0), "NaN"),
        ],
        Table::Network { .. } => vec![(params(1, SUMS, 1.0), "all sums")],
    };
    Row::new(sizes, |p, name| if name == "sums" { vec![p.sums] } else { vec![1] })
        .random(|dice| params(1, dice.size(9000), dice.one_of(&[0.1, 10.0, 1000.0])))
        .inexact()
        .draw(|p, name, random| match name {
            "scale" => Some(Values::Float(vec![0.25])),
            "sums" => {
                let mut sums: Vec<_> = (0..p.sums).map(|_| random.number().powi(2)).collect();
                match p.len {
                    4 => sums.fill(0.0),
                    5 => sums[699] = f64::INFINITY,
                    6 => sums[3] = f64::NAN,
                    _ => {}
                }
                Some(Values::Float(sums))
            }
            _ => None,
        })
        // Each thread's sum, and eight of the tree; the square root halves their error.
        .kernel(&COMBINE, |p| Tolerance::sum(p.sums.div_ceil(256) + 8))
        .cases()
}
