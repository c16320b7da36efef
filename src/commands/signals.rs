//! Signals that ask the program to end: Ctrl-C (INT), TERM and HUP.

use crate::error::{ErrorKind, Result, error};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Whether somebody asked the program to end, and how.
#[derive(Clone, Default)]
pub struct Asked(Arc<Inner>);

#[derive(Default)]
struct Inner {
    stop: AtomicBool,
    how: OnceLock<ErrorKind>,
    /// Tells of the first signal, and ends.
    telling: Mutex<Option<JoinHandle<()>>>,
}

impl Asked {
    /// Raised by the first signal.
    pub fn stop(&self) -> &AtomicBool {
        &self.0.stop
    }

    /// Whether there was a signal.
    pub fn is_heard(&self) -> bool {
        self.0.how.get().is_some()
    }

    /// The kind of the first signal; Ctrl-C's where there was none.
    pub fn how(&self) -> ErrorKind {
        let Some(how) = self.0.how.get() else { return ErrorKind::Interrupted };
        // Whoever asks has more to say: that comes behind.
        if let Some(telling) = self.0.telling.lock().unwrap().take() {
            let _ = telling.join();
        }
        *how
    }
}

/// What the first signal that asks the program to end is answered with.
pub const STOPPING: &str = "Stopping after this step, then saving. Press Ctrl-C again to leave at once.";

/// "interrupted; the model was saved"
pub fn ended(how: ErrorKind, then: &str) -> String {
    let how = match how {
        ErrorKind::Terminated => "terminated",
        ErrorKind::HungUp => "the terminal hung up",
        _ => "interrupted",
    };
    format!("{how}; {then}")
}

/// How long after the first signal TERM is a second wish.
const AGAIN: Duration = Duration::from_millis(500);

/// Watches from now on. The first signal is noted, and `told` is called; the second leaves at once.
///
/// A signal that the program was told to ignore when it was started goes on to be ignored: that is what `nohup` does.
///
/// # Errors
/// `Other` where the system does not let signals be watched.
pub fn watch(told: impl FnOnce() + Send + 'static) -> Result<Asked> {
    let asked = Asked::default();
    let cannot = |why: &dyn std::fmt::Display| error!(Other, "signals cannot be watched: {why}");
    // In a thread of its own: where nobody reads what is said it waits, and the second signal is heard all the same.
    let (tell, is_told) = mpsc::channel();
    let telling = std::thread::Builder::new().name("first signal".to_string());
    let telling = telling.spawn(move || {
        if is_told.recv().is_ok() {
            told();
        }
    });
    *asked.0.telling.lock().unwrap() = Some(telling.map_err(|why| cannot(&why))?);
    let mut tell = Some(tell);
    let noted = asked.clone();
    let mut first = Instant::now();
    let heard = move |kind: ErrorKind| match tell.take() {
        Some(tell) => {
            first = Instant::now();
            let _ = noted.0.how.set(kind);
            noted.0.stop.store(true, Ordering::Relaxed);
            let _ = tell.send(());
        }
        // What ends a session sends TERM and HUP at once, and nobody is there to press a key again.
        None if kind == ErrorKind::HungUp => {}
        None if kind == ErrorKind::Terminated && first.elapsed() < AGAIN => {}
        None => std::process::exit(kind.exit_code().into()),
    };
    listen(heard).map_err(|why| cannot(&why))?;
    Ok(asked)
}

#[cfg(unix)]
fn listen(mut heard: impl FnMut(ErrorKind) + Send + 'static) -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let kind_of = |signal| match signal {
        SIGTERM => ErrorKind::Terminated,
        SIGHUP => ErrorKind::HungUp,
        _ => ErrorKind::Interrupted,
    };
    let watched = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals = signal_hook::iterator::Signals::new(watched)?;
    let thread = std::thread::Builder::new().name("signals".to_string());
    thread.spawn(move || signals.forever().for_each(|signal| heard(kind_of(signal))))?;
    Ok(())
}

#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: a zeroed sigaction is a valid one, and without a new action the call only fills in the present one.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}

#[cfg(not(unix))]
fn listen(mut heard: impl FnMut(ErrorKind) + Send + 'static) -> std::result::Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || heard(ErrorKind::Interrupted))
}
