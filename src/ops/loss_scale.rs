//! Loss scaling: looks for gradients that overflowed, and moves the scale.

use crate::cases::{Case, Row, Table, Tolerance, Values};
use crate::error::Result;
use crate::kernel::{Kernel, kernel};
use crate::reference::loss_scale::Params;
use crate::tensor::Tensor;

/// Raises `overflow` (u32 `[1]`) where the gradient is infinite or NaN.
pub fn detect(gradient: &Tensor, overflow: &Tensor) -> Result<()> {
    let params = Params { len: gradient.len() as u32, growth_interval: 0 };
    DETECT.run(gradient.device(), &params, &[gradient], &[overflow])
}

/// Halves `scale` where `overflow` is raised, and doubles it after `growth_interval` steps in a row where it was not;
/// `inverse` is 1 / scale. All are `[1]`, `good_steps` of u32.
pub fn update(
    growth_interval: u32,
    overflow: &Tensor,
    scale: &Tensor,
    inverse: &Tensor,
    good_steps: &Tensor,
) -> Result<()> {
    let params = Params { len: 1, growth_interval };
    UPDATE.run(scale.device(), &params, &[overflow], &[scale, inverse, good_steps])
}

const SOURCE: &str = include_str!("../../shaders/loss_scale.wgsl");
const FOUR_SOURCE: &str = include_str!("../../shaders/loss_scale.2_four.wgsl");

pub static DETECT: Kernel<Params> =
    kernel!(loss_scale::detect(gradient) -> (overflow: flag), items: |p| p.len as usize, four);
pub static UPDATE: Kernel<Params> = kernel!(
    loss_scale::update(overflow: u32) -> (scale: update, inverse: update, good_steps: update u32),
    items: |_| 1);

pub fn cases(table: Table) -> Vec<Case> {
    detect_cases(table).into_iter().chain(update_cases(table)).collect()
}

const NO_GOLDEN: &str = "tests/loss_scale.rs follows the scale from step to step";

fn detect_cases(table: Table) -> Vec<Case> {
    let params = |len| Params { len, growth_interval: 3 };
    let sizes = match table {
        Table::Awkward => vec![
            (params(1), "one element, finite"),
            (params(255), "numbers near the largest and the smallest"),
            (params(257), "the last element is infinite"),
            (params(1757), "a NaN"),
            (params(1758), "minus infinity"),
        ],
        Table::Network { image_size, .. } => {
            vec![(params(128 * 256 * (image_size / 8).pow(2)), "dense1's weight")]
        }
    };
    Row::new(sizes, |p, name| if name == "overflow" { vec![1] } else { vec![p.len] })
        .random(|dice| Params { len: dice.size(5000), growth_interval: 3 })
        .no_golden(NO_GOLDEN)
        .draw(|p, name, random| {
            if name == "overflow" {
                return None;
            }
            let mut values: Vec<_> = (0..p.len).map(|_| random.number()).collect();
            match p.len {
                255 => values[7..9].copy_from_slice(&[f64::from(f32::MIN), f64::from(f32::MIN_POSITIVE)]),
                257 => values[256] = f64::INFINITY,
                1757 => values[1000] = f64::NAN,
                1758 => values[0] = f64::NEG_INFINITY,
                len if len % 2 == 0 => values[random.below(len) as usize] = f64::NAN,
                _ => {}
            }
            Some(Values::Float(values))
        })
        .kernel(&DETECT, |_| Tolerance::Exact)
        .cases()
}

fn update_cases(table: Table) -> Vec<Case> {
    // len says which: there is no other use for it.
    let params = |len| Params { len, growth_interval: 3 };
    let sizes = match table {
        Table::Awkward => vec![
            (params(1), "an overflow"),
            (params(2), "one step more without"),
            (params(3), "the last of the interval: the scale grows"),
            (params(4), "the largest scale does not grow"),
            (params(5), "an overflow at the end of the interval"),
        ],
        Table::Network { .. } => vec![(params(1), "the scale")],
    };
    Row::new(sizes, |_, _| vec![1])
        .random(|dice| Params { len: dice.size(5), growth_interval: dice.size(4) })
        .no_golden(NO_GOLDEN)
        .draw(|p, name, _| {
            let exponent = if p.len == 4 { 125 } else { 16 };
            Some(match name {
                "overflow" => Values::Uint(vec![u32::from([1, 5].contains(&p.len))]),
                "good_steps" => Values::Uint(vec![if p.len == 2 { 1 } else { 2 }]),
                "scale" => Values::Float(vec![f64::exp2(f64::from(exponent))]),
                _ => Values::Float(vec![f64::exp2(f64::from(-exponent))]),
            })
        })
        .kernel(&UPDATE, |_| Tolerance::Exact)
        .cases()
}
