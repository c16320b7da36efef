//! Why a file is no picture.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a picture cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Skip {
    /// The file cannot be read; the system's reason.
    Unreadable(String),
    /// Zero bytes.
    Empty,
    /// A file of another kind, whatever its name says; which, and what can be done.
    OtherKind(String),
    /// The content is of no kind that is known.
    UnknownFormat,
    /// The file, or what it takes to decode it, is more than all pictures may take together, in bytes.
    TooManyBytes { needed: u64, most: u64 },
    /// There is less memory than a picture may take.
    OutOfMemory,
    /// The file ends before the picture does.
    Truncated,
    /// The format has kinds that are not decoded; which, and what can be done.
    Unsupported(String),
    /// Parts of the picture are wrong or missing; the decoder's reason.
    Damaged(String),
    /// The decoder crashed.
    Panicked,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        match self {
            Skip::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Skip::Empty => f.write_str("empty file"),
            Skip::OtherKind(kind) => f.write_str(kind),
            Skip::UnknownFormat => f.write_str("not a JPEG, PNG, BMP, GIF or WebP picture"),
            Skip::TooManyBytes { needed, most } => {
                write!(
                    f,
                    "needs {} MiB of memory, and may take {}; save it smaller",
                    mib(*needed),
                    mib(*most)
                )
            }
            Skip::OutOfMemory => f.write_str("there is not enough memory to decode it"),
            Skip::Truncated => f.write_str("truncated: the file ends before the picture does"),
            Skip::Unsupported(why) => write!(f, "not supported: {why}"),
            Skip::Damaged(why) => write!(f, "damaged: {why}"),
            Skip::Panicked => f.write_str("damaged: the decoder crashed"),
        }
    }
}
