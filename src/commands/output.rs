//! Results on stdout. `println!` panics where nobody reads on, as in `pawgrad predict … | head -1`.

use std::io::{ErrorKind, Write};

/// `print!`, but a reader that went away ends the program quietly, and a full disk with its exit code.
macro_rules! out {
    ($($text:tt)*) => { $crate::commands::output::write(format_args!($($text)*)) };
}

/// As [`out!`], with a new line.
macro_rules! outln {
    () => { $crate::commands::output::write(format_args!("\n")) };
    ($($text:tt)*) => { $crate::commands::output::write(format_args!("{}\n", format_args!($($text)*))) };
}
pub(crate) use {out, outln};

pub fn write(text: std::fmt::Arguments) {
    let mut stdout = std::io::stdout();
    if let Err(why) = stdout.write_fmt(text).and_then(|()| stdout.flush()) {
        if why.kind() == ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        let why = crate::error::error!(Write, "the results cannot be written: {why}");
        eprintln!("error: {why}");
        std::process::exit(why.exit_code().into());
    }
}
