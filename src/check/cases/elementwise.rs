//! Rows of ops that work on single elements, and of the loss and the optimizer.

use super::{Case, ELEMENTWISE, EXACT, Row, Table, Values, number};
use crate::check::compare::Tolerance;
use crate::ops;
use crate::optim::Adam;
use crate::reference;
use rand::RngExt;

/// Lengths for ops on single elements; of the network, the largest activation when nothing is fused.
fn lengths(table: Table) -> impl Iterator<Item = (u32, &'static str)> {
    let lengths = match table {
        Table::Awkward => vec![
            (1, "one element"),
            (255, "one less than a group of threads"),
            (257, "one more than a group of threads"),
            (1757, "several groups and a rest"),
        ],
        Table::Network { image_size, batch } => vec![(batch * 64 * image_size.pow(2), "conv1's output")],
    };
    lengths.into_iter()
}

pub fn relu(table: Table) -> Vec<Case> {
    use ops::relu::{BACKWARD_X, FORWARD};
    let mut sizes: Vec<_> = lengths(table).map(|(len, why)| (reference::relu::Params { len }, why)).collect();
    if table == Table::Awkward {
        sizes.push((reference::relu::Params { len: 65_535 * 256 + 300 }, "a grid of two rows"));
    }
    let row = Row::of(sizes, |p, _| vec![p.len as usize]);
    [row.kernel(&FORWARD, |_| EXACT), row.kernel(&BACKWARD_X, |_| EXACT)].into_iter().flatten().collect()
}

pub fn sigmoid(table: Table) -> Vec<Case> {
    use ops::sigmoid::{BACKWARD_X, FORWARD};
    let sizes = lengths(table).map(|(len, why)| (reference::sigmoid::Params { len }, why)).collect();
    let mut row = Row::of(sizes, |p, _| vec![p.len as usize]);
    row.exact_on_integers = false;
    [row.kernel(&FORWARD, |_| ELEMENTWISE), row.kernel(&BACKWARD_X, |_| ELEMENTWISE)]
        .into_iter()
        .flatten()
        .collect()
}

pub fn add(table: Table) -> Vec<Case> {
    use ops::add::{ACCUMULATE, FORWARD};
    let sizes: Vec<_> = lengths(table).map(|(len, why)| (reference::add::Params { len }, why)).collect();
    let row = Row::of(sizes, |p, _| vec![p.len as usize]);
    [row.kernel(&FORWARD, |_| ELEMENTWISE), row.kernel(&ACCUMULATE, |_| ELEMENTWISE)]
        .into_iter()
        .flatten()
        .collect()
}

/// Numbers halve their distance from 2 in each round, so that a missing round shows.
pub fn ceiling(table: Table) -> Vec<Case> {
    use ops::ceiling::{COPY, MULTIPLY_ADD};
    let params = |len, rounds| reference::ceiling::Params { len, rounds, factor: 0.5, term: 1.0 };
    let sizes = lengths(table).map(|(len, why)| (params(len, 2), why)).collect();
    // Exact on integers too: halving eight times keeps all bits.
    let row = Row::of(sizes, |p, _| vec![p.len as usize]);
    [row.kernel(&COPY, |_| EXACT), row.kernel(&MULTIPLY_ADD, |_| Tolerance::Sum { terms: 32 })]
        .into_iter()
        .flatten()
        .collect()
}

pub fn dropout(table: Table) -> Vec<Case> {
    use ops::dropout::{BACKWARD_X, FORWARD};
    let params = |len, first, rate: f32| {
        let scale = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
        reference::dropout::Params { len, first, seed: 0x9e37_79b9, step: 7, layer: 1, rate, scale }
    };
    let sizes = match table {
        Table::Awkward => vec![
            (params(1757, 0, 0.5), "half is dropped"),
            (params(1000, 128 * 37, 0.5), "a micro-batch that does not start the batch"),
            (params(513, 5, 0.0), "nothing is dropped"),
            (params(513, 5, 0.6), "a rate that is no exact fraction"),
            (params(257, 0, 1.0), "everything is dropped"),
        ],
        Table::Network { batch, .. } => vec![(params(batch * 128, 0, 0.5), "behind dense1")],
    };
    let mut row = Row::of(sizes, |p, _| vec![p.len as usize]);
    row.exact_on_integers = false; // 1 / (1 - rate) need not be whole
    [row.kernel(&FORWARD, |_| ELEMENTWISE), row.kernel(&BACKWARD_X, |_| ELEMENTWISE)]
        .into_iter()
        .flatten()
        .collect()
}

pub fn input(table: Table) -> Vec<Case> {
    let params = |[batch, channels, height, width]: [u32; 4], mean, std_dev| reference::input::Params {
        batch,
        channels,
        height,
        width,
        mean,
        std_dev,
    };
    let sizes = match table {
        Table::Awkward => vec![
            (params([1, 1, 8, 8], 0.0, 1.0), "one small picture"),
            (params([3, 1, 9, 7], 0.0, 1.0), "pictures that end within a word"),
            (params([2, 3, 5, 11], 0.4, 0.25), "three channels, with mean and standard deviation"),
        ],
        Table::Network { image_size, batch } => {
            vec![(params([batch, 1, image_size, image_size], 0.0, 1.0), "a batch of pictures")]
        }
    };
    let mut row = Row::of(sizes, |p, name| match name {
        "pixels" => vec![(p.batch * p.channels * p.height * p.width).div_ceil(4) as usize],
        _ => [p.batch, p.channels, p.height, p.width].map(|size| size as usize).to_vec(),
    });
    row.exact_on_integers = false;
    row.draw = |p, name, _, rng| {
        let words = (p.batch * p.channels * p.height * p.width).div_ceil(4);
        (name == "pixels").then(|| Values::Uint((0..words).map(|_| rng.random()).collect()))
    };
    row.kernel(&ops::input::FORWARD, |_| ELEMENTWISE)
}

