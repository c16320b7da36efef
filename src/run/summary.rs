//! A run in one line, for everyone who lists runs: the table, its JSON, and the page.

use super::lock::{is_running, was_killed};
use super::outcome::{Ending, Outcome};
use super::past::{self, PastRun, whole};
use super::resume::newest_checkpoint;
use crate::error::Result;
use crate::train::RateSchedule;
use crate::train::evaluate::verdict;
use serde::Serialize;
use serde_json::Value;

/// Most letters of a folder's name, or another text, in a list.
const MOST_TEXT: usize = 1000;

/// Whether a run goes on, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Running,
    Finished,
    Stopped,
    Diverged,
    Failed,
    /// It left its lock, which nobody holds, and did not say how it ended.
    Killed,
    /// It ended, and its folder does not say how: it is of an earlier version, or its disk was full.
    Ended,
}

/// What is known of a run. Values that its folder does not tell are `None`.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The name of its folder in runs/.
    pub name: String,
    /// What a person called it.
    pub title: Option<String>,
    pub state: State,
    /// The state in words: "diverged in step 12".
    pub end: String,
    /// What went wrong.
    pub reason: Option<String>,
    /// The last optimizer step, from 1, or the one that diverged; 0 before the first.
    pub step: u32,
    pub epochs: Option<u64>,
    pub epochs_done: usize,
    pub learning_rate: Option<f64>,
    pub batch_size: Option<u64>,
    pub image_size: Option<u64>,
    /// `gray` or `rgb`.
    pub color: Option<String>,
    /// The name of one that is shipped, or a file.
    pub network: Option<String>,
    /// How many it tells apart.
    pub classes: Option<usize>,
    pub seed: Option<u64>,
    pub train_dir: Option<String>,
    pub test_dir: Option<String>,
    pub training_pictures: Option<u64>,
    pub test_pictures: Option<u64>,
    /// Wall time so far, or until the end.
    pub seconds: Option<f64>,
    /// After the last epoch that was validated, 0 to 1.
    pub val_accuracy: Option<f64>,
    pub val_loss: Option<f64>,
    pub best_val_accuracy: Option<f64>,
    /// What the accuracy of the last epoch hides: that a guess is as good.
    pub verdict: Option<String>,
    /// Its best epoch so far, from 1, whose model is used.
    pub best_epoch: Option<u64>,
    /// Whether it is over and could go on to what it would have become: it has a checkpoint, did not stop early, and did not come
    /// to the end of a schedule of the learning rate.
    pub can_resume: bool,
    /// Whether it saved a model.
    pub model: bool,
    /// What of its folder cannot be read.
    pub problem: Option<String>,
}

/// Every run, the newest first.
///
/// # Errors
/// As [`past::all`].
pub fn summaries() -> Result<Vec<Summary>> {
    Ok(past::all()?.iter().map(Summary::new).collect())
}

