//! Devices for something else than a run.

use super::Training;
use crate::studio::answer::Answer;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// As long as it lives, no run is in progress, and none begins.
pub struct Alone(Arc<Training>);

impl Training {
    /// Keeps runs away from the devices: a shader that was edited could take a run's device with it, and the run would
    /// spoil what is measured.
    ///
    /// # Errors
    /// `CONFLICT` while a run is in progress, or somebody else is alone already.
    pub fn alone(self: &Arc<Self>) -> Answer<Alone> {
        let current = self.current.lock().unwrap();
        self.may_begin(current.as_ref())?;
        self.is_timing.store(true, Ordering::Relaxed);
        Ok(Alone(self.clone()))
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _current = self.0.current.lock().unwrap();
        self.0.is_timing.store(false, Ordering::Relaxed);
    }
}
