//! The row of an op in the table of cases: sizes, and the kernels that are run with all of them.

use super::{Case, Random, Table, Tolerance, Values, call};
use crate::kernel::Kernel;
use crate::reference::Params;

/// Kernels of one op with the sizes that they share. What is said of a row holds for the kernels that are named behind it.
pub struct Row<P: 'static> {
    sizes: Vec<(P, &'static str)>,
    shape: fn(&P, &str) -> Vec<u32>,
    draw: fn(&P, &str, &mut Random) -> Option<Values>,
    exact_on_integers: bool,
    gates: &'static [&'static str],
    no_golden: Option<&'static str>,
    cases: Vec<Case>,
}

impl<P: Params> Row<P> {
    /// With sizes, each with what it is there for, and the shape of every buffer by its name.
    pub fn new(sizes: Vec<(P, &'static str)>, shape: fn(&P, &str) -> Vec<u32>) -> Self {
        Row {
            sizes,
            shape,
            draw: |_, _, _| None,
            exact_on_integers: true,
            gates: &[],
            no_golden: None,
            cases: Vec::new(),
        }
    }

    /// Values of buffers, by name, that plain random numbers do not suit.
    pub fn draw(self, draw: fn(&P, &str, &mut Random) -> Option<Values>) -> Self {
        Row { draw, ..self }
    }

    /// Results are rounded even where all inputs are small integers.
    pub fn inexact(self) -> Self {
        Row { exact_on_integers: false, ..self }
    }

    /// Buffers whose sign decides what is summed, so that `Tolerance::Sum` must not take them as absolute values.
    pub fn gates(self, gates: &'static [&'static str]) -> Self {
        Row { gates, ..self }
    }

    /// Why no independent framework says what these kernels should compute.
    pub fn no_golden(self, why: &'static str) -> Self {
        Row { no_golden: Some(why), ..self }
    }

    /// A kernel, and how far its results may be from the reference's.
    pub fn kernel(mut self, kernel: &'static Kernel<P>, tolerance: fn(&P) -> Tolerance) -> Self {
        let (shape, draw) = (self.shape, self.draw);
        let case = |&(params, why): &(P, &'static str)| Case {
            call: call(kernel, params),
            why,
            shape: Box::new(move |name| shape(&params, name).into_iter().map(|size| size as usize).collect()),
            draw: Box::new(move |name, random| draw(&params, name, random)),
            gates: self.gates,
            tolerance: tolerance(&params),
            exact_on_integers: self.exact_on_integers,
            no_golden: self.no_golden,
        };
        self.cases.extend(self.sizes.iter().map(case));
        self
    }

    pub fn cases(self) -> Vec<Case> {
        self.cases
    }
}

/// Sizes of an op on single elements; of the network, the largest activation when nothing is fused.
pub fn lengths<P>(table: Table, params: fn(u32) -> P) -> Vec<(P, &'static str)> {
    let lengths = match table {
        Table::Awkward => vec![
            (1, "one element"),
            (255, "one less than a group of threads"),
            (257, "one more than a group of threads"),
            (1757, "several groups and a rest"),
        ],
        Table::Network { image_size, batch } => vec![(batch * 64 * image_size.pow(2), "conv1's output")],
    };
    lengths.into_iter().map(|(len, why)| (params(len), why)).collect()
}
