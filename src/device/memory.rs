//! The memory behind a tensor.

use std::cell::RefCell;

/// Memory of one tensor, in 4-byte words.
pub(crate) enum Memory {
    Cpu(RefCell<Vec<u32>>),
    Gpu(wgpu::Buffer),
    /// Of a device on paper: this many words, none of which is there.
    OnPaper(usize),
}

impl Memory {
    /// How many words there is room for.
    pub(super) fn words(&self) -> usize {
        match self {
            Memory::Cpu(values) => values.borrow().len(),
            Memory::Gpu(buffer) => (buffer.size() / 4) as usize,
            Memory::OnPaper(words) => *words,
        }
    }
}
