//! A thread of a shader, line by line, as the page asks for it.

use super::answer::{Answer, Body, Refusal, not_found, unusable};
use super::pictures::Pictures;
use super::recent::Recent;
use super::runs;
use super::worker::{self, Worker};
use crate::memory;
use crate::microscope::Refusal as Refused;
use crate::microscope::job::Job;
use crate::microscope::limits::Limits;
use crate::microscope::program::Space;
use crate::microscope::view::{Number, OfLayer, Owner, Status, Stepper, Subject, owner, run_before};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Threads that are remembered, and words of their memory.
const REMEMBERED: usize = 4;
const REMEMBERED_BYTES: usize = 1 << 30;
/// Cells of workgroup memory that are sent.
const MOST_CELLS: usize = 1 << 14;

/// The threads that pages look at, by number.
pub struct Microscopes(Recent<Arc<Looked>>);

struct Looked {
    stepper: Mutex<Stepper>,
    bytes: usize,
}

impl Default for Microscopes {
    fn default() -> Microscopes {
        Microscopes(Recent::new(REMEMBERED, REMEMBERED_BYTES, |looked: &Arc<Looked>| looked.bytes))
    }
}

/// A value of a layer, or a thread of its group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    picture: u64,
    run: Option<String>,
    layer: String,
    /// The first that runs for the layer, unless it is named.
    kernel: Option<String>,
    rung: Option<String>,
    /// An element of the kernel's first output.
    #[serde(default)]
    element: usize,
    /// In place of the thread that owns the element: this one of a group of a pass.
    thread: Option<Owned>,
    /// The number of the class that the picture is taken for.
    #[serde(default)]
    label: u32,
    #[serde(default = "subgroup")]
    subgroup: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Owned {
    pass: usize,
    group: [u32; 3],
    thread: u32,
}

fn subgroup() -> u32 {
    32
}

/// Puts a thread under the microscope, in front of its first line.
pub async fn open(
    State(pictures): State<Arc<Pictures>>,
    State(worker): State<Arc<Worker>>,
    State(microscopes): State<Arc<Microscopes>>,
    Body(wanted): Body<Wanted>,
) -> Answer<Json<Value>> {
    if ![8, 32, 64].contains(&wanted.subgroup) {
        return Err(unusable("subgroups have 8, 32 or 64 threads"));
    }
    let aim =
        Aim { picture: wanted.picture, run: wanted.run.clone(), layer: &wanted.layer, label: wanted.label };
    let Found { of_layer, classes, run, .. } = find(&pictures, &worker, aim).await?;
    let answer = worker::blocking(move || -> Answer<Value> {
        let (looked, mut answer) = look(of_layer, &wanted)?;
        answer["microscope"] = json!(microscopes.0.add(Arc::new(looked)));
        Ok(answer)
    });
    let mut answer = answer.await??;
    answer["run"] = json!(run);
    answer["classes"] = json!(classes);
    Ok(Json(answer))
}

/// A layer of a run's model that looks at a picture of class `label`; without a name the newest run's.
pub struct Aim<'a> {
    pub picture: u64,
    pub run: Option<String>,
    pub layer: &'a str,
    pub label: u32,
}

/// What runs for it.
pub struct Found {
    pub of_layer: OfLayer,
    pub classes: Vec<String>,
    pub image_size: usize,
    pub run: String,
}

/// Finds what runs for a layer, on the CPU.
pub async fn find(pictures: &Pictures, worker: &Worker, aim: Aim<'_>) -> Answer<Found> {
    let Aim { picture, run: name, layer, label } = aim;
    let (source, layer) = (pictures.get(picture)?, layer.to_string());
    let run = worker::blocking(move || runs::with_model(name.as_deref())).await??;
    let file = run.model_file();
    let found = worker.run(move |models| {
        let loaded = models.get(&file, "cpu")?;
        loaded.can_be_looked_into()?;
        let classes = loaded.model.network.classes.clone();
        if label as usize >= classes.len() {
            return Err(unusable(format!("there are {} classes", classes.len())));
        }
        let image_size = loaded.model.network.image_size;
        let of_layer =
            OfLayer::new(&loaded.model, &source.decode(loaded.model.network.raster())?, label, &layer)?;
        Ok(Found { of_layer, classes, image_size, run: run.name })
    });
    found.await
}

