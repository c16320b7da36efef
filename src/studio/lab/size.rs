//! The sizes at which a shader is counted and timed.

use crate::check::{Case, Table, table};
use crate::memory;
use crate::microscope::lab;
use crate::studio::answer::Answer;
use crate::studio::microscope::{Aim, find};
use crate::studio::pictures::Pictures;
use crate::studio::worker::Worker;
use serde::Deserialize;
use serde_json::{Value, json};

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

/// A rung of a kernel in a layer; without one, in the layer at which exercises are counted. `None` where no layer has it. The
/// memory takes its buffers.
pub async fn sized(
    (kernel, rung): (&str, &str),
    layer: Option<&Layer>,
    pictures: &Pictures,
    worker: &Worker,
) -> Answer<Option<Sized>> {
    let sized = match layer {
        None => of_exercises(kernel),
        Some(Layer { picture, run, layer }) => {
            let aim = Aim { picture: *picture, run: run.clone(), layer, label: 0 };
            let found = find(pictures, worker, aim).await?;
            let subject = found.of_layer.subject(kernel)?;
            subject.rung(Some(rung))?;
            let layer =
                json!({"name": layer, "image_size": found.image_size, "pictures": 1, "run": found.run});
            Some(Sized { case: subject.case, layer })
        }
    };
    if let Some(Sized { case, .. }) = &sized {
        memory::check(&format!("{kernel} at these sizes"), &[lab::need(case)])?;
    }
    Ok(sized)
}

fn of_exercises(kernel: &str) -> Option<Sized> {
    let (image_size, batch) = (lab::IMAGE_SIZE, lab::BATCH);
    let mut cases = table(Table::Network { image_size, batch }).into_iter();
    let case = cases.find(|case| case.call.name() == kernel)?;
    Some(Sized { layer: json!({"name": case.why, "image_size": image_size, "pictures": batch}), case })
}
