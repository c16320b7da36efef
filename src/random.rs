//! Random numbers for everything that runs on the host only: weights, shuffling, pictures.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A generator for one purpose of one run, such as the shuffling of epoch 3.
///
/// There is no running state to save: what a run draws depends only on its seed, the purpose and a
/// number, so a resumed run goes on exactly. ChaCha is the same on every platform and in every version
/// (the `rand` crate's `StdRng` is not).
pub fn generator(seed: u64, purpose: &str, number: u64) -> ChaCha8Rng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&number.to_le_bytes());
    bytes[16..24].copy_from_slice(&fnv1a(purpose).to_le_bytes());
    ChaCha8Rng::from_seed(bytes)
}

/// FNV-1a, 64 bits (Fowler, Noll and Vo).
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
