//! The connection to one opened adapter, and the errors that come back over it.

use super::precision::{self, Precision};
use crate::error::{Error, ErrorKind, Remedy, Result, error};
use std::sync::{Arc, Mutex};

pub(super) struct Connection {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    /// The adapter's.
    pub name: String,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Connection {
    pub async fn open(adapter: &wgpu::Adapter, name: &str, precision: Precision) -> Result<Connection> {
        let (required_features, experimental_features) = precision::features(adapter, precision);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("pawgrad"),
            required_features,
            experimental_features,
            // Defaults end at 128 MiB bindings; what the adapter can do must be asked for.
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|why| error!(NoDevice, "{name} could not be opened: {why}"))?;

        // Without a handler wgpu panics on the first error. The first one is kept: it is the cause.
        let failure = Arc::new(Mutex::new(None));
        let keep = failure.clone();
        device.on_uncaptured_error(Arc::new(move |why: wgpu::Error| {
            let kind = match why {
                wgpu::Error::OutOfMemory { .. } => ErrorKind::OutOfMemory,
                _ => ErrorKind::Other,
            };
            keep.lock().unwrap().get_or_insert(Error::new(kind, why.to_string()));
        }));
        let keep = failure.clone();
        device.set_device_lost_callback(move |reason, why| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                keep.lock().unwrap().get_or_insert(error!(DeviceLost, "the device was lost: {why}"));
            }
        });
        Ok(Connection { device, queue, name: name.to_string(), failure })
    }

    /// The first error that the driver reported, made readable.
    pub fn check(&self) -> Result<()> {
        match &*self.failure.lock().unwrap() {
            None => Ok(()),
            Some(failure) if failure.kind == ErrorKind::OutOfMemory => {
                Err(error!(OutOfMemory, "{} is out of memory", self.name).with(Remedy::LessMemory))
            }
            Some(failure) => Err(Error::new(failure.kind, format!("{}: {}", self.name, failure.message))),
        }
    }

    /// As [`check`](Connection::check), of memory that was just asked for. Where there was none nothing but this memory is
    /// missing, so whoever can do without it goes on.
    pub fn check_new(&self) -> Result<()> {
        let checked = self.check();
        self.failure.lock().unwrap().take_if(|failure| failure.kind == ErrorKind::OutOfMemory);
        checked
    }

    /// The error of an adapter from which nothing came back.
    pub fn lost(&self, why: impl std::fmt::Display) -> Error {
        error!(DeviceLost, "{} does not answer: {why}", self.name)
    }

    /// Waits until `submission` is done and runs the callbacks that waited for it. Nothing else waits for the device; a
    /// browser runs callbacks by itself, while its page awaits.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn drive(&self, submission: &wgpu::SubmissionIndex) -> Result<()> {
        /// Software adapters are slow, so it is generous.
        const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);
        let submission_index = Some(submission.clone());
        let polled = self.device.poll(wgpu::PollType::Wait { submission_index, timeout: Some(TIMEOUT) });
        self.check()?;
        polled.map(|_| ()).map_err(|why| self.lost(why))
    }
}
