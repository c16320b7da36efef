//! The exercises of docs/exercises, as they begin. Their solutions are no part of this program.

use crate::microscope::lab::{Exercise, Task};
use axum::Json;
use rust_embed::Embed;
use serde::Serialize;
use std::sync::LazyLock;

#[derive(Embed)]
#[folder = "docs/exercises"]
struct Starts;

/// An exercise, as a page shows it.
#[derive(Serialize)]
pub struct Listed {
    #[serde(flatten)]
    task: Task,
    kernel: String,
    rung: String,
    /// As they stand in the text.
    goals: Vec<String>,
    /// Without task and hint, which a page shows beside it.
    text: String,
}

static ALL: LazyLock<Vec<Listed>> = LazyLock::new(|| {
    let mut all: Vec<_> = Starts::iter().filter_map(|name| listed(&name)).collect();
    all.sort_by_key(|listed| listed.task.number);
    all
});

/// `None` for what is no exercise, such as the page that lists them.
fn listed(name: &str) -> Option<Listed> {
    let text = String::from_utf8_lossy(&Starts::get(name)?.data).into_owned();
    let (task, exercise) = (Task::of(&text)?, Exercise::of(&text).ok()??);
    let Exercise { kernel, rung, goals } = exercise;
    let text = without_task(&text)?;
    Some(Listed { task, kernel, rung, goals: goals.into_iter().map(|goal| goal.words).collect(), text })
}

/// The text, of whose head only the title is left, and what the lab reads in it.
fn without_task(text: &str) -> Option<String> {
    let (title, rest) = text.split_once('\n')?;
    let read = rest.find("// exercise:")?;
    Some(format!("{title}\n//\n{}", &rest[read..]))
}

/// Every exercise with its start, in their order.
pub async fn list() -> Json<&'static [Listed]> {
    Json(&ALL)
}
