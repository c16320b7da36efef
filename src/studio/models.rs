//! The devices and models of the thread that predicts.

use super::answer::{Answer, not_found};
use super::inside::{self, Slots};
use crate::device::Device;
use crate::device::adapters::Choice;
use crate::error::Result;
use crate::memory;
use crate::model::{Model, Placed};
use crate::run;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// Opens the device that was asked for; the second value says in one line which and why.
pub type OpenDevice = fn(&Choice) -> Result<(Device, String)>;

/// Models that stay loaded.
const LOADED: usize = 2;
/// FLOP between two signs of life: a minute on a machine that does 5 GFLOP/s.
const SIGN_FLOP: u64 = 300_000_000_000;

/// The devices and models of the thread.
pub struct Models {
    open_device: OpenDevice,
    devices: HashMap<String, Device>,
    /// The last one was used last.
    loaded: Vec<Rc<Kept>>,
    pub life: Life,
}

/// A model from a file, kept for the next who asks.
pub struct Kept {
    key: (PathBuf, Option<SystemTime>, String),
    /// Runs layer by layer, so that each can be seen.
    pub model: Model,
    /// The same weights on the host.
    pub slots: Arc<Slots>,
    /// What a person should know of the file.
    pub note: Option<&'static str>,
}

/// When work last gave a sign of life.
#[derive(Clone)]
pub struct Life(Arc<Mutex<Instant>>);

impl Default for Life {
    fn default() -> Life {
        Life(Arc::new(Mutex::new(Instant::now())))
    }
}

impl Life {
    /// Says that the work goes on.
    pub fn sign(&self) {
        *self.0.lock().unwrap() = Instant::now();
    }

    /// Whether both are of the same thread.
    pub fn is(&self, other: &Life) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub fn silence(&self) -> Duration {
        self.0.lock().unwrap().elapsed()
    }
}

impl Models {
    pub fn new(open_device: OpenDevice, life: Life) -> Models {
        Models { open_device, devices: HashMap::new(), loaded: Vec::new(), life }
    }

    /// Lets go of all devices and models.
    pub fn forget(&mut self) {
        self.devices.clear();
        self.loaded.clear();
    }

    /// A device of its own, which is not kept.
    pub fn open(&self, choice: &str) -> Result<(Device, String)> {
        (self.open_device)(&choice.parse().unwrap_or(Choice::Auto))
    }

    fn device(&mut self, choice: &str) -> Result<Device> {
        if let Some(device) = self.devices.get(choice) {
            return Ok(device.clone());
        }
        let (device, _) = self.open(choice)?;
        self.devices.insert(choice.to_string(), device.clone());
        Ok(device)
    }

    /// The model of a file on a device, loaded now or earlier.
    pub fn get(&mut self, file: &Path, device: &str) -> Answer<Rc<Kept>> {
        let about = std::fs::metadata(file).map_err(|_| not_found("this run has no model yet"))?;
        let key = (file.to_path_buf(), about.modified().ok(), device.to_string());
        if let Some(place) = self.loaded.iter().position(|loaded| loaded.key == key) {
            let loaded = self.loaded.remove(place);
            self.loaded.push(loaded.clone());
            return Ok(loaded);
        }
        let device = self.device(device)?;
        // Before there is another: its memory counts.
        if self.loaded.len() == LOADED {
            self.loaded.remove(0);
        }
        let run::Loaded { model, has_checksum } = run::load(file, &device, false)?;
        let note = (!has_checksum)
            .then_some("This model file has no checksum, so damage to it would not be noticed.");
        // Where the file's bytes were.
        let slots = Arc::new(pollster::block_on(Slots::read(&model))?);
        let loaded = Rc::new(Kept { key, model, slots, note });
        self.loaded.push(loaded.clone());
        Ok(loaded)
    }
}

impl Kept {
    /// How many pictures can be computed at a time: with the memory that is free, and in a time after which the thread that
    /// computes counts as alive.
    pub fn batch(&self) -> Answer<usize> {
        let flop: u64 = self.model.nodes().map(Placed::flop).sum();
        let in_time = (SIGN_FLOP / flop.max(1)).max(1);
        Ok(memory::batch("a prediction", &self.model, &[])?
            .min(usize::try_from(in_time).unwrap_or(usize::MAX)))
    }

    /// Whether all layers of a picture can be kept, on the device and here.
    pub fn can_be_looked_into(&self) -> Answer<()> {
        Ok(memory::check("looking inside", &inside::needs(&self.model, false)?)?)
    }
}
