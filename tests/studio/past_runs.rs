//! Runs that ended in every way, listed by the table, its JSON and the page; named, deleted, downloaded.

use crate::common::program::{Place, Said, files};
use crate::common::studio::{PATIENCE, Studio};
use serde_json::{Value, json};
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A run of `more` settings into runs/`name`.
fn line(name: &str, more: &str) -> String {
    format!(
        "train --train-dir train --test-dir test --image-size 8 --batch-size 4 --seed 1 --device cpu --out runs/{name} {more}"
    )
}

/// Begins a run without an end, and waits until it has made a step.
fn begin(place: &Place, name: &str) -> Child {
    let mut command = place.command(&line(name, "--epochs 100000 -q"));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while fs::read_to_string(place.path(&format!("runs/{name}/steps.jsonl"))).unwrap_or_default().is_empty() {
        assert!(start.elapsed() < PATIENCE, "{name} makes no step");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn signal(child: &mut Child, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap();
}

/// The last step in a run's file.
fn last_step(place: &Place, name: &str) -> u64 {
    let lines = place.lines(&format!("runs/{name}/steps.jsonl"));
    let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    last["step"].as_u64().unwrap()
}

fn listed(place: &Place) -> Vec<Value> {
    let said: Said = place.run("runs --json");
    serde_json::from_str(&said.succeeds().stdout).unwrap()
}

#[cfg(unix)]
#[test]
fn runs_are_listed_truly_by_table_json_and_page_however_they_ended() {
    let place = Place::new();
    place.run(&line("1-finished", "--epochs 2 --learning-rate 0.002")).succeeds();
    place.run(&line("2-diverged", "--epochs 2 --learning-rate 1e30")).fails(9, &["diverged in step"]);
    place.bash("mkdir -p three/cats three/dogs && cp train/cats/[01].png three/cats && cp train/dogs/0.png three/dogs");
    let three = "--epochs 2 --train-dir three --test-dir three --seed 77";
    place
        .run(
            &line("3-three", three)
                .replace("--train-dir train --test-dir test ", "")
                .replace("--seed 1 ", ""),
        )
        .succeeds();
    signal(&mut begin(&place, "4-stopped"), "-INT");
    signal(&mut begin(&place, "5-killed"), "-KILL");
    place.run(&line("6-some-steps", "--epochs 9 --max-steps 2")).succeeds();
    // As an earlier version leaves it: nothing says how it ended.
    place.run(&line("0-earlier", "--epochs 9 --max-steps 2")).succeeds();
    fs::remove_file(place.path("runs/0-earlier/outcome.toml")).unwrap();
    // Two at once: one of the terminal, one of the studio.
    let mut other = begin(&place, "7-goes-on");
    let studio = Studio::at(place, "");
    let of_page = studio.train(100_000).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("step");

    let place = &studio.place;
    let runs = listed(place);
    let run = |name: &str| runs.iter().find(|run| run["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    let (stopped, killed) = (last_step(place, "4-stopped"), last_step(place, "5-killed"));
    assert_eq!(runs.len(), 9);
    for (name, state, end) in [
        ("0-earlier", "ended", "ended after step 2".to_string()),
        ("1-finished", "finished", "finished".to_string()),
        ("2-diverged", "diverged", "diverged in step 2".to_string()),
        ("3-three", "finished", "finished".to_string()),
        ("4-stopped", "stopped", format!("stopped after step {stopped}")),
        ("5-killed", "killed", format!("killed after step {killed}")),
        ("6-some-steps", "finished", "finished after step 2".to_string()),
        ("7-goes-on", "running", "running".to_string()),
        (&of_page, "running", "running".to_string()),
    ] {
        assert_eq!((&run(name)["state"], &run(name)["end"]), (&json!(state), &json!(end)), "{name}");
    }
    let finished = run("1-finished");
    for (name, value) in [
        ("learning_rate", json!(0.002)),
        ("batch_size", json!(4)),
        ("seed", json!(1)),
        ("image_size", json!(8)),
        ("train_dir", json!("train")),
        ("training_pictures", json!(10)),
        ("epochs", json!(2)),
        ("epochs_done", json!(2)),
        ("model", json!(true)),
        ("reason", json!(null)),
    ] {
        assert_eq!(finished[name], value, "{name}");
    }
    let history = place.lines("runs/1-finished/history.csv");
    let accuracies: Vec<f64> =
        history[1..].iter().map(|line| line.split(',').nth(3).unwrap().parse().unwrap()).collect();
    assert_eq!(finished["val_accuracy"].as_f64(), accuracies.last().copied());
    assert_eq!(finished["best_val_accuracy"].as_f64(), accuracies.iter().copied().reduce(f64::max));
    assert!(finished["seconds"].as_f64().unwrap() > 0.0);
    assert!(run("2-diverged")["reason"].as_str().unwrap().contains("the loss is"), "the reason is kept");
    assert_eq!((&run("3-three")["training_pictures"], &run("3-three")["seed"]), (&json!(3), &json!(77)));

    // The page is told the same, but of what goes on.
    let is_over = |run: &&Value| run["state"] != "running";
    let told = studio.json("/api/runs");
    let of_page = told.as_array().unwrap();
    assert_eq!(of_page.len(), 9);
    assert!(of_page.iter().filter(is_over).eq(runs.iter().filter(is_over)));
    // And a table says it to people.
    let said = place.run("runs");
    let table = &said.succeeds().stdout;
    for words in [
        &format!("killed after step {killed}"),
        &format!("stopped after step {stopped}"),
        "diverged in step 2",
        "training diverged in step 2",
        "3 of three",
        "0.002",
        "1e30",
    ] {
        assert!(table.contains(words), "no {words:?} in:\n{table}");
    }
    assert_eq!(table.lines().filter(|line| line.contains("running")).count(), 2, "{table}");
    signal(&mut other, "-TERM");
    let ended = listed(place);
    assert_eq!(ended.iter().find(|run| run["name"] == "7-goes-on").unwrap()["state"], "stopped");
}

#[test]
fn a_run_is_named_and_its_folder_stays() {
    let studio = Studio::new();
    studio.place.train("--out runs/a").succeeds();
    let rename =
        |run: &str, title: &str| studio.post(&format!("/api/runs/{run}/rename"), json!({"title": title}));
    assert_eq!(rename("a", "  Größe 8, <b>first</b> try ").status, 204);
    assert_eq!(studio.json("/api/runs")[0]["title"], "Größe 8, <b>first</b> try");
    assert_eq!(listed(&studio.place)[0]["title"], "Größe 8, <b>first</b> try");
    assert!(studio.place.run("runs").succeeds().stdout.contains("named Größe 8, <b>first</b> try"));
    for wrong in ["two\nlines", "a bell\u{7}", &"x".repeat(81)] {
        rename("a", wrong).refuses(422, "at most 80");
    }
    rename("nothing", "x").refuses(404, "there is no run");
    assert_eq!(rename("a", "").status, 204);
    assert_eq!(studio.json("/api/runs")[0]["title"], json!(null));
    assert!(!studio.place.path("runs/a/title.txt").exists());
}

#[test]
fn deleting_touches_one_run_and_nothing_else() {
    let studio = Studio::new();
    let place = &studio.place;
    // Then a run has a list of what it passed over.
    fs::write(place.path("train/cats/empty.png"), "").unwrap();
    for name in ["runs/a", "runs/b", "runs/kept", "elsewhere"] {
        place.train(&format!("--out {name}")).succeeds();
    }
    let delete = |run: &str| studio.post(&format!("/api/runs/{run}/delete"), json!({}));
    studio.post("/api/runs/a/rename", json!({"title": "named"}));
    assert_eq!(delete("a").json(), json!({"left": []}));
    assert!(!place.path("runs/a").exists(), "nothing of a run is left");
    delete("a").refuses(404, "there is no run a");

    // What a person put there is no file of the run's.
    fs::write(place.path("runs/b/notes.txt"), "mine").unwrap();
    fs::create_dir(place.path("runs/b/more")).unwrap();
    assert_eq!(delete("b").json(), json!({"left": ["more", "notes.txt"]}));
    assert_eq!(files(&place.path("runs/b")), ["more", "notes.txt"]);
    assert!(studio.json("/api/runs").as_array().unwrap().iter().all(|run| run["name"] != "b"));

    // No name leads elsewhere.
    for name in ["..%2Felsewhere", "..", "%2E%2E", "", "kept%2F..%2Fkept", "."] {
        let answer = delete(name);
        assert!((400..500).contains(&answer.status), "{name}: {}", answer.status);
    }
    #[cfg(unix)]
    {
        let elsewhere = files(&place.path("elsewhere"));
        std::os::unix::fs::symlink("../elsewhere", place.path("runs/link")).unwrap();
        delete("link").refuses(422, "is a link");
        studio.post("/api/runs/link/rename", json!({"title": "x"})).refuses(422, "is a link");
        assert_eq!(files(&place.path("elsewhere")), elsewhere);
        // A file of a run that is a link goes; what it leads to stays.
        fs::remove_file(place.path("runs/kept/curves.svg")).unwrap();
        std::os::unix::fs::symlink("../../elsewhere/curves.svg", place.path("runs/kept/curves.svg")).unwrap();
        assert_eq!(delete("kept").status, 200);
        assert_eq!(files(&place.path("elsewhere")), elsewhere);
        assert!(!place.path("runs/kept").exists());
    }
    // Only the page asks for it.
    place.train("--out runs/last").succeeds();
    let json = "Content-Type: application/json";
    studio.post_with("/api/runs/last/delete", json, b"{}").refuses(403, "enter anew");
    assert_eq!(studio.get("/api/runs/last/delete").status, 405);
    assert!(place.path("runs/last/model.safetensors").exists());
}

#[cfg(unix)]
#[test]
fn a_run_that_goes_on_is_neither_named_nor_deleted() {
    let place = Place::new();
    let mut other = begin(&place, "of-terminal");
    let studio = Studio::at(place, "");
    let of_page = studio.train(100_000).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("step");
    for run in ["of-terminal", &of_page] {
        studio.post(&format!("/api/runs/{run}/delete"), json!({})).refuses(422, "goes on");
        studio.post(&format!("/api/runs/{run}/rename"), json!({"title": "x"})).refuses(422, "goes on");
        assert!(studio.place.path(&format!("runs/{run}/config.toml")).exists());
    }
    signal(&mut other, "-KILL");
    assert_eq!(studio.post("/api/runs/of-terminal/delete", json!({})).status, 200);
    assert!(!studio.place.path("runs/of-terminal").exists(), "a killed run goes with its lock");
    // Of a deleted run no event is told to who comes later.
    assert_eq!(studio.post("/api/stop", json!({})).status, 202);
    studio.wait_for("end");
    fs::write(studio.place.path(&format!("runs/{of_page}/notes.txt")), "mine").unwrap();
    let deleted = studio.post(&format!("/api/runs/{of_page}/delete"), json!({})).json();
    assert_eq!(deleted, json!({"left": ["notes.txt"]}));
    assert_eq!(studio.events(), [json!({"type": "reset"})]);
}

#[test]
fn a_model_is_downloaded_whole() {
    let studio = Studio::new();
    // More than is read at a time.
    let mut settings = studio.settings(1);
    settings["image_size"] = json!(32);
    let run = studio.post("/api/train", settings).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("end");
    let answer = studio.get(&format!("/api/runs/{run}/model"));
    let model = fs::read(studio.place.path(&format!("runs/{run}/model.safetensors"))).unwrap();
    assert!(model.len() > 2 << 20);
    assert_eq!(answer.status, 200);
    assert!(answer.body == model);
    let name = format!("attachment; filename=\"{run}.safetensors\"");
    assert_eq!(answer.header("content-disposition"), Some(name.as_str()));
    studio.get("/api/runs/nothing/model").refuses(404, "there is no run");
}

#[test]
fn a_prediction_names_its_run_and_epoch() {
    let studio = Studio::new();
    let run = studio.train(100_000).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("epoch");
    let picture = studio.upload(&fs::read(studio.place.path("test/dogs/1.png")).unwrap()).json();
    let told = studio.post("/api/predict", json!({"pictures": [picture["picture"]], "run": run})).json();
    assert_eq!((&told["of"]["state"], &told["of"]["epochs"]), (&json!("running"), &json!(100_000)), "{told}");
    let done = studio.json("/api/runs")[0]["epochs_done"].as_u64().unwrap();
    assert!((1..=done).contains(&told["of"]["epoch"].as_u64().unwrap()), "{told}, {done}");
}
