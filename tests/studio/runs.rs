//! Training through the server, and what it tells of runs.

use crate::common::studio::{PATIENCE, Studio};
use pawgrad::model::network::MAX_IMAGE_SIZE;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::time::Instant;

/// What `steps.jsonl` holds.
fn steps(studio: &Studio, run: &str) -> Vec<Value> {
    let lines = studio.place.lines(&format!("runs/{run}/steps.jsonl"));
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The steps of a log, as they are in the file.
fn steps_of(events: &[Value]) -> Vec<Value> {
    let steps = events.iter().filter(|event| event["type"] == "step").cloned();
    steps
        .map(|mut step| {
            step.as_object_mut().unwrap().remove("type");
            step
        })
        .collect()
}

#[test]
fn a_run_is_the_one_of_the_command_line() {
    let studio = Studio::new();
    let run = studio.train(2).json()["run"].as_str().unwrap().to_string();
    let end = studio.wait_for("end");
    assert_eq!((end["end"].as_str(), &end["error"]), (Some("finished"), &json!(null)));

    let events = studio.events();
    assert_eq!(events[0], json!({"type": "reset"}));
    assert_eq!(events[1]["type"], "run");
    assert_eq!(events[1]["config"]["epochs"], 2);
    assert_eq!(steps_of(&events), steps(&studio, &run));
    let kernels = events.iter().find(|event| event["type"] == "kernels").expect("kernels are timed");
    let shares: f64 =
        kernels["kernels"].as_array().unwrap().iter().map(|k| k["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{kernels}");

    studio.place.train("--out by-hand").succeeds();
    let model = |path: &str| std::fs::read(studio.place.path(path)).unwrap();
    assert!(
        model("by-hand/model.safetensors") == model(&format!("runs/{run}/model.safetensors")),
        "the page and the command line train the same"
    );
}

#[test]
fn one_run_at_a_time() {
    let studio = Studio::new();
    assert_eq!(studio.train(1000).status, 202);
    studio.train(1).refuses(409, "in progress");
    studio.wait_for("step");
    assert_eq!(studio.post("/api/stop", json!({})).status, 202);
    assert_eq!(studio.wait_for("end")["end"], "stopped");
    studio.post("/api/stop", json!({})).refuses(409, "no run");
    let run = studio.json("/api/runs")[0].clone();
    assert_eq!((&run["state"], &run["model"]), (&json!("stopped"), &json!(true)), "it was saved: {run}");

    let second = studio.train(1);
    assert_eq!(second.status, 202);
    assert_ne!(second.json()["run"], run["name"], "two runs of one second have folders of their own");
    assert_eq!(studio.wait_for("end")["end"], "finished", "the log is the new run's");
}

#[test]
fn wrong_settings_are_explained_at_their_fields() {
    let studio = Studio::new();
    let refused = |name: &str, value: Value| {
        let mut settings = studio.settings(1);
        settings[name] = value;
        let answer = studio.post("/api/train", settings);
        assert_eq!(answer.status, 422, "{name}: {}", answer.text());
        let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
        let error = errors.iter().find(|error| error["field"] == name);
        error.unwrap_or_else(|| panic!("nothing of {name} in {errors:?}"))["message"]
            .as_str()
            .unwrap()
            .to_string()
    };
    assert!(refused("epochs", json!(0)).contains("1 or more"));
    assert!(refused("batch_size", json!(0)).contains("1 or more"));
    assert!(refused("learning_rate", json!(-1.0)).contains("above 0"));
    assert!(refused("dropout", json!(1.0)).contains("below 1"));
    assert!(refused("image_size", json!(4)).contains("between 8 and"));
    assert!(refused("train_dir", json!("nowhere")).contains("there is no folder nowhere"));
    assert!(refused("test_dir", json!("test/cats")).contains("no class folders"));
    let mut settings = studio.settings(1);
    settings["epochs"] = json!("many");
    studio.post("/api/train", settings).refuses(422, "many");
    studio.post_with("/api/train", &json_headers(&studio), b"{").refuses(400, "EOF");
    assert_eq!(studio.json("/api/state")["training"], json!(null));
}

fn json_headers(studio: &Studio) -> String {
    format!("Content-Type: application/json\nX-Pawgrad-Token: {}", studio.token)
}

#[test]
fn a_run_that_fails_is_told_and_the_server_lives_on() {
    let studio = Studio::new();
    let mut settings = studio.settings(2);
    settings["learning_rate"] = json!(1e30);
    assert_eq!(studio.post("/api/train", settings).status, 202);
    let end = studio.wait_for("end");
    assert_eq!((&end["end"], &end["words"]), (&json!("diverged"), &json!("diverged in step 2")), "{end}");
    assert!(end["error"].as_str().unwrap().contains("diverged"), "{end}");

    let mut settings = studio.settings(1);
    settings["device"] = json!("no such adapter");
    assert_eq!(studio.post("/api/train", settings).status, 202);
    let end = studio.wait_for("end");
    assert!(end["error"].as_str().unwrap().contains("no adapter has the index or name"), "{end}");

    assert_eq!(studio.train(1).status, 202);
    assert_eq!(studio.wait_for("end")["end"], "finished");
}

#[test]
fn a_killed_server_loses_no_step() {
    let mut studio = Studio::new();
    let run = studio.train(1000).json()["run"].as_str().unwrap().to_string();
    let start = Instant::now();
    while steps_of(&studio.events()).len() < 10 {
        assert!(start.elapsed() < PATIENCE);
    }
    let told = steps_of(&studio.events());
    let earlier = studio.json("/api/events/poll")["id"].as_str().unwrap().to_string();
    studio.kill_and_restart();

    let shown = studio.json(&format!("/api/runs/{run}"));
    assert_eq!(shown["state"], "killed");
    let written = steps(&studio, &run);
    assert_eq!(written[..told.len()], told, "whatever was told is in the file");
    for name in ["step", "epoch", "loss", "accuracy", "images", "seconds"] {
        let column: Vec<_> = written.iter().map(|step| step[name].clone()).collect();
        assert_eq!(shown["steps"][name], json!(column), "{name}");
    }
    // An id of the server before means nothing to this one.
    let events = studio.json(&format!("/api/events/poll?after={earlier}"))["events"].clone();
    assert_eq!(events, json!([{"type": "reset"}]));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_the_run_in_progress() {
    let mut studio = Studio::new();
    let run = studio.train(1000).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("epoch");
    // An open stream does not hold the server up.
    let _stream = studio.stream("");
    assert_eq!(studio.interrupt(), 130);
    let steps = studio.place.lines(&format!("runs/{run}/steps.jsonl")).len();
    let history = studio.place.lines(&format!("runs/{run}/history.csv"));
    assert!(steps < 3000 && !history.is_empty());
    let model = studio.place.path(&format!("runs/{run}/model.safetensors"));
    studio.place.run(&format!("predict --model {} test/cats/0.png", model.display())).succeeds();
}

#[test]
fn a_run_starts_with_the_weights_of_a_past_run_that_it_names() {
    let studio = Studio::new();
    let first = studio.train(1).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("end");
    let mut settings = studio.settings(1);
    settings["start_from"] = json!(first);
    settings["learning_rate"] = json!(1e-6);
    let second = studio.post("/api/train", settings.clone()).json()["run"].as_str().unwrap().to_string();
    let end = studio.wait_for("end");
    assert_eq!((&end["run"], &end["end"]), (&json!(second), &json!("finished")), "{end}");
    let [first_loss, second_loss] = [&first, &second].map(|run| {
        let shown = studio.json(&format!("/api/runs/{run}"));
        (shown["history"][0]["val_loss"].as_f64().unwrap(), shown["config"]["init_weights"].clone())
    });
    assert!((first_loss.0 - second_loss.0).abs() < 1e-3, "it goes on where the other ended");
    assert_eq!(first_loss.1, json!(null));
    assert_eq!(second_loss.1, json!(format!("runs/{first}/best.safetensors")));

    // A name leads to a run of the list, and nowhere else.
    let elsewhere = studio.place.path(&format!("runs/{first}"));
    for name in ["none", "", "../runs", elsewhere.to_str().unwrap(), &format!("{first}/../{first}")] {
        settings["start_from"] = json!(name);
        studio.post("/api/train", settings.clone()).refuses(422, "Start from: there is no run");
    }
    for model in ["model.safetensors", "best.safetensors"] {
        std::fs::remove_file(elsewhere.join(model)).unwrap();
    }
    settings["start_from"] = json!(first);
    studio.post("/api/train", settings).refuses(422, "has no model");
}

/// Whoever may train may not choose which files of this machine are read or made.
#[test]
fn a_run_of_the_page_takes_no_setting_that_its_form_lacks() {
    let studio = Studio::new();
    for (name, value) in [
        ("out", json!(studio.place.path("elsewhere"))),
        ("init_weights", json!("/dev/zero")),
        ("max_steps", json!(1)),
        ("nothing", json!(null)),
    ] {
        let mut settings = studio.settings(1);
        settings[name] = value;
        studio.post("/api/train", settings).refuses(422, name);
    }
    assert_eq!(studio.json("/api/state")["training"], json!(null));
    assert!(!studio.place.path("elsewhere").exists() && !studio.place.path("runs").exists());
}

/// The page allows it, but 100 GiB are more than the server may have, whatever its machine has; and the largest size is beyond
/// what any device takes.
#[cfg(unix)]
#[test]
fn pictures_that_no_memory_holds_end_the_run_and_not_the_server() {
    let studio = Studio::limited("-v 8000000");
    for (size, words) in [(2880, "MiB"), (MAX_IMAGE_SIZE, "limit")] {
        let mut settings = studio.settings(1);
        settings["image_size"] = json!(size);
        assert_eq!(studio.post("/api/train", settings).status, 202);
        let end = studio.wait_for("end");
        assert_eq!(end["end"], "failed", "{end}");
        let why = end["error"].as_str().unwrap();
        assert!(why.contains(words) && why.contains("image size"), "{why}");
    }
    assert_eq!(studio.train(1).status, 202);
    studio.wait_for("epoch");
}

/// Reads events from a stream until the run ends, or `count` messages.
fn read_stream(studio: &Studio, last_id: &str, count: usize) -> (String, Vec<Value>) {
    let stream = studio.stream(&format!("\nLast-Event-ID: {last_id}"));
    let (mut last, mut events) = (last_id.to_string(), Vec::new());
    let mut messages = 0;
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Some(id) = line.strip_prefix("id: ") {
            last = id.to_string();
        } else if let Some(data) = line.strip_prefix("data: ") {
            events.extend(serde_json::from_str::<Vec<Value>>(data).unwrap());
            messages += 1;
        } else if line.is_empty() && messages > 0 {
            // The end of a message: its id was read.
            if messages >= count || events.iter().any(|event| event["type"] == "end") {
                break;
            }
        }
    }
    (last, events)
}

#[test]
fn a_stream_goes_on_where_it_broke_off() {
    let studio = Studio::new();
    let run = studio.train(40).json()["run"].as_str().unwrap().to_string();
    let (mut last, mut events) = (String::new(), Vec::new());
    while !events.iter().any(|event: &Value| event["type"] == "end") {
        let (id, more) = read_stream(&studio, &last, 2);
        events.extend(more);
        last = id;
    }
    assert_eq!(
        events.iter().filter(|event| event["type"] == "reset").count(),
        1,
        "only the first began anew"
    );
    assert_eq!(steps_of(&events), steps(&studio, &run), "no gap, no repeat");
    assert_eq!(events, studio.events());
}

#[test]
fn eight_streams_tell_the_same() {
    let studio = Studio::new();
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| read_stream(&studio, "", usize::MAX).1)).collect();
        assert_eq!(studio.train(5).status, 202);
        let told: Vec<_> = readers.into_iter().map(|reader| steps_of(&reader.join().unwrap())).collect();
        assert_eq!(told[0].len(), 15);
        assert!(told.iter().all(|steps| *steps == told[0]));
    });
}

