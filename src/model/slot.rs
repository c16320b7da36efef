//! Slots: the tensors that a layer owns, what they are for, and what they hold at first.

use crate::device::memory::room;
use crate::error::Result;
use crate::random::generator;
use rand::RngExt;
use serde::{Deserialize, Serialize};

/// One tensor of a layer, known by its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// `weight`, `bias`, …; in a model `<node>.<name>`.
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub role: Role,
    pub init: Init,
}

/// What a slot is for. All are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Learned from gradients.
    Parameter,
    /// Kept by the layer itself, such as a running mean.
    State,
}

/// What a slot holds before training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Drawn as the network's [`Initializer`] says, for a weight `[out, in, …window]`.
    Weight,
    Constant(f32),
}

/// What weights are drawn from: uniform in ± a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initializer {
    /// `sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    /// networks", 2010, equation 16): Keras's default.
    #[default]
    Glorot,
    /// `sqrt(6 / fan_in)` (He et al., "Delving Deep into Rectifiers", 2015, equation 10), as half of a ReLU's values are 0; for the
    /// logits, behind which there is none, as `Glorot`.
    He,
}

impl Initializer {
    /// Every one, by its name.
    pub const ALL: [(&'static str, Initializer); 2] =
        [("glorot", Initializer::Glorot), ("he", Initializer::He)];

    fn limit(self, shape: &[usize]) -> f64 {
        let window: usize = shape[2..].iter().product();
        let fans = match self {
            Initializer::Glorot => shape[0] + shape[1],
            Initializer::He => shape[1],
        };
        (6.0 / (fans * window) as f64).sqrt()
    }
}

impl Slot {
    /// A parameter.
    pub fn parameter(name: &'static str, shape: &[usize], init: Init) -> Slot {
        Slot { name, shape: shape.to_vec(), role: Role::Parameter, init }
    }

    /// What the layer itself keeps.
    pub fn state(name: &'static str, shape: &[usize], init: Init) -> Slot {
        Slot { role: Role::State, ..Slot::parameter(name, shape, init) }
    }

    /// Values in all.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no values; no layer has such a slot.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// First values, drawn from `seed`. `drawn` counts the slots of a network that were drawn so far, so that no two
    /// get the same numbers.
    pub(super) fn initial(&self, initializer: Initializer, seed: u64, drawn: &mut u64) -> Result<Vec<f32>> {
        let mut values = room(self.len())?;
        match self.init {
            Init::Constant(value) => values.resize(self.len(), value),
            Init::Weight => {
                *drawn += 1;
                values.extend(uniform(self.len(), initializer.limit(&self.shape), seed, *drawn));
            }
        }
        Ok(values)
    }
}

fn uniform(len: usize, limit: f64, seed: u64, number: u64) -> impl Iterator<Item = f32> {
    let mut rng = generator(seed, "init", number);
    (0..len).map(move |_| ((rng.random::<f64>() * 2.0 - 1.0) * limit) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform numbers come close to their limit, and not beyond.
    #[test]
    fn weights_are_drawn_up_to_the_limit_of_their_initializer() {
        let slot = Slot::parameter("weight", &[64, 16, 3, 3], Init::Weight);
        for (initializer, limit) in [
            (Initializer::Glorot, (6.0 / (80.0 * 9.0f64)).sqrt()),
            (Initializer::He, (6.0 / (16.0 * 9.0f64)).sqrt()),
        ] {
            let values = slot.initial(initializer, 1, &mut 0).unwrap();
            let most = values.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
            assert!(f64::from(most) <= limit * 1.000_001 && f64::from(most) > 0.99 * limit, "{most} {limit}");
        }
    }
}
