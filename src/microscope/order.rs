//! In which order what runs at the same time runs one after the other.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// An order of the threads of a group, and of the groups of a dispatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Forward,
    Backward,
    /// Equal seeds give equal orders.
    Shuffled(u64),
}

/// What a kernel runs in to be found independent of the order.
pub const ORDERS: [Order; 3] = [Order::Forward, Order::Backward, Order::Shuffled(5)];

impl Order {
    /// The numbers below `n` in this order.
    pub fn of(self, n: u32) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..n).collect();
        match self {
            Order::Forward => {}
            Order::Backward => numbers.reverse(),
            Order::Shuffled(seed) => numbers.shuffle(&mut ChaCha8Rng::seed_from_u64(seed)),
        }
        numbers
    }
}

/// `some` of the numbers below `of`, in ascending order: the first, the last, and what is spread between.
pub fn spread(of: u64, some: u64) -> Vec<u64> {
    if of <= some {
        return (0..of).collect();
    }
    let mut numbers: Vec<u64> = match some {
        0 => Vec::new(),
        1 => vec![0],
        _ => (0..some).map(|i| (u128::from(i) * u128::from(of - 1) / u128::from(some - 1)) as u64).collect(),
    };
    numbers.dedup();
    numbers
}