#[test]
fn pictures_are_predicted_and_looked_into() {
    let studio = Studio::new();
    assert_eq!(studio.train(2).status, 202);
    studio.wait_for("end");
    studio.post("/api/folders", json!({"path": "test"}));
    let named = studio.post("/api/pictures", json!({"path": "test/dogs/1.png"})).json();
    let uploaded = studio.upload(&std::fs::read(studio.place.path("test/dogs/1.png")).unwrap()).json();
    assert_eq!(named["name"], "1.png");
    let pictures = json!([named["picture"], uploaded["picture"]]);
    let told = studio.post("/api/predict", json!({"pictures": pictures, "run": null})).json();
    let said = studio.place.run(&format!(
        "predict --json --device cpu --model runs/{}/model.safetensors test/dogs/1.png",
        told["run"].as_str().unwrap()
    ));
    let by_hand: Value = serde_json::from_str(&said.succeeds().stdout).unwrap();
    for result in told["results"].as_array().unwrap() {
        assert_eq!(result["class"], by_hand["class"]);
        let probability = |told: &Value| told["probability"].as_f64().unwrap() as f32;
        assert_eq!(probability(result), probability(&by_hand));
    }

    let some = studio.post("/api/predict", json!({"pictures": [999, named["picture"]], "run": null})).json();
    assert!(some["results"][0]["error"].as_str().unwrap().contains("forgotten"), "{some}");
    assert_eq!(some["results"][1], told["results"][0], "one picture that is gone spoils no other");

    let inside = studio.post("/api/inside", json!({"picture": named["picture"], "run": null})).json();
    assert_eq!(inside["scores"], told["results"][0]["scores"]);
    let id = &inside["inside"];
    let layers = inside["layers"].as_array().unwrap();
    let names: Vec<_> = layers.iter().map(|layer| layer["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "conv3", "relu3", "pool3", "flatten1",
            "dense1", "relu4", "dropout1", "dense2", "relu5", "dense3"
        ]
    );
    for layer in layers {
        let (index, shape) = (&layer["index"], layer["shape"].as_array().unwrap());
        let atlas = studio.get(&format!("/api/inside/{id}/{index}.png"));
        assert_eq!(atlas.status, if shape.len() == 3 { 200 } else { 404 }, "{layer}");
        let unit = studio.json(&format!("/api/inside/{id}/{index}/unit?channel=0"));
        assert!(unit["output"].is_number(), "{unit}");
        assert_eq!(studio.get(&format!("/api/inside/{id}/{index}/unit?channel=99999")).status, 422);
        let kernels = layer["kernels"].as_array().unwrap();
        let runs_nothing = ["flatten1", "dropout1"].contains(&layer["name"].as_str().unwrap());
        assert_eq!(kernels.is_empty(), runs_nothing, "{layer}");
        for kernel in kernels {
            let source = studio.json(&format!("/api/source?kernel={}", kernel["kernel"].as_str().unwrap()));
            assert!(source["shader"][0]["source"].as_str().unwrap().contains("@compute"), "{source}");
            assert!(source["reference"]["source"].as_str().unwrap().contains("pub fn forward"), "{source}");
        }
    }
    assert_eq!(studio.json(&format!("/api/inside/{id}/heat"))["values"].as_array().unwrap().len(), 4);
    assert_eq!(studio.json(&format!("/api/inside/{id}/filters"))["filters"].as_array().unwrap().len(), 64);
    assert_eq!(studio.get("/api/inside/999/heat").status, 404);

    let run = told["run"].as_str().unwrap();
    let mistakes = studio.json(&format!("/api/runs/{run}/mistakes"));
    let history = studio.place.lines(&format!("runs/{run}/history.csv"));
    let accuracy: f64 = history.last().unwrap().split(',').nth(3).unwrap().parse().unwrap();
    let right: u64 = (0..2).map(|class| mistakes["confusion"][class][class].as_u64().unwrap()).sum();
    assert_eq!(right as f64 / 10.0, accuracy, "{mistakes}");
    assert_eq!(mistakes["worst"].as_array().unwrap().len() as u64, 10 - right);
}

