//! In the place of which shader a text is tried.

use crate::check::all;
use crate::microscope::source::{Refusal, Result};

/// Rungs of a kernel with their shaders, from plain to fast; none of a kernel that is not there.
fn shaders(kernel: &str) -> Vec<(&'static str, String)> {
    let mut shaders: Vec<(&'static str, String)> = Vec::new();
    for case in all().iter().filter(|case| case.call.name() == kernel) {
        for source in case.call.sources().iter().filter(|source| source.fits) {
            let is_new = shaders.iter().all(|(rung, _)| *rung != source.rung);
            if let Some(plan) = case.call.plan(source.rung).filter(|_| is_new) {
                shaders.push((source.rung, plan.text.into()));
            }
        }
    }
    shaders.sort_by_key(|(rung, _)| *rung);
    shaders
}

/// Names of a kernel's rungs.
///
/// # Errors
/// A kernel that is not there.
pub fn rungs(kernel: &str) -> Result<Vec<&'static str>> {
    let rungs: Vec<_> = shaders(kernel).into_iter().map(|(rung, _)| rung).collect();
    if rungs.is_empty() { Err(Refusal::new(format!("there is no kernel {kernel}"))) } else { Ok(rungs) }
}

/// The rung whose shader a text was most likely made from: of which it has the most lines, and lacks the fewest.
///
/// # Errors
/// A kernel that is not there.
pub fn nearest(kernel: &str, text: &str) -> Result<&'static str> {
    let of_text = lines(text);
    let alike = |(rung, shader): &(&'static str, String)| {
        let of_shader = lines(shader);
        let common = of_shader.iter().filter(|line| of_text.contains(*line)).count();
        let all = (of_shader.len() + of_text.len()).max(1);
        (2 * common * 1000 / all, *rung)
    };
    let shaders = shaders(kernel);
    // Of several that are alike, the first.
    let found = shaders.iter().map(alike).rev().max_by_key(|(alike, _)| *alike);
    found.map(|(_, rung)| rung).ok_or_else(|| Refusal::new(format!("there is no kernel {kernel}")))
}

/// Lines of code, each once.
fn lines(text: &str) -> std::collections::BTreeSet<&str> {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    code.filter(|line| line.len() > 1).collect()
}
