//! Memory that all decoders share: however many threads there are, no more is taken at a time.

use crate::data::skip::Skip;
use std::sync::{Condvar, Mutex};

/// For files, and for what becomes of them. What has its part of the second waits for nothing more, so none waits for ever.
pub static FILES: Budget = Budget::new(MOST_OF_FILES);
pub static PIXELS: Budget = Budget::new(MOST_OF_PIXELS);
pub const MOST_OF_FILES: u64 = 256 << 20;
pub const MOST_OF_PIXELS: u64 = 1 << 30;

/// Bytes that some may take together.
pub struct Budget {
    most: u64,
    taken: Mutex<u64>,
    freed: Condvar,
}

/// A part of the budget, until it is dropped.
pub struct Part {
    of: &'static Budget,
    bytes: u64,
}

impl Budget {
    pub const fn new(most: u64) -> Budget {
        Budget { most, taken: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits until so many bytes are free.
    ///
    /// # Errors
    /// `TooManyBytes` where they never will be.
    pub fn take(&'static self, bytes: u64) -> Result<Part, Skip> {
        if bytes > self.most {
            return Err(Skip::TooManyBytes { needed: bytes, most: self.most });
        }
        let taken = self.taken.lock().unwrap();
        let mut taken = self.freed.wait_while(taken, |taken| *taken + bytes > self.most).unwrap();
        *taken += bytes;
        Ok(Part { of: self, bytes })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        *self.of.taken.lock().unwrap() -= self.bytes;
        self.of.freed.notify_all();
    }
}

/// So many zeros.
///
/// # Errors
/// `OutOfMemory`.
pub fn reserved(len: usize) -> Result<Vec<u8>, Skip> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| Skip::OutOfMemory)?;
    bytes.resize(len, 0);
    Ok(bytes)
}
