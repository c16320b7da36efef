//! The sizes at which a shader is counted and timed.

use crate::check::{Case, Table, table};
use crate::memory;
use crate::microscope::lab;
use crate::microscope::view::{Subject, case_of};
use crate::studio::answer::Answer;
use crate::studio::microscope::{Aim, find};
use crate::studio::pictures::Pictures;
use crate::studio::recent::Recent;
use crate::studio::runs;
use crate::studio::worker::{self, Worker};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::SystemTime;

/// Sizes that are remembered.
const REMEMBERED: usize = 16;

/// A layer of the model that looks at a picture.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    picture: u64,
    run: Option<String>,
    layer: String,
}

/// A kernel at these sizes, and in words for the page whose they are.
pub struct Sized {
    pub case: Case,
    pub layer: Value,
}

/// A kernel in a layer of a run's model, as it was saved at some time.
#[derive(Clone, PartialEq)]
struct OfModel {
    run: String,
    saved: SystemTime,
    layer: String,
    kernel: String,
}

/// What a model ran for to find out: a shader is tried many times at one layer.
struct Known {
    of: OfModel,
    params: Vec<u32>,
    image_size: usize,
}

/// The sizes of layers that were asked for last.
pub struct Sizes(Recent<Arc<Known>>);

impl Default for Sizes {
    fn default() -> Sizes {
        Sizes(Recent::new(REMEMBERED, usize::MAX, |_| 0))
    }
}

impl Sizes {
    /// A rung of a kernel in a layer; without one, in the layer at which exercises are counted. `None` where no layer has it. The
    /// memory takes its buffers.
    pub async fn of(
        &self,
        (kernel, rung): (&str, &str),
        layer: Option<&Layer>,
        pictures: &Pictures,
        worker: &Worker,
    ) -> Answer<Option<Sized>> {
        let sized = match layer {
            None => of_exercises(kernel),
            Some(layer) => {
                let known = self.of_layer(kernel, layer, pictures, worker).await?;
                let case = case_of(kernel).expect("a kernel that ran is in the table");
                let case = (case.with_params)(&known.params);
                let subject = Subject { case, inputs: Vec::new(), outputs: Vec::new() };
                subject.rung(Some(rung))?;
                let Known { of: OfModel { run, layer, .. }, image_size, .. } = &*known;
                let layer = json!({"name": layer, "image_size": image_size, "pictures": 1, "run": run});
                Some(Sized { case: subject.case, layer })
            }
        };
        if let Some(Sized { case, .. }) = &sized {
            memory::check(&format!("{kernel} at these sizes"), &[lab::need(case)])?;
        }
        Ok(sized)
    }

    async fn of_layer(
        &self,
        kernel: &str,
        Layer { picture, run, layer }: &Layer,
        pictures: &Pictures,
        worker: &Worker,
    ) -> Answer<Arc<Known>> {
        let name = run.clone();
        let run = worker::blocking(move || -> Answer<_> {
            let run = runs::with_model(name.as_deref())?;
            let saved = std::fs::metadata(run.model_file()).and_then(|about| about.modified());
            Ok((run.name, saved.unwrap_or(SystemTime::UNIX_EPOCH)))
        });
        let (run, saved) = run.await??;
        let of = OfModel { run, saved, layer: layer.clone(), kernel: kernel.to_string() };
        if let Some(known) = self.0.find(|known| known.of == of).and_then(|number| self.0.get(number)) {
            return Ok(known);
        }
        let aim = Aim { picture: *picture, run: Some(of.run.clone()), layer, label: 0 };
        let found = find(pictures, worker, aim).await?;
        let params = found.of_layer.subject(kernel)?.case.call.words();
        let known = Arc::new(Known { of, params, image_size: found.image_size });
        self.0.add(known.clone());
        Ok(known)
    }
}

fn of_exercises(kernel: &str) -> Option<Sized> {
    let (image_size, batch) = (lab::IMAGE_SIZE, lab::BATCH);
    let mut cases = table(Table::Network { image_size, batch }).into_iter();
    let case = cases.find(|case| case.call.name() == kernel)?;
    Some(Sized { layer: json!({"name": case.why, "image_size": image_size, "pictures": batch}), case })
}
