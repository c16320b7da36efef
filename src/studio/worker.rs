//! A thread with devices and models of its own, for everything that is not training. Devices belong to the thread
//! that opened them, so work is sent there.

use super::answer::{Answer, Refusal, not_found};
use super::inside::Slots;
use crate::device::Device;
use crate::device::adapters::Choice;
use crate::error::Result;
use crate::files::{named, read_file};
use crate::model::Model;
use axum::http::StatusCode;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::SystemTime;
use tokio::sync::oneshot;

/// Opens the device that was asked for; the second value says in one line which and why.
pub type OpenDevice = fn(&Choice) -> Result<(Device, String)>;

/// Models that stay loaded.
const LOADED: usize = 2;

type Work = Box<dyn FnOnce(&mut Models) + Send>;

/// Hands work to the thread.
pub struct Worker(mpsc::Sender<Work>);

/// The devices and models of the thread.
pub struct Models {
    open_device: OpenDevice,
    devices: HashMap<String, Device>,
    /// The last one was used last.
    loaded: Vec<Rc<Loaded>>,
}

/// A model from a file.
pub struct Loaded {
    key: (PathBuf, Option<SystemTime>, String),
    /// Runs layer by layer, so that each can be seen.
    pub model: Model,
    /// The same weights on the host.
    pub slots: Arc<Slots>,
}

impl Worker {
    pub fn start(open_device: OpenDevice) -> Worker {
        let (sender, receiver) = mpsc::channel::<Work>();
        std::thread::spawn(move || {
            let mut models = Models { open_device, devices: HashMap::new(), loaded: Vec::new() };
            while let Ok(work) = receiver.recv() {
                // Whoever asked sees that no answer came. A device that was left halfway is opened again.
                if catch_unwind(AssertUnwindSafe(|| work(&mut models))).is_err() {
                    models.forget();
                }
            }
        });
        Worker(sender)
    }

    /// Runs `work` in the thread.
    pub async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Models) -> Answer<R> + Send + 'static,
    ) -> Answer<R> {
        let (sender, receiver) = oneshot::channel();
        let work = move |models: &mut Models| {
            // Whoever asked may have left while others were served.
            if sender.is_closed() {
                return;
            }
            let answer = work(models);
            if answer.as_ref().is_err_and(Refusal::is_failure) {
                // A device that was lost, or is out of memory, is opened again.
                models.forget();
            }
            let _ = sender.send(answer);
        };
        self.0.send(Box::new(work)).map_err(|_| crashed())?;
        receiver.await.map_err(|_| crashed())?
    }
}

fn crashed() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "this crashed; the terminal says why. Try again")
}

/// Runs what takes a while, and needs no device, beside the server.
pub async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Answer<R> {
    tokio::task::spawn_blocking(work).await.map_err(|_| crashed())
}

impl Models {
    fn forget(&mut self) {
        self.devices.clear();
        self.loaded.clear();
    }

    fn device(&mut self, choice: &str) -> Result<Device> {
        if let Some(device) = self.devices.get(choice) {
            return Ok(device.clone());
        }
        let parsed: Choice = choice.parse().unwrap_or(Choice::Auto);
        let (device, _) = (self.open_device)(&parsed)?;
        self.devices.insert(choice.to_string(), device.clone());
        Ok(device)
    }

    /// The model of a file on a device, loaded now or earlier.
    pub fn get(&mut self, file: &Path, device: &str) -> Answer<Rc<Loaded>> {
        let about = std::fs::metadata(file).map_err(|_| not_found("this run has no model yet"))?;
        let key = (file.to_path_buf(), about.modified().ok(), device.to_string());
        if let Some(place) = self.loaded.iter().position(|loaded| loaded.key == key) {
            let loaded = self.loaded.remove(place);
            self.loaded.push(loaded.clone());
            return Ok(loaded);
        }
        let device = self.device(device)?;
        let bytes = read_file(file)?;
        let model = Model::from_bytes(&bytes, &device, false).map_err(|why| named(file, why))?;
        let slots = Arc::new(pollster::block_on(Slots::read(&model))?);
        if self.loaded.len() == LOADED {
            self.loaded.remove(0);
        }
        let loaded = Rc::new(Loaded { key, model, slots });
        self.loaded.push(loaded.clone());
        Ok(loaded)
    }
}
