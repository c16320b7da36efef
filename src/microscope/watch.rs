//! What an interpreter tells those that look on.

/// Which thread of the group does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    pub thread: u32,
    /// The number of the instruction.
    pub pc: u32,
}

/// Cells that an instruction reads or writes, all of them inside their variable.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The variable's number in the program.
    pub global: usize,
    pub first: u32,
    /// How many.
    pub n: u32,
    /// Where each is, from the first on; empty for cells in a row.
    pub table: &'a [u32],
    pub mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Read,
    Write,
    /// As a whole; whether what was there before matters.
    Atomic {
        reads: bool,
    },
}

impl Access<'_> {
    pub fn cells(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.n).map(|k| self.first.wrapping_add(self.table.get(k as usize).copied().unwrap_or(k)))
    }
}

/// What is wrong with an instruction by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An index, and how many elements there are.
    OutOfBounds {
        index: u32,
        len: u32,
    },
    /// A texel that nothing was copied to.
    Unwritten {
        index: u32,
    },
    DivisionByZero,
    /// The least integer by -1.
    DivisionOverflow,
    /// By as many bits as there are, or more.
    Shift {
        amount: u32,
    },
    /// From a lane that is not active, or that does not exist.
    InactiveLane {
        lane: u32,
    },
}

/// Looks on. The methods do nothing unless they are written.
pub trait Watch {
    /// `cells` are all of the variable's, as they are before.
    #[inline(always)]
    fn access(&mut self, _: At, _: &Access, _cells: &[u32]) {}
    #[inline(always)]
    fn fault(&mut self, _: At, _: Fault) {}
    /// All threads of the group that have not ended passed a barrier with these of naga's flags.
    fn barrier(&mut self, _flags: u32) {}
    /// Not all threads of the group came to a barrier.
    fn unmet(&mut self, _: Unmet) {}
}

/// Threads that are at a barrier while others have ended or are at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmet {
    /// A thread that waits, and where.
    pub waiting: At,
    /// One that is elsewhere: at another barrier, or at its end.
    pub other: At,
    pub other_has_ended: bool,
}

/// A thread that is not run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endless {
    pub at: At,
    /// Of the smallest loop that it does not leave.
    pub line: u32,
    /// What came to its limit: all threads together, or this one alone.
    pub of_all: bool,
}

/// Nobody looks on: the fastest way to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Watch for Nobody {}
