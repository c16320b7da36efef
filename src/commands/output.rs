//! What the program prints: results on stdout, everything else on stderr.
//!
//! Everything passes through here, and nothing that a terminal would obey leaves it: names and messages of others are
//! printed too.
//!
//! `println!` and `eprintln!` panic where nobody reads on, the disk is full or the terminal is gone. Nothing of that may
//! end a run.

use crate::error::escape;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// `print!`, but a reader that went away ends the program quietly, and a full disk with its exit code.
macro_rules! out {
    ($($text:tt)*) => { $crate::commands::output::write(format_args!($($text)*)) };
}

/// As [`out!`], with a new line.
macro_rules! outln {
    () => { $crate::commands::output::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::commands::output::write(format_args!("{}\n", format_args!($($text)*))) };
}

/// `eprintln!`, but what cannot be written is lost.
macro_rules! errln {
    ($($text:tt)*) => { $crate::commands::output::say(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use {errln, out, outln};

pub fn write(text: std::fmt::Arguments) {
    let mut stdout = std::io::stdout();
    let text = text.to_string();
    if let Err(why) = stdout.write_all(escape(&text).as_bytes()).and_then(|()| stdout.flush()) {
        if why.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        let why = crate::error::error!(Write, "the results cannot be written: {why}");
        errln!("error: {why}");
        std::process::exit(why.exit_code().into());
    }
}

/// As [`outln!`] where somebody must get it, else what cannot be written is lost.
pub fn lines(lines: &[String], must: bool) {
    for line in lines {
        match must {
            true => outln!("{line}"),
            false => drop(writeln!(std::io::stdout(), "{}", escape(line))),
        }
    }
}

/// In one write, so that lines of several threads do not mix.
pub fn say(text: std::fmt::Arguments) {
    let _ = std::io::stderr().write_all(escape(&text.to_string()).as_bytes());
}

/// A path as an argument of a command that somebody may copy into a shell. It stays on its line: one with a new line in it
/// cannot be copied.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string().replace('\n', "\\n").replace('\t', "\\t");
    shlex::try_quote(&text).map_or(text.clone(), |quoted| quoted.into_owned())
}
