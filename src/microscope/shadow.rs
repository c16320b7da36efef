//! Who used a cell last: enough to tell two uses that nothing orders.

/// One use of a cell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Touch {
    /// Number of the group, counted over all dispatches from 1; 0 for no use at all.
    pub group: u32,
    /// How many barriers of this kind of memory the group had passed, and the thread.
    when: u32,
    pub pc: u32,
}

/// Bits for the number of a thread in its group: there are at most 1024.
const THREAD_BITS: u32 = 10;

impl Touch {
    pub fn new(group: u32, barriers: u32, thread: u32, pc: u32) -> Touch {
        Touch { group, when: barriers << THREAD_BITS | thread, pc }
    }

    pub fn thread(self) -> u32 {
        self.when & ((1 << THREAD_BITS) - 1)
    }

    /// Whether nothing orders this use and a later one of the same dispatch, whose first group is `first`.
    #[inline(always)]
    fn is_unordered(self, later: Touch, first: u32) -> bool {
        if self.group != later.group {
            return self.group >= first;
        }
        // The same barriers, another thread.
        self.when != later.when && self.when >> THREAD_BITS == later.when >> THREAD_BITS
    }
}

/// The uses of a cell that a later one may collide with: the last write, and two reads. Groups run one after the other,
/// so that two reads are enough: one of an earlier group stands against any write that is still to come, and so do two of
/// different threads since the group's last barrier.
#[derive(Debug, Clone, Copy, Default)]
pub struct Record {
    pub write: Touch,
    reads: [Touch; 2],
}

impl Record {
    /// Notes a read; the write that it collides with.
    #[inline(always)]
    pub fn read(&mut self, now: Touch, first: u32) -> Option<Touch> {
        let [one, _] = self.reads;
        let is_of_earlier_group = one.group >= first && one.group != now.group;
        if !is_of_earlier_group {
            if one.group != now.group || one.when >> THREAD_BITS != now.when >> THREAD_BITS {
                self.reads = [now, Touch::default()];
            } else if one.when != now.when {
                self.reads[1] = now;
            }
        }
        Some(self.write).filter(|write| write.is_unordered(now, first))
    }

    /// Notes a write; the use that it collides with.
    #[inline(always)]
    pub fn write(&mut self, now: Touch, first: u32) -> Option<Touch> {
        let before = [self.write, self.reads[0], self.reads[1]];
        self.write = now;
        before.into_iter().find(|use_| use_.group != 0 && use_.is_unordered(now, first))
    }
}

/// What is known of the cells of one variable.
#[derive(Debug, Clone, Default)]
pub struct Shadow {
    /// One for each cell; none for what is never written.
    pub records: Vec<Record>,
    /// Whether every cell held a value before.
    pub is_known: bool,
    /// Whether it is workgroup memory, which every group has afresh.
    pub is_shared: bool,
}

#[cfg(test)]
mod tests {
    use super::{Record, Touch};

    #[test]
    fn uses_collide_unless_a_barrier_or_one_thread_orders_them() {
        let touch = |group, barriers, thread| Touch::new(group, barriers, thread, 0);
        let after = |reads: &[Touch], write| {
            let mut record = Record::default();
            reads.iter().for_each(|read| assert!(record.read(*read, 1).is_none()));
            record.write(write, 1).is_some()
        };
        assert!(!after(&[touch(1, 0, 5)], touch(1, 0, 5)), "the same thread");
        assert!(after(&[touch(1, 0, 5)], touch(1, 0, 6)), "another thread");
        assert!(!after(&[touch(1, 0, 5)], touch(1, 1, 6)), "behind a barrier");
        assert!(after(&[touch(1, 0, 5)], touch(2, 1, 5)), "another group");
        for writer in 0..3 {
            assert!(after(&[touch(1, 0, 0), touch(1, 0, 1), touch(1, 0, 2)], touch(1, 0, writer)));
            assert!(
                after(&[touch(1, 0, 0), touch(2, 0, writer)], touch(2, 0, writer)),
                "an earlier group read"
            );
        }
        let mut record = Record::default();
        assert!(record.write(touch(1, 0, 0), 1).is_none());
        assert!(record.read(touch(1, 0, 0), 1).is_none());
        assert!(record.read(touch(1, 0, 1), 1).is_some());
        assert!(record.write(touch(1, 0, 1), 1).is_some());
        assert!(record.write(touch(2, 0, 1), 2).is_none(), "an earlier dispatch");
    }
}
