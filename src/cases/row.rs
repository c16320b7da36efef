//! The row of an op in the table of cases: sizes, and the kernels that are run with all of them.

use super::{Case, Dice, Random, Table, Tolerance, Values, call};
use crate::cpu::{Input, Output};
use crate::kernel::Kernel;
use crate::reference::Params;

/// Kernels of one op with the sizes that they share. What is said of a row holds for the kernels that are named behind it.
pub struct Row<P: 'static> {
    sizes: Vec<(P, &'static str)>,
    about: About<P>,
    cases: Vec<Case>,
}

/// How far a kernel's results may be from the reference's.
#[derive(Clone, Copy)]
struct Bound<P> {
    tolerance: fn(&P) -> Tolerance,
    magnitude: Option<Magnitude<P>>,
}

/// Computes, in the place of outputs, what their error bounds are multiples of.
pub type Magnitude<P> = fn(&P, &[Input<f64>], &mut [Output<f64>]);

/// What is said of a row, at whatever sizes.
#[derive(Clone, Copy)]
struct About<P> {
    shape: fn(&P, &str) -> Vec<u32>,
    random: Option<fn(&mut Dice) -> P>,
    draw: fn(&P, &str, &mut Random) -> Option<Values>,
    exact_on_integers: bool,
    gates: &'static [&'static str],
    no_golden: Option<&'static str>,
}

impl<P: Params> Row<P> {
    /// With sizes, each with what it is there for, and the shape of every buffer by its name.
    pub fn new(sizes: Vec<(P, &'static str)>, shape: fn(&P, &str) -> Vec<u32>) -> Self {
        let about = About {
            shape,
            random: None,
            draw: |_, _, _| None,
            exact_on_integers: true,
            gates: &[],
            no_golden: None,
        };
        Row { sizes, about, cases: Vec::new() }
    }

    /// How sizes are drawn at random: any that the op allows, by `dice` alone.
    pub fn random(mut self, random: fn(&mut Dice) -> P) -> Self {
        self.about.random = Some(random);
        self
    }

    /// Values of buffers, by name, that plain random numbers do not suit.
    pub fn draw(mut self, draw: fn(&P, &str, &mut Random) -> Option<Values>) -> Self {
        self.about.draw = draw;
        self
    }

    /// Results are rounded even where all inputs are small integers.
    pub fn inexact(mut self) -> Self {
        self.about.exact_on_integers = false;
        self
    }

    /// Buffers whose sign decides what is summed, so that `Tolerance::Sum` must not take them as absolute values.
    pub fn gates(mut self, gates: &'static [&'static str]) -> Self {
        self.about.gates = gates;
        self
    }

    /// Why no independent framework says what these kernels should compute.
    pub fn no_golden(mut self, why: &'static str) -> Self {
        self.about.no_golden = Some(why);
        self
    }

    /// A kernel, and how far its results may be from the reference's.
    pub fn kernel(self, kernel: &'static Kernel<P>, tolerance: fn(&P) -> Tolerance) -> Self {
        self.with_bound(kernel, Bound { tolerance, magnitude: None })
    }

    /// A kernel that does more than add up products: `magnitude` says what the bound of `Tolerance::Sum` is a multiple of.
    pub fn bounded(
        self,
        kernel: &'static Kernel<P>,
        tolerance: fn(&P) -> Tolerance,
        magnitude: Magnitude<P>,
    ) -> Self {
        self.with_bound(kernel, Bound { tolerance, magnitude: Some(magnitude) })
    }

    fn with_bound(mut self, kernel: &'static Kernel<P>, bound: Bound<P>) -> Self {
        let about = self.about;
        self.cases.extend(self.sizes.iter().map(|&(params, why)| about.case(kernel, bound, params, why)));
        self
    }

    pub fn cases(self) -> Vec<Case> {
        self.cases
    }
}

impl<P: Params> About<P> {
    fn case(self, kernel: &'static Kernel<P>, bound: Bound<P>, params: P, why: &'static str) -> Case {
        let About { shape, random, draw, .. } = self;
        let with = move |params, why| self.case(kernel, bound, params, why);
        Case {
            call: call(kernel, params),
            why,
            shape: Box::new(move |name| shape(&params, name).into_iter().map(|size| size as usize).collect()),
            draw: Box::new(move |name, random| draw(&params, name, random)),
            gates: self.gates,
            tolerance: (bound.tolerance)(&params),
            magnitude: bound.magnitude.map(|of| {
                Box::new(move |inputs: &[Input<f64>], outputs: &mut [Output<f64>]| {
                    of(&params, inputs, outputs);
                }) as _
            }),
            exact_on_integers: self.exact_on_integers,
            no_golden: self.no_golden,
            with_params: Box::new(move |words| with(P::from_words(words), "given sizes")),
            at_random: random
                .map(|random| Box::new(move |dice: &mut Dice| with(random(dice), "random sizes")) as _),
        }
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