#[test]
fn maps_follow_the_training() {
    let studio = Studio::new();
    let picture = std::fs::read(studio.place.path("test/cats/0.png")).unwrap();
    let picture = studio.upload(&picture).json()["picture"].clone();
    // What nobody watches is not looked into.
    let _stream = studio.stream("");
    assert_eq!(studio.post("/api/follow", json!({"picture": picture, "every": 2})).status, 202);
    assert_eq!(studio.post("/api/follow", json!({"picture": picture, "every": 0})).status, 422);
    let run = studio.train(2).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("end");
    let events = studio.events();
    let seen: Vec<_> = events.iter().filter(|event| event["type"] == "maps").collect();
    assert!(!seen.is_empty(), "{events:?}");
    // Looking changes nothing.
    studio.place.train("--out by-hand").succeeds();
    let lines = |path: &str| std::fs::read(studio.place.path(path)).unwrap();
    assert!(lines("by-hand/model.safetensors") == lines(&format!("runs/{run}/model.safetensors")));
    assert!(seen.iter().all(|event| event["picture"] == picture), "{seen:?}");
    let id = &seen.last().unwrap()["inside"];
    assert_eq!(studio.get(&format!("/api/inside/{id}/0.png")).status, 200);
    assert_eq!(studio.json(&format!("/api/inside/{id}"))["layers"][0]["name"], "conv1");
    assert_eq!(studio.post("/api/follow", json!({"picture": null})).status, 202);
}

