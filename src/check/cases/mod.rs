//! The table of cases: one row per op.
//!
//! Sizes are awkward on purpose (batch 1, odd, prime, one more and one less than a tile, one and many
//! channels); `why` says what each is there for and is printed when it fails.

mod elementwise;
mod layers;

use super::compare::Tolerance;
use super::erased::{Call, call};
use crate::kernel::{Buffer, Kernel};
use crate::reference::Params;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

type Shape = Box<dyn Fn(&str) -> Vec<usize> + Send + Sync>;
type Draw = Box<dyn Fn(&str, Style, &mut ChaCha8Rng) -> Option<Values> + Send + Sync>;

/// One kernel, one set of sizes, and how to draw its inputs.
pub struct Case {
    pub call: Box<dyn Call>,
    /// What this size is there for.
    pub why: &'static str,
    /// The shape of every buffer of the op, by its name.
    pub shape: Shape,
    /// Values for buffers that plain random numbers do not suit, and for outputs that start from
    /// old values.
    pub draw: Draw,
    /// For random inputs.
    pub tolerance: Tolerance,
    /// Whether the result is exact when all inputs are small integers.
    pub exact_on_integers: bool,
}

/// What kind of numbers to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Whole numbers from -4 to 4: index errors show as exact mismatches.
    Integers,
    /// Uniform in [-1, 1), at least 0.01 away from 0, where ReLU has its kink.
    Random,
}

/// The values of a buffer.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Float(Vec<f64>),
    Uint(Vec<u32>),
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Values::Float(values) => values.len(),
            Values::Uint(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Case {
    /// The values of a buffer that is read. Floats are exact in f32, so that every device computes from
    /// the same numbers.
    pub fn values(&self, buffer: &Buffer, style: Style, rng: &mut ChaCha8Rng) -> Values {
        let len = (self.shape)(buffer.name).iter().product();
        (self.draw)(buffer.name, style, rng)
            .unwrap_or_else(|| Values::Float((0..len).map(|_| number(style, rng)).collect()))
    }
}

fn number(style: Style, rng: &mut ChaCha8Rng) -> f64 {
    match style {
        Style::Integers => f64::from(rng.random_range(-4i32..=4)),
        Style::Random => {
            let magnitude = f64::from(rng.random_range(0.01f32..1.0));
            if rng.random() { magnitude } else { -magnitude }
        }
    }
}

/// Which sizes a table lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// For tests.
    Awkward,
    /// Those of the default network, for timing.
    Network { image_size: u32, batch: u32 },
}

/// Every kernel at awkward sizes: what the tests run.
pub fn all() -> Vec<Case> {
    table(Table::Awkward)
}

/// The whole table: one row per op.
pub fn table(table: Table) -> Vec<Case> {
    let rows = [
        elementwise::relu(table),
        elementwise::sigmoid(table),
        elementwise::add(table),
        elementwise::dropout(table),
        elementwise::input(table),
        layers::dense(table),
        layers::conv2d(table),
        layers::max_pool2d(table),
        layers::conv2d_relu_pool(table),
        elementwise::binary_cross_entropy(table),
        elementwise::adam(table),
        elementwise::loss_scale(table),
        elementwise::ceiling(table),
    ];
    rows.into_iter().flatten().collect()
}

/// The cases of one kernel: every size of its op.
struct Row<P: 'static> {
    sizes: Vec<(P, &'static str)>,
    shape: fn(&P, &str) -> Vec<usize>,
    draw: fn(&P, &str, Style, &mut ChaCha8Rng) -> Option<Values>,
    exact_on_integers: bool,
}

impl<P: Params> Row<P> {
    fn of(sizes: Vec<(P, &'static str)>, shape: fn(&P, &str) -> Vec<usize>) -> Self {
        Row { sizes, shape, draw: |_, _, _, _| None, exact_on_integers: true }
    }

    fn kernel(&self, kernel: &'static Kernel<P>, tolerance: fn(&P) -> Tolerance) -> Vec<Case> {
        let case = |&(params, why): &(P, &'static str)| {
            let (shape, draw) = (self.shape, self.draw);
            Case {
                call: call(kernel, params),
                why,
                shape: Box::new(move |name| shape(&params, name)),
                draw: Box::new(move |name, style, rng| draw(&params, name, style, rng)),
                tolerance: tolerance(&params),
                exact_on_integers: self.exact_on_integers,
            }
        };
        self.sizes.iter().map(case).collect()
    }
}

const EXACT: Tolerance = Tolerance::Exact;
const ELEMENTWISE: Tolerance = Tolerance::Elementwise;

/// A sum of so many products and a bias.
fn sum(terms: u32) -> Tolerance {
    Tolerance::Sum { terms: terms as usize + 1 }
}
