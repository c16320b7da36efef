//! Going on with runs, as the page asks for it.

use crate::common::studio::Studio;
use serde_json::{Value, json};
use std::fs;

/// The best and the last model of a run, and its losses.
fn lasting(studio: &Studio, folder: &str) -> (Vec<u8>, Vec<u8>, Vec<f64>) {
    let model = |name: &str| fs::read(studio.place.path(&format!("{folder}/{name}"))).unwrap();
    let losses = studio.place.lines(&format!("{folder}/steps.jsonl"));
    let losses =
        losses.iter().map(|line| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64().unwrap());
    (model("best.safetensors"), model("model.safetensors"), losses.collect())
}

fn by_hand(studio: &Studio, epochs: usize) -> (Vec<u8>, Vec<u8>, Vec<f64>) {
    let out = format!("by-hand-{epochs}");
    let line =
        "train --train-dir train --test-dir test --image-size 8 --batch-size 4 --seed 1 --device cpu --quiet";
    studio.place.run(&format!("{line} --epochs {epochs} --out {out}")).succeeds();
    lasting(studio, &out)
}

fn row(studio: &Studio, run: &str) -> Value {
    let rows = studio.json("/api/runs");
    rows.as_array().unwrap().iter().find(|row| row["name"] == run).unwrap().clone()
}

#[test]
fn a_run_that_was_stopped_goes_on_as_if_it_had_not_been() {
    let studio = Studio::new();
    let run = studio.train(300).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("epoch");
    let resume = format!("/api/runs/{run}/resume");
    studio.post(&resume, json!({})).refuses(409, "in progress");
    assert_eq!(row(&studio, &run)["can_resume"], false);
    assert_eq!(studio.post("/api/stop", json!({})).status, 202);
    let end = studio.wait_for("end");
    assert_eq!((&end["end"], &end["can_resume"]), (&json!("stopped"), &json!(true)), "{end}");
    assert_eq!(row(&studio, &run)["can_resume"], true);
    studio.post("/api/runs/nowhere/resume", json!({})).refuses(404, "nowhere");
    studio.post(&resume, json!({"epochs": 0})).refuses(422, "0 makes no sense");
    assert_eq!(studio.post(&resume, json!({"seed": 3})).status, 422);

    let before = lasting(&studio, &format!("runs/{run}")).2;
    let answer = studio.post(&resume, json!({}));
    assert_eq!(
        (answer.status, answer.json()["run"].as_str()),
        (202, Some(run.as_str())),
        "{}",
        answer.text()
    );
    assert_eq!(studio.wait_for("end")["end"], "finished");
    // The log has what came since; pages read in the folder what came before.
    let events = studio.events();
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let (gap, step) = (types.iter().position(|t| *t == "gap"), types.iter().position(|t| *t == "step"));
    assert!(gap.is_some() && gap < step, "{types:?}");
    assert_eq!(events[step.unwrap()]["step"].as_u64().unwrap() as usize, before.len() + 1);
    let whole = by_hand(&studio, 300);
    assert!(lasting(&studio, &format!("runs/{run}")) == whole);

    // A run that is finished gets more epochs.
    studio
        .post(&resume, json!({"epochs": null}))
        .refuses(422, "has done its 300 epochs. Give it more epochs");
    studio.post(&resume, json!({"epochs": 200})).refuses(422, "has done epoch 300 already");
    assert_eq!(studio.post(&resume, json!({"epochs": 303})).status, 202);
    assert_eq!(studio.wait_for("end")["end"], "finished");
    assert!(lasting(&studio, &format!("runs/{run}")) == by_hand(&studio, 303));
    let history: Vec<Value> = studio.json(&format!("/api/runs/{run}"))["history"].as_array().unwrap().clone();
    let best = history
        .iter()
        .min_by(|a, b| a["val_loss"].as_f64().unwrap().total_cmp(&b["val_loss"].as_f64().unwrap()));
    assert_eq!(row(&studio, &run)["best_epoch"], best.unwrap()["epoch"].as_f64().unwrap() + 1.0);
    // The page marks the best so far while the run goes on.
    let events = studio.events();
    let epochs = || events.iter().filter(|event| event["type"] == "epoch");
    let lows = |loss: &mut f64, event: &&Value| {
        let now = event["validation"]["loss"].as_f64().unwrap();
        let is_best = now < std::mem::replace(loss, loss.min(now));
        Some((is_best, event["is_best"].as_bool().unwrap()))
    };
    let before = history[..history.len() - epochs().count()].iter();
    let before = before.map(|epoch| epoch["val_loss"].as_f64().unwrap()).fold(f64::INFINITY, f64::min);
    let marked: Vec<_> = epochs().collect::<Vec<_>>().iter().scan(before, lows).collect();
    assert!(!marked.is_empty() && marked.iter().all(|(is_best, said)| is_best == said), "{marked:?}");
}

#[test]
fn what_changed_since_is_named() {
    let studio = Studio::new();
    let run = studio.train(2).json()["run"].as_str().unwrap().to_string();
    assert_eq!(studio.wait_for("end")["end"], "finished");
    let whole = lasting(&studio, &format!("runs/{run}"));
    studio.place.bash("cp train/cats/0.png train/dogs/more.png").succeeds();
    let resume = format!("/api/runs/{run}/resume");
    assert_eq!(studio.post(&resume, json!({"epochs": 4})).status, 202);
    let end = studio.wait_for("end");
    assert!(
        end["error"].as_str().unwrap().contains("the training pictures are not those of the run"),
        "{end}"
    );
    assert!(lasting(&studio, &format!("runs/{run}")) == whole, "nothing was touched");
    assert_eq!(row(&studio, &run)["state"], "finished");
    // Without its checkpoints there is nothing to go on from.
    studio.place.bash(&format!("rm runs/{run}/checkpoint-*")).succeeds();
    assert_eq!(row(&studio, &run)["can_resume"], false);
    studio.post(&resume, json!({"epochs": 4})).refuses(422, "no whole checkpoint");
}

/// What stopped early has nothing left to do: there is no button that would be refused.
#[test]
fn a_run_that_stopped_early_is_over() {
    let studio = Studio::new();
    let line =
        "train --train-dir train --test-dir test --image-size 8 --batch-size 4 --seed 1 --device cpu --quiet";
    studio
        .place
        .run(&format!("{line} --epochs 60 --learning-rate 0.02 --early-stop 1 --out runs/early"))
        .succeeds();
    let early = row(&studio, "early");
    assert_eq!((&early["state"], &early["can_resume"]), (&json!("finished"), &json!(false)), "{early}");
    assert!(early["end"].as_str().unwrap().starts_with("stopped early after step "), "{early}");
    studio
        .post("/api/runs/early/resume", json!({"epochs": 100}))
        .refuses(422, "stopped early, 1 epoch after its best");
}
