//! The order of an epoch, and the bytes and labels of a batch.

use super::pictures::Pictures;
use crate::random::generator;
use rand::seq::SliceRandom;

/// Pictures in the order in which an epoch sees them, as indices; `chunks(batch_size)` of it are the
/// batches, the last of which may be smaller.
///
/// The order depends on its arguments only, not on the epochs before it: a resumed run goes on exactly.
pub fn epoch_order(len: usize, seed: u64, epoch: u64, shuffle: bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    if shuffle {
        order.shuffle(&mut generator(seed, "shuffle", epoch));
    }
    order
}

/// Some pictures side by side, as a device takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// `[batch, height, width, channels]` bytes.
    pub pixels: Vec<u8>,
    /// One class index per picture.
    pub labels: Vec<u32>,
    /// Which pictures of their set these are.
    pub pictures: Vec<usize>,
    /// The epoch that they are for, from 0.
    pub epoch: u64,
}

impl Batch {
    /// These pictures of the first epoch, numbered from 0.
    pub fn new(pixels: Vec<u8>, labels: Vec<u32>) -> Batch {
        let pictures = (0..labels.len()).collect();
        Batch { pixels, labels, pictures, epoch: 0 }
    }
}

impl Pictures {
    /// Copies out the pictures with these indices, in their order, for the first epoch.
    ///
    /// # Panics
    /// If an index is not below `len()`.
    pub fn gather(&self, indices: &[usize]) -> Batch {
        let mut pixels = Vec::with_capacity(indices.len() * self.picture_bytes());
        for &index in indices {
            pixels.extend_from_slice(self.picture(index));
        }
        let labels = indices.iter().map(|&index| self.labels[index]).collect();
        Batch { pixels, labels, pictures: indices.to_vec(), epoch: 0 }
    }
}
