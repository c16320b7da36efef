//! Sizes of fully connected layers, for tests and timing.

use super::{BACKWARD_B, BACKWARD_W, BACKWARD_X, FORWARD};
use crate::cases::{Case, Row, Table, Tolerance};
use crate::reference::dense::Params;

pub fn cases(table: Table) -> Vec<Case> {
    fn params(batch: u32, in_features: u32, out_features: u32) -> Params {
        Params { batch, in_features, out_features }
    }
    let sizes = match table {
        Table::Awkward => vec![
            (params(1, 1, 1), "the smallest"),
            (params(3, 5, 2), "small and odd"),
            (params(1, 257, 31), "one image, one more input than a group has threads"),
            (params(33, 64, 1), "the network's last layer, one more image than usual"),
            (params(7, 129, 65), "one more than powers of two"),
            (params(32, 1031, 17), "a prime number of inputs"),
            (params(2, 16384, 128), "dense1 of 64x64 pictures"),
            (params(1, 262_144, 3), "inputs of dense1 of 256x256 pictures: the longest sum"),
            (params(512, 4, 516), "two rows of groups that add up parts"),
        ],
        Table::Network { image_size, batch } => vec![
            (params(batch, 256 * (image_size / 8).pow(2), 128), "dense1"),
            (params(batch, 128, 64), "dense2"),
            (params(batch, 64, 1), "dense3"),
        ],
    };
    let shape = |p: &Params, name: &str| match name {
        "x" | "dx" => vec![p.batch, p.in_features],
        "w" | "dw" => vec![p.out_features, p.in_features],
        "b" | "db" => vec![p.out_features],
        _ => vec![p.batch, p.out_features],
    };
    Row::new(sizes, shape)
        .random(|dice| {
            let [batch, out_features] = dice.sizes([300; 2]);
            params(batch, dice.size(5000), out_features)
        })
        .kernel(&FORWARD, |p| Tolerance::sum(p.in_features))
        .kernel(&BACKWARD_X, |p| Tolerance::sum(p.out_features))
        .kernel(&BACKWARD_W, |p| Tolerance::sum(p.batch))
        .kernel(&BACKWARD_B, |p| Tolerance::sum(p.batch))
        .cases()
}