impl Summary {
    /// Of a run's folder.
    pub fn new(run: &PastRun) -> Summary {
        let config = run.config();
        let (epochs, problem) = match run.epochs() {
            Ok(epochs) => (epochs, None),
            Err(why) => (Vec::new(), Some(format!("history.csv cannot be read: {why}"))),
        };
        let problem = run.problem.clone().or(problem);
        let number = |name: &str| config[name].as_u64();
        let (state, outcome) = state(run, config, &epochs);
        let step = outcome.as_ref().map_or_else(|| run.last_step(), |outcome| outcome.step);
        let has_most = config["max_steps"].is_number() && problem.is_none();
        let is_early = outcome.as_ref().is_some_and(|outcome| outcome.kind == Ending::StoppedEarly);
        let schedule = serde_json::from_value::<RateSchedule>(config["recipe"]["schedule"].clone());
        let has_end = schedule.is_ok_and(RateSchedule::knows_its_end);
        let is_cut =
            has_most && state == State::Finished && number("epochs").is_some_and(|all| all > whole(&epochs));
        let is_done = is_early || (has_end && state == State::Finished && !is_cut);
        let trained = epochs.iter().filter_map(|epoch| epoch["seconds"].as_f64()).sum::<f64>();
        let on_disk = run.seconds_on_disk().map_or(trained, |seconds| seconds.max(trained));
        let is_time = |seconds: &f64| seconds.is_finite() && *seconds >= 0.0;
        let seconds = outcome.as_ref().map_or(on_disk, |outcome| outcome.seconds);
        let seconds = Some(seconds).filter(is_time).or(Some(on_disk).filter(is_time));
        let accuracies = || epochs.iter().filter_map(|epoch| epoch["val_accuracy"].as_f64());
        let text = |name: &str| config[name].as_str().map(|text| text.chars().take(MOST_TEXT).collect());
        // The matrix is of the last epoch that was validated, the model of the last.
        let is_of_model = epochs.last().is_some_and(|epoch| epoch["val_loss"].is_number());
        let confusion = outcome.as_ref().and_then(|outcome| outcome.confusion.as_ref());
        let verdict = confusion.filter(|_| is_of_model).and_then(|confusion| {
            verdict(confusion, &serde_json::from_value::<Vec<String>>(config["classes"].clone()).ok()?)
        });
        Summary {
            name: run.name.clone(),
            title: run.title(),
            state,
            end: words(state, step, is_cut, is_early),
            reason: outcome.and_then(|outcome| outcome.message),
            step,
            epochs: number("epochs"),
            epochs_done: epochs.len(),
            learning_rate: config["learning_rate"].as_f64(),
            batch_size: number("batch_size"),
            image_size: number("image_size"),
            color: text("color"),
            network: text("network"),
            classes: config["classes"].as_array().map(Vec::len),
            seed: number("seed"),
            train_dir: text("train_dir"),
            test_dir: text("test_dir"),
            training_pictures: number("training_pictures"),
            test_pictures: number("test_pictures"),
            seconds: seconds.filter(|&seconds| step > 0 || seconds > 0.0),
            val_accuracy: accuracies().next_back(),
            val_loss: epochs.iter().filter_map(|epoch| epoch["val_loss"].as_f64()).next_back(),
            best_val_accuracy: accuracies().reduce(f64::max),
            verdict,
            best_epoch: run.best_epoch(&epochs).and_then(|best| Some(best["epoch"].as_f64()? as u64 + 1)),
            can_resume: state != State::Running && !is_done && newest_checkpoint(run.path()).is_some(),
            model: run.has_model(),
            problem,
        }
    }
}

fn state(run: &PastRun, config: &Value, epochs: &[Value]) -> (State, Option<Outcome>) {
    let ended = |outcome: Outcome| {
        let state = match outcome.kind {
            Ending::Finished | Ending::StoppedEarly => State::Finished,
            Ending::Stopped => State::Stopped,
            Ending::Diverged => State::Diverged,
            Ending::Failed => State::Failed,
        };
        (state, Some(outcome))
    };
    if let Some(outcome) = run.outcome() {
        return ended(outcome);
    }
    if is_running(run.path()) {
        return (State::Running, None);
    }
    // It may have ended between the two looks.
    if let Some(outcome) = run.outcome() {
        return ended(outcome);
    }
    let state = if was_killed(run.path()) {
        State::Killed
    } else if config["epochs"].as_u64() == Some(whole(epochs)) {
        State::Finished
    } else {
        State::Ended
    };
    (state, None)
}

/// The state in words. `is_cut`: it was given fewer steps than its epochs have; `is_early`: its epochs were no better any more.
fn words(state: State, step: u32, is_cut: bool, is_early: bool) -> String {
    let after = |what: &str| match step {
        0 => format!("{what} before the first step"),
        step => format!("{what} after step {step}"),
    };
    match state {
        State::Running => "running".to_string(),
        State::Finished if is_early => after("stopped early"),
        State::Finished if is_cut => after("finished"),
        State::Finished => "finished".to_string(),
        State::Stopped => after("stopped"),
        State::Diverged => format!("diverged in step {step}"),
        State::Failed => after("failed"),
        State::Killed => after("killed"),
        State::Ended => after("ended"),
    }
}
