//! Where the threads of a group stand.

/// Where a thread stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can go on.
    Ready,
    /// At a barrier: for the group.
    Waits,
    /// At an operation of its subgroup.
    Meets,
    Ended,
}

/// A thread without its registers.
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    pub pc: u32,
    pub state: State,
    /// Instructions that it has executed, those on many words more than once.
    pub steps: u64,
}

/// Where a group stands, without what it runs.
#[derive(Debug, Clone)]
pub struct Paused {
    pub(super) id: [u32; 3],
    pub(super) threads: Vec<Thread>,
    pub(super) registers: Vec<u32>,
}

impl Paused {
    /// Words that it takes.
    pub fn words(&self) -> usize {
        self.registers.len() + 4 * self.threads.len()
    }
}