fn look(of_layer: OfLayer, wanted: &Wanted) -> Answer<(Looked, Value)> {
    let kernels = of_layer.kernels();
    let kernel = match &wanted.kernel {
        Some(kernel) => kernel.clone(),
        None => kernels
            .first()
            .map(|kernel| kernel.to_string())
            .ok_or_else(|| not_found("no kernel runs for this layer"))?,
    };
    let subject = of_layer.subject(&kernel)?;
    let source = subject.rung(wanted.rung.as_deref())?;
    let (rung, rungs) = (source.rung, subject.rungs());
    let names: Vec<_> = rungs.iter().map(|source| source.rung).collect();
    let Subject { case, inputs, outputs } = subject;
    let words: usize = inputs.iter().chain(&outputs).map(Vec::len).sum();
    // As they are, in the program's memory, and once more while an owner is looked for.
    memory::check("the microscope", &[("its buffers", 12 * words as u64)])?;
    let job = Job::new(&*case.call, rung, wanted.subgroup).map_err(refused)?;
    let mut buffers = job.buffers(&inputs, &outputs);
    let output = &case.call.outputs()[0];
    let len = case.len(output);
    let own = match &wanted.thread {
        &Some(Owned { pass, .. }) if pass >= job.passes.len() => {
            return Err(not_found("there is no such pass"));
        }
        &Some(Owned { pass, group, thread }) => {
            Owner::named(&job, pass, group, thread).ok_or_else(|| not_found("there is no such thread"))?
        }
        None if wanted.element >= len => return Err(unusable(format!("{} has {len} values", output.name))),
        None => {
            owner(&job, &buffers, (output.name, wanted.element as u32), wanted.subgroup, Limits::default())
                .map_err(refused)?
        }
    };
    run_before(&job, &mut buffers, &own, wanted.subgroup).map_err(refused)?;
    let passes = job.passes.iter().map(|pass| {
        json!({"entry": pass.program.entry, "groups": pass.groups, "size": pass.program.workgroup_size})
    });
    let mut answer = json!({
        "layer": wanted.layer, "kernel": kernel, "kernels": kernels, "rung": rung, "rungs": names,
        "file": format!("shaders/{}", source.file), "source": source.text,
        "passes": passes.collect::<Vec<_>>(), "pass": own.pass, "group": own.group, "thread": own.thread,
        "output": {"name": output.name, "shape": (case.shape)(output.name), "element": wanted.element},
        "shapes": case.call.inputs().iter().chain(case.call.outputs())
            .map(|buffer| (buffer.name.to_string(), json!((case.shape)(buffer.name)))).collect::<serde_json::Map<_, _>>(),
        "label": wanted.label, "subgroup": wanted.subgroup,
    });
    let place = (own.group, own.thread);
    let stepper = Stepper::new(job, buffers, own.pass, place, wanted.subgroup).map_err(refused)?;
    let variables = stepper.variables().iter().enumerate().map(|(number, global)| {
        json!({
            "name": *global.name, "space": space(global.space), "stride": global.stride, "width": global.width,
            "cells": stepper.cells(number).len(),
        })
    });
    answer["variables"] = json!(variables.collect::<Vec<_>>());
    answer["steps"] = json!(stepper.steps());
    answer["is_cut"] = json!(stepper.is_cut());
    answer["barriers"] = json!(stepper.barriers());
    answer["statements"] = json!(stepper.statements().of_several_lines());
    let bytes = stepper.bytes();
    Ok((Looked { stepper: Mutex::new(stepper), bytes }, answer))
}

fn refused(why: Refused) -> Refusal {
    unusable(why.to_string())
}

fn space(space: Space) -> &'static str {
    match space {
        Space::Uniform => "uniform",
        Space::Storage { writable: false } => "input",
        Space::Storage { writable: true } => "output",
        Space::Workgroup => "workgroup",
        Space::Texture => "texture",
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct To {
    step: usize,
}

/// Goes in front of a line, and says what there is to see.
pub async fn step(
    State(microscopes): State<Arc<Microscopes>>,
    Path(id): Path<u64>,
    Body(to): Body<To>,
) -> Answer<Json<Value>> {
    let looked = microscopes.0.get(id).ok_or_else(|| not_found("this was forgotten: open it again"))?;
    Ok(Json(worker::blocking(move || seen(&mut looked.stepper.lock().unwrap(), to.step)).await?))
}

fn seen(stepper: &mut Stepper, step: usize) -> Value {
    stepper.go_to(step);
    let look = stepper.look();
    // A letter for each thread: a page draws a thousand of them at each step.
    let letter = |status: &Status| match status {
        Status::Same => 's',
        Status::Other => 'o',
        Status::Waits => 'w',
        Status::Ended => 'e',
    };
    let threads: String = look.threads.iter().map(letter).collect();
    let variables = stepper.variables().iter().enumerate().map(|(number, global)| {
        let cells = (global.space == Space::Workgroup).then(|| {
            let cells = stepper.cells(number);
            cells[..cells.len().min(MOST_CELLS)]
                .iter()
                .map(|word| Number::new(*word, global.kind))
                .collect::<Vec<_>>()
        });
        json!({"touched": stepper.touched(number), "cells": cells})
    });
    let variables: Vec<_> = variables.collect();
    json!({
        "step": look.step, "line": look.line, "calls": look.calls, "done": look.done, "notes": look.notes,
        "threads": threads, "counts": stepper.counts(), "variables": variables,
    })
}
