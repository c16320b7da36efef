//! Looks into models, which pages know by number.

use super::answer::{Answer, Refusal, not_found, unusable};
use super::inside::Inside;
use super::inside::gradients::Gradients;
use super::recent::Recent;
use axum::http::StatusCode;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Looks that are remembered, and their bytes: one takes 40 MB at 256 x 256.
const REMEMBERED: usize = 8;
const REMEMBERED_BYTES: usize = 1 << 30;
/// The same of a training that is followed, which makes new ones all the time.
const FOLLOWED: usize = 3;
/// Numbers of those begin here.
const FIRST_FOLLOWED: u64 = 1 << 32;

/// The last few, by number.
pub struct Insides {
    asked: Recent<Arc<Looked>>,
    followed: Recent<Arc<Looked>>,
}

/// A look, and what was made of it later.
pub struct Looked {
    pub inside: Arc<Inside>,
    /// What it was made of; `None` where no file has the weights.
    pub of: Option<Of>,
    /// By the number of the class that the picture is taken for.
    pub gradients: Mutex<BTreeMap<usize, Arc<Gradients>>>,
}

/// What a look is made of.
#[derive(Clone)]
pub struct Of {
    /// The model's.
    pub file: PathBuf,
    pub device: String,
    /// Gray bytes, `[size, size]`.
    pub pixels: Vec<u8>,
}

impl Looked {
    fn new(inside: Arc<Inside>, of: Option<Of>) -> Arc<Looked> {
        Arc::new(Looked { inside, of, gradients: Mutex::default() })
    }

    /// What it was made of, to make more of it.
    pub fn of(&self) -> Answer<&Of> {
        let why = "no file has the weights of a training that is followed: look at the saved model";
        self.of.as_ref().ok_or_else(|| unusable(why))
    }

    /// Whether there is a class of this number.
    pub fn has_class(&self, class: usize) -> Answer<()> {
        match self.inside.classes.len() {
            classes if class < classes => Ok(()),
            classes => Err(unusable(format!("there are {classes} classes"))),
        }
    }

    /// Whether it was its model that made these logits of its picture. The file is written anew while a training goes on: what
    /// its later weights say is not about the maps on the page.
    pub fn has_made(&self, logits: &[f32]) -> Answer<()> {
        let bits = |logits: &[f32]| logits.iter().map(|logit| logit.to_bits()).collect::<Vec<_>>();
        match bits(logits) == bits(&self.inside.logits) {
            true => Ok(()),
            false => {
                Err(Refusal::new(StatusCode::CONFLICT, "the run has another model by now: look inside again"))
            }
        }
    }

    fn bytes(&self) -> usize {
        let gradients = self.gradients.lock().unwrap();
        self.inside.bytes() + gradients.values().map(|gradients| gradients.bytes()).sum::<usize>()
    }
}

impl Default for Insides {
    fn default() -> Insides {
        let bytes = |looked: &Arc<Looked>| looked.bytes();
        Insides {
            asked: Recent::new(REMEMBERED, REMEMBERED_BYTES, bytes),
            followed: Recent::new(FOLLOWED, REMEMBERED_BYTES, bytes),
        }
    }
}

impl Insides {
    pub fn add(&self, inside: Arc<Inside>, of: Of) -> u64 {
        self.asked.add(Looked::new(inside, Some(of)))
    }

    pub fn add_followed(&self, inside: Arc<Inside>) -> u64 {
        FIRST_FOLLOWED + self.followed.add(Looked::new(inside, None))
    }

    pub fn get(&self, id: u64) -> Answer<Arc<Inside>> {
        Ok(self.looked(id)?.inside.clone())
    }

    /// The same with what it was made of.
    pub fn looked(&self, id: u64) -> Answer<Arc<Looked>> {
        let found = match id.checked_sub(FIRST_FOLLOWED) {
            Some(id) => self.followed.get(id),
            None => self.asked.get(id),
        };
        found.ok_or_else(|| not_found("this was forgotten: look inside again"))
    }
}