#[test]
fn kernels_are_timed_without_the_validation() {
    let studio = Studio::new();
    // One step an epoch: behind each comes a validation, in which the same kernels run.
    let mut settings = studio.settings(60);
    settings["batch_size"] = json!(64);
    assert_eq!(studio.post("/api/train", settings).status, 202);
    studio.wait_for("end");
    assert!(!studio.events().iter().any(|event| event["type"] == "kernels"));
    // Two steps an epoch: what is timed is one of them.
    let mut settings = studio.settings(1);
    settings["batch_size"] = json!(6);
    assert_eq!(studio.post("/api/train", settings).status, 202);
    let kernels = studio.wait_for("kernels");
    let adam: u64 = kernels["kernels"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|kernel| kernel["kernel"] == "adam.step")
        .map(|kernel| kernel["passes"].as_u64().unwrap())
        .sum();
    assert_eq!(adam, 12, "a step updates twelve parameters once: {kernels}");
}

#[test]
fn a_run_of_the_command_line_is_seen_while_it_goes_on() {
    let studio = Studio::new();
    let mut command = studio.place.command(
        "train --train-dir train --test-dir test --image-size 8 --epochs 100000 --batch-size 4 --device cpu --quiet \
         --out runs/by-hand",
    );
    let mut run = command.spawn().unwrap();
    let state = |wanted: &str| {
        let start = Instant::now();
        while studio.json("/api/runs").get(0).is_none_or(|run| run["state"] != wanted) {
            assert!(start.elapsed() < PATIENCE, "never {wanted}");
        }
    };
    state("running");
    run.kill().unwrap();
    run.wait().unwrap();
    state("killed");
}
