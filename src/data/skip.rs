//! Why a file is not among the pictures.

use crate::error::shown_path;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

/// A file that is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Relative to the folder.
    pub path: PathBuf,
    pub reason: Skip,
}

/// One line: control characters in the file's name are escaped.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shown_path(&self.path), self.reason)
    }
}

/// Why a file is not used.
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
    /// Its name, or that of a folder around it, begins with a dot.
    Hidden,
    /// What systems, archives and editors leave beside pictures; which.
    Leftover(String),
    /// It lies beside the folders of the classes, so it has no class.
    BesideClasses,
}

impl Skip {
    /// Whether every folder of some systems holds such files, so that they are no reason to look closer.
    pub fn is_usual(&self) -> bool {
        matches!(self, Skip::Hidden | Skip::Leftover(_))
    }

    /// The reason without what is this file's alone, by which files are counted.
    pub fn kind(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Skip::Unreadable(_) => "cannot be read",
            Skip::OtherKind(kind) => kind,
            Skip::TooManyBytes { .. } => "needs too much memory: save it smaller",
            Skip::Unsupported(_) => "not supported",
            Skip::Damaged(_) | Skip::Panicked => "damaged",
            Skip::Truncated => "truncated",
            Skip::Leftover(what) => what,
            other => return Cow::Owned(other.to_string()),
        })
    }
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
            Skip::Hidden => f.write_str("hidden"),
            Skip::Leftover(what) => f.write_str(what),
            Skip::BesideClasses => f.write_str("lies beside the class folders, so it has no class"),
        }
    }
}
