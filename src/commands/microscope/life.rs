//! The life of a thread, line by line.

use super::args::MicroscopeArgs;
use super::subject::subject;
use crate::check::compare::position;
use crate::commands::output::{errln, outln};
use crate::error::{Error, Result, error};
use crate::microscope::Refusal;
use crate::microscope::job::Job;
use crate::microscope::limits::Limits;
use crate::microscope::view::{Owner, Stepper, owner, run_before};
use serde_json::json;

/// Lines of a life that are printed without being asked for: the first, and the last.
const FIRST: usize = 200;
const LAST: usize = 40;

pub fn print(args: &MicroscopeArgs) -> Result<()> {
    let (subject, said) = subject(args)?;
    let rung = subject.rung(args.rung.as_deref())?.rung;
    let job = Job::new(&*subject.case.call, rung, args.subgroup).map_err(refused)?;
    let mut buffers = job.buffers(&subject.inputs, &subject.outputs);
    let output = &subject.case.call.outputs()[0];
    let shape = (subject.case.shape)(output.name);
    let (own, value) = match args.thread {
        None => {
            let cell = place(args, &shape, output.name)?;
            (
                owner(&job, &buffers, (output.name, cell as u32), args.subgroup, Limits::default())
                    .map_err(refused)?,
                Some(cell),
            )
        }
        Some(thread) => (asked_for(args, &job, thread)?, None),
    };
    run_before(&job, &mut buffers, &own, args.subgroup).map_err(refused)?;
    let pass = &job.passes[own.pass].program;
    if !args.json {
        outln!("{} {rung}: {said}", args.kernel);
        let [x, y, z] = own.group;
        let what = value.map_or_else(String::new, |cell| {
            format!("{}{:?} is computed by ", output.name, position(cell, &shape))
        });
        outln!("{what}thread {} of group {x}, {y}, {z} in {}\n", own.thread, pass.entry);
    }
    let mut stepper =
        Stepper::new(job, buffers, own.pass, (own.group, own.thread), args.subgroup).map_err(refused)?;
    let steps = stepper.steps();
    let first = args.from.max(1);
    let is_shown = |step: usize| match args.steps {
        Some(steps) => (first..first.saturating_add(steps)).contains(&step),
        None => {
            step >= first && (step < first + FIRST || step + LAST > steps || steps < first + FIRST + LAST)
        }
    };
    let mut last = None;
    for step in 1..=steps {
        stepper.go_to(step);
        if !is_shown(step) {
            continue;
        }
        if !args.json && last.is_some_and(|last| last + 1 < step) {
            outln!("      … {} lines are left out: see --from and --steps", step - last.unwrap_or(0) - 1);
        }
        last = Some(step);
        let seen = stepper.look();
        let line = seen.done.unwrap_or(0);
        let source = stepper.statements().text(line);
        if args.json {
            outln!(
                "{}",
                json!({"step": step, "line": line, "text": source, "notes": seen.notes, "calls": seen.calls})
            );
            continue;
        }
        outln!("{step:>5}  {line:>4}  {source}");
        for note in &seen.notes {
            outln!("               {note}");
        }
    }
    if stepper.is_cut() {
        errln!("note: the thread goes on: what is beyond {steps} lines is not shown");
    }
    if let (Some(cell), false) = (value, args.json) {
        let computed = f64::from(f32::from_bits(stepper.value(output.name, cell).unwrap_or_default()));
        let wanted = subject.expected(0, cell);
        outln!("\n{}{:?} = {computed}; the reference, in f64: {wanted}", output.name, position(cell, &shape));
    }
    Ok(())
}

/// The thread that was named.
fn asked_for(args: &MicroscopeArgs, job: &Job, thread: u32) -> Result<Owner> {
    let (passes, pass) = (job.passes.len(), args.pass.unwrap_or(job.passes.len() - 1));
    let Some(of_pass) = job.passes.get(pass) else {
        return Err(error!(Usage, "--pass {pass}: there are {passes}, counted from 0"));
    };
    let group = std::array::from_fn(|axis| args.group.get(axis).copied().unwrap_or(0));
    let named = Owner::named(job, pass, group, thread).filter(|_| args.group.len() <= 3);
    named.ok_or_else(|| {
        let (threads, [x, y, z]) = (of_pass.program.threads(), of_pass.groups);
        let there = format!("{x}, {y}, {z} groups of {threads} threads, counted from 0");
        error!(Usage, "there is no such thread as --thread and --group name: there are {there}")
    })
}

/// The number of an element by its place; leading places of length 1 may be left out.
fn place(args: &MicroscopeArgs, shape: &[usize], name: &str) -> Result<usize> {
    let at = &args.at;
    let missing = shape.len().saturating_sub(at.len());
    let is_wrong = at.len() > shape.len()
        || shape[..missing].iter().any(|&size| size != 1)
        || at.iter().zip(&shape[missing..]).any(|(at, size)| at >= size);
    if is_wrong {
        // Without a layer it is the smallest case that there is.
        let hint = if args.layer.is_none() { "; name a layer with --layer" } else { "" };
        return Err(error!(Usage, "--at {at:?}: {name} has the shape {shape:?}, counted from 0{hint}"));
    }
    Ok(at.iter().zip(&shape[missing..]).fold(0, |cell, (at, size)| cell * size + at))
}

fn refused(why: Refusal) -> Error {
    error!(Usage, "{why}")
}