pub fn binary_cross_entropy(table: Table) -> Vec<Case> {
    use ops::binary_cross_entropy::{BACKWARD_X, FORWARD};
    let params = |batch, whole_batch| reference::binary_cross_entropy::Params { batch, whole_batch };
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 1), "one image"),
            (params(32, 32), "a whole batch"),
            (params(5, 37), "a micro-batch"),
            (params(300, 300), "more images than a group has threads"),
        ],
        Table::Network { batch, .. } => vec![(params(batch, batch), "a batch")],
    };
    let mut row = Row::of(sizes, |p, name| match name {
        "loss" | "hits" | "dloss" => vec![1],
        _ => vec![p.batch as usize],
    });
    row.exact_on_integers = false;
    row.draw = |p, name, style, rng| match name {
        "labels" => Some(Values::Uint((0..p.batch).map(|_| rng.random_range(0..2)).collect())),
        // From hopeless to certain: exp(-100) is a tiny subnormal, exp(100) would overflow.
        "x" => Some(Values::Float(
            (0..p.batch).map(|i| number(style, rng) * [1.0, 10.0, 100.0][i as usize % 3]).collect(),
        )),
        _ => None,
    };
    [row.kernel(&FORWARD, |_| ELEMENTWISE), row.kernel(&BACKWARD_X, |_| ELEMENTWISE)]
        .into_iter()
        .flatten()
        .collect()
}

pub fn adam(table: Table) -> Vec<Case> {
    let adam = Adam::new(&[], 0.001).expect("without parameters there is nothing to allocate");
    let at = |t, len| reference::adam::Params { len, ..adam.constants(t) };
    let sizes = match table {
        Table::Awkward => vec![
            (at(1, 257), "the first step"),
            (at(2, 1757), "the second step"),
            (at(1000, 1757), "a late step"),
        ],
        Table::Network { image_size, .. } => {
            vec![(at(1000, 128 * 256 * (image_size / 8).pow(2)), "dense1's weight")]
        }
    };
    let mut row = Row::of(sizes, |p, name| match name {
        "non_finite" | "overflow" | "inverse" => vec![1],
        _ => vec![p.len as usize],
    });
    row.exact_on_integers = false;
    row.draw = |p, name, style, rng| match name {
        // From 0, so that what is compared is the update itself and not its rounding into the parameter.
        "parameter" => Some(Values::Float(vec![0.0; p.len as usize])),
        "m" => Some(Values::Float((0..p.len).map(|_| number(style, rng)).collect())),
        "v" => Some(Values::Float((0..p.len).map(|_| number(style, rng).abs()).collect())),
        "non_finite" => Some(Values::Uint(vec![0])),
        // The first step is skipped.
        "overflow" => Some(Values::Uint(vec![u32::from(p.len == 257)])),
        "inverse" => Some(Values::Float(vec![0.25])),
        _ => None,
    };
    [row.kernel(&ops::adam::STEP, |_| ELEMENTWISE), row.kernel(&ops::adam::SCALED_STEP, |_| ELEMENTWISE)]
        .into_iter()
        .flatten()
        .collect()
}

pub fn loss_scale(table: Table) -> Vec<Case> {
    use ops::loss_scale::{LOOK, UPDATE};
    let params = |len| reference::loss_scale::Params { len, growth_interval: 3 };
    let gradients = match table {
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
    let mut look =
        Row::of(gradients, |p, name| if name == "overflow" { vec![1] } else { vec![p.len as usize] });
    look.draw = |p, name, style, rng| match name {
        "overflow" => Some(Values::Uint(vec![0])),
        _ => {
            let mut values: Vec<_> = (0..p.len).map(|_| number(style, rng)).collect();
            match p.len {
                255 => values[7..9].copy_from_slice(&[f64::from(f32::MIN), f64::from(f32::MIN_POSITIVE)]),
                257 => values[256] = f64::INFINITY,
                1757 => values[1000] = f64::NAN,
                1758 => values[0] = f64::NEG_INFINITY,
                _ => {}
            }
            Some(Values::Float(values))
        }
    };
    // len says which: there is no other use for it.
    let states = match table {
        Table::Awkward => vec![
            (params(1), "an overflow"),
            (params(2), "one step more without"),
            (params(3), "the last of the interval: the scale grows"),
            (params(4), "the largest scale does not grow"),
            (params(5), "an overflow at the end of the interval"),
        ],
        Table::Network { .. } => vec![(params(1), "the scale")],
    };
    let mut update = Row::of(states, |_, _| vec![1]);
    update.draw = |p, name, _, _| {
        let exponent = if p.len == 4 { 125 } else { 16 };
        Some(match name {
            "overflow" => Values::Uint(vec![u32::from([1, 5].contains(&p.len))]),
            "good_steps" => Values::Uint(vec![if p.len == 2 { 1 } else { 2 }]),
            "scale" => Values::Float(vec![f64::exp2(f64::from(exponent))]),
            _ => Values::Float(vec![f64::exp2(f64::from(-exponent))]),
        })
    };
    [look.kernel(&LOOK, |_| EXACT), update.kernel(&UPDATE, |_| EXACT)].into_iter().flatten().collect()
}
