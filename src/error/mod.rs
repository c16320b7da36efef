//! The crate's one error: a message for a person, and the kind that decides the exit code.

mod shown;

pub use shown::{count, escape, list, path_of_text, path_text, shown, shown_path};

use std::path::PathBuf;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Anything that has no kind of its own.
    Other,
    /// A wrong argument or option.
    Usage,
    /// The pictures or their folders.
    Data,
    /// No adapter of the kind that was asked for.
    NoDevice,
    /// A buffer beyond the adapter's limits or its memory.
    OutOfMemory,
    /// The device stopped answering.
    DeviceLost,
    /// A model file that cannot be used.
    Model,
    /// A file or folder that cannot be written.
    Write,
    /// A loss or gradient that is not finite.
    Diverged,
    /// Ctrl-C (INT), after saving.
    Interrupted,
    /// TERM, after saving.
    Terminated,
    /// HUP, after saving: the terminal went away.
    HungUp,
}

impl ErrorKind {
    /// The process's exit code for an error of this kind.
    pub fn exit_code(&self) -> u8 {
        match self {
            ErrorKind::Other => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Data => 3,
            ErrorKind::NoDevice => 4,
            ErrorKind::OutOfMemory => 5,
            ErrorKind::DeviceLost => 6,
            ErrorKind::Model => 7,
            ErrorKind::Write => 8,
            ErrorKind::Diverged => 9,
            ErrorKind::Interrupted => 130,
            ErrorKind::Terminated => 143,
            ErrorKind::HungUp => 129,
        }
    }
}

/// What helps against an error. The core knows this much; a shell (the command line, the page) puts it into the words of
/// its own options and fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Another height and width of the pictures.
    OtherImageSize,
    /// Pictures that the program draws, or folders of one's own.
    DrawPictures,
    /// A larger height and width.
    LargerImageSize,
    /// A smaller height and width.
    SmallerImageSize,
    /// At most this many pictures at a time on the device.
    MicroBatch(usize),
    /// Smaller pictures, fewer of them at a time, or a device with more memory.
    LessMemory,
    /// A smaller learning rate.
    SmallerLearningRate,
    /// The rung that was forced, left to the device's choice.
    OwnRung,
    /// f32 instead of mixed precision.
    FullPrecision,
    /// A table of rungs made anew, or none.
    OtherTuning,
    /// The precision that a table of rungs was made for, or no table.
    TunedPrecision,
    /// Training that starts from a file of weights.
    StartFromWeights,
    /// A run of its own, which may start from the model of the one that cannot change.
    TrainAnew,
    /// The consent to other bits than those of a run without a break.
    DifferentBits,
    /// More epochs than the run had.
    MoreEpochs,
    /// More optimizer steps than the run was given.
    MoreSteps,
    /// More epochs without a better one before a run stops early.
    MorePatience,
    /// Another folder for the results.
    OtherFolder,
    /// Another port to serve on.
    OtherPort,
    /// A token that visitors must know, or this machine's own address.
    Token,
    /// The driver of a hardware GPU, installed; or the CPU, which needs none.
    GpuDriver,
    /// A software Vulkan driver, installed; or the CPU, which needs none.
    SoftwareDriver,
    /// These two folders in the place of the one that holds them.
    OneOfSets { training: PathBuf, test: PathBuf },
}

/// An error says what was wrong, with the numbers, and what helps.
#[derive(Debug, Clone)]
pub struct Error {
    /// What a caller can act on.
    pub kind: ErrorKind,
    /// Facts, in the words of the core.
    pub message: String,
    /// What helps, where that is known.
    pub remedy: Option<Remedy>,
    /// The optimizer step, from 1, that a training ended in, where it ended by one.
    pub step: Option<u32>,
}

/// A value, or the crate's error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// With a message, and nothing that helps.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), remedy: None, step: None }
    }

    /// The same with what helps.
    pub fn with(self, remedy: Remedy) -> Self {
        Error { remedy: Some(remedy), ..self }
    }

    /// The same of a training's step, from 1.
    pub fn in_step(self, step: u32) -> Self {
        Error { step: Some(step), ..self }
    }

    /// The process's exit code for it.
    pub fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }

    /// The same with another message.
    pub fn saying(self, message: impl Into<String>) -> Self {
        Error { message: message.into(), ..self }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// `error!(Data, "no pictures in {dir}")`: an [`Error`] of that kind with a formatted message.
macro_rules! error {
    ($kind:ident, $($message:tt)+) => {
        crate::error::Error::new(crate::error::ErrorKind::$kind, format!($($message)+))
    };
}
pub(crate) use error;
