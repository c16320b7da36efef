//! Ctrl-C.

use crate::error::{Result, error};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Raised by the first Ctrl-C; the second leaves at once.
pub fn stop_on_interrupt() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = stop.clone();
    ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nStopping after this step, then saving. Press Ctrl-C again to leave at once.");
    })
    .map_err(|why| error!(Other, "Ctrl-C cannot be watched: {why}"))?;
    Ok(stop)
}
