//! Cases: a kernel with sizes, and how to draw what it reads. Tests, benches and tuning run them.
//!
//! Every op lists its own, and `ops::cases` all of them. Sizes for tests are awkward on purpose (batch 1, odd, prime, one
//! more and one less than a tile, one and many channels); `why` says what each is there for and is printed when it fails.

mod call;
mod dice;
mod row;
mod tolerance;
mod values;

pub use call::{Call, DefaultRung, Dispatch, Plan, Source, call};
pub use dice::Dice;
pub use row::{Row, lengths};
pub use tolerance::Tolerance;
pub use values::{Random, Style, Values};

use crate::cpu::{Input, Output};
use crate::kernel::{Buffer, Usage};
use crate::tensor::Kind;

type Shape = Box<dyn Fn(&str) -> Vec<usize> + Send + Sync>;
type Draw = Box<dyn Fn(&str, &mut Random) -> Option<Values> + Send + Sync>;
type Magnitude = Box<dyn Fn(&[Input<f64>], &mut [Output<f64>]) + Send + Sync>;
type WithParams = Box<dyn Fn(&[u32]) -> Case + Send + Sync>;
type AtRandom = Box<dyn Fn(&mut Dice) -> Case + Send + Sync>;

/// One kernel, one set of sizes, and how to draw its inputs.
pub struct Case {
    pub call: Box<dyn Call>,
    /// What this size is there for.
    pub why: &'static str,
    /// The shape of every buffer of the op, by its name.
    pub shape: Shape,
    /// Values for buffers that plain random numbers do not suit.
    pub draw: Draw,
    /// Buffers whose sign decides what is summed: error bounds are computed with them as they are.
    pub gates: &'static [&'static str],
    /// For random inputs.
    pub tolerance: Tolerance,
    /// What `Tolerance::Sum` multiplies for each value of the outputs, from the inputs; `None` where the definition of their
    /// absolute values gives it.
    pub magnitude: Option<Magnitude>,
    /// Whether the result is exact when all inputs are small integers.
    pub exact_on_integers: bool,
    /// Why no independent framework says what the kernel should compute; `None` where one does.
    pub no_golden: Option<&'static str>,
    /// The same kernel with other sizes, given as words in the order of the fields.
    pub with_params: WithParams,
    /// The same kernel with sizes that dice draw; `None` where the op does not say how.
    pub at_random: Option<AtRandom>,
}

impl Case {
    /// The values of a buffer before the kernel runs. Floats are exact in f32, so that every device computes from
    /// the same numbers.
    pub fn values(&self, buffer: &Buffer, random: &mut Random) -> Values {
        let len = self.len(buffer);
        (self.draw)(buffer.name, random).unwrap_or_else(|| match (buffer.kind, buffer.usage) {
            (Kind::F32, _) => Values::Float((0..len).map(|_| random.number()).collect()),
            (Kind::U32, Usage::Flag) => Values::Uint(vec![0; len]),
            (Kind::U32, _) => Values::Uint((0..len).map(|_| random.word()).collect()),
        })
    }

    /// Zeros for the words of all inputs, and of all outputs: for those who want sizes alone.
    pub fn zeros(&self) -> [Vec<Vec<u32>>; 2] {
        let zeros = |buffers: &[Buffer]| buffers.iter().map(|buffer| vec![0; self.len(buffer)]).collect();
        [zeros(self.call.inputs()), zeros(self.call.outputs())]
    }

    /// How many values a buffer holds.
    pub fn len(&self, buffer: &Buffer) -> usize {
        (self.shape)(buffer.name).iter().product()
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
