//! The memory behind a tensor.

use crate::error::{Remedy, Result, error};
use std::cell::RefCell;

/// Memory of one tensor, in 4-byte words.
pub(crate) enum Memory {
    Cpu(RefCell<Vec<u32>>),
    Gpu(wgpu::Buffer),
    /// Of a device on paper: this many words, none of which is there.
    OnPaper(usize),
}

/// An empty list with room for so many values, in the host's memory.
///
/// # Errors
/// `OutOfMemory`, where a list that just grows would end the program.
pub(crate) fn room<T>(len: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let bytes = len as u64 * size_of::<T>() as u64;
    let none_left = |_| error!(OutOfMemory, "no memory for {bytes} bytes").with(Remedy::LessMemory);
    values.try_reserve_exact(len).map_err(none_left)?;
    Ok(values)
}

impl Memory {
    /// Zeros in the host's memory.
    pub(super) fn of_host(words: usize) -> Result<Memory> {
        let mut values = room(words)?;
        values.resize(words, 0);
        Ok(Memory::Cpu(RefCell::new(values)))
    }

    /// How many words there is room for.
    pub(super) fn words(&self) -> usize {
        match self {
            Memory::Cpu(values) => values.borrow().len(),
            Memory::Gpu(buffer) => (buffer.size() / 4) as usize,
            Memory::OnPaper(words) => *words,
        }
    }
}
