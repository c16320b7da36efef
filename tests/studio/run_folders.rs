//! Folders in runs/, of runs and of others: which count, in which order, and what is told of odd ones.

use crate::common::program::{Place, files};
use crate::common::studio::Studio;
use serde_json::{Value, json};
use std::fs;

fn listed(place: &Place) -> Vec<Value> {
    serde_json::from_str(&place.run("runs --json").succeeds().stdout).unwrap()
}

/// For the command line and the page it is the same one.
#[test]
fn the_newest_run_is_the_one_that_began_last() {
    let studio = Studio::new();
    let place = &studio.place;
    place.train("--out runs/zz").succeeds();
    place.train("").succeeds();
    // What has no model, and what is no run, does not count.
    fs::create_dir_all(place.path("runs/zzz")).unwrap();
    fs::copy(place.path("runs/zz/model.safetensors"), place.path("runs/zzz/model.safetensors")).unwrap();
    let names = files(&place.path("runs"));
    assert_eq!(names[1..], ["zz", "zzz"]);
    let of_page = studio.json("/api/runs");
    assert_eq!((&of_page[0]["name"], &of_page[1]["name"]), (&json!(names[0]), &json!("zz")));
    let said = place.run("predict --device cpu test/cats/0.png");
    assert!(said.succeeds().stderr.contains(&format!("Model: runs/{}/best", names[0])), "{}", said.stderr);
    let picture = studio.upload(&fs::read(place.path("test/cats/0.png")).unwrap()).json()["picture"].clone();
    let told = studio.post("/api/predict", json!({"pictures": [picture], "run": null})).json();
    assert_eq!(told["run"], json!(names[0]), "{told}");
}

/// What other programs keep in runs/ has files of the same names.
#[test]
fn what_is_no_run_of_pawgrad_is_left_alone() {
    let studio = Studio::new();
    let place = &studio.place;
    let names = ["config.toml", "history.csv", "model.safetensors", "title.txt"];
    for (folder, config) in [("foreign", "name = \"x\"\n"), ("number", "pawgrad = 1\n"), ("damaged", "= \n")]
    {
        fs::create_dir_all(place.path(&format!("runs/{folder}/weights"))).unwrap();
        for name in names {
            let text = if name == "config.toml" { config } else { "precious" };
            fs::write(place.path(&format!("runs/{folder}/{name}")), text).unwrap();
        }
    }
    let listed = listed(place);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["name"], "damaged");
    assert!(listed[0]["problem"].as_str().unwrap().contains("config.toml cannot be read"), "{listed:?}");
    for (folder, status, words) in
        [("foreign", 404, "no run"), ("number", 404, "no run"), ("damaged", 422, "may be no run of pawgrad")]
    {
        studio.post(&format!("/api/runs/{folder}/delete"), json!({})).refuses(status, words);
        studio.post(&format!("/api/runs/{folder}/rename"), json!({"title": "x"})).refuses(status, words);
        let [config, history, model, title] = names;
        assert_eq!(files(&place.path(&format!("runs/{folder}"))), [config, history, model, title, "weights"]);
        assert_eq!(place.lines(&format!("runs/{folder}/title.txt")), ["precious"]);
    }
}

#[test]
fn names_that_are_not_utf_8_are_told_and_told_apart() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    // Two sets of pictures and two runs.
    for (name, run) in [(&b"\xff"[..], &b"a\xff"[..]), (b"\xfe", b"a\xfe")] {
        let (name, run) = (OsStr::from_bytes(name), OsStr::from_bytes(run));
        fs::create_dir(place.path("sets")).unwrap();
        fs::rename(place.path("train"), place.path("sets").join(name)).unwrap();
        let mut command =
            place.command("train --test-dir test --image-size 8 --epochs 1 --batch-size 4 --device cpu -q");
        command.arg("--train-dir").arg(std::path::Path::new("sets").join(name));
        let out = std::path::Path::new("runs").join(run);
        assert!(command.arg("--out").arg(&out).output().unwrap().status.success());
        fs::rename(place.path("sets").join(name), place.path("train")).unwrap();
        fs::remove_dir(place.path("sets")).unwrap();
    }
    let runs = listed(&place);
    let told: Vec<_> = runs.iter().map(|run| (run["name"].as_str(), run["train_dir"].as_str())).collect();
    assert_eq!(told, [(Some(r"a\xfe"), Some(r"sets/\xfe")), (Some(r"a\xff"), Some(r"sets/\xff"))]);
    assert!(place.run("runs").succeeds().stdout.contains(r"a\xfe"));
    // The name means the folder.
    let studio = Studio::at(place, "");
    assert_eq!(studio.json("/api/runs/a%5Cxfe")["name"], r"a\xfe");
    let deleted = studio.post("/api/runs/a%5Cxfe/delete", json!({}));
    assert_eq!(deleted.json(), json!({"left": []}));
    assert_eq!(listed(&studio.place).len(), 1);
}

#[test]
fn numbers_that_no_run_writes_are_not_told() {
    let place = Place::new();
    place.train("--out runs/good").succeeds();
    let outcome = fs::read_to_string(place.path("runs/good/outcome.toml")).unwrap();
    let history = "epoch,accuracy,loss,val_accuracy,val_loss,images_per_second,seconds\n";
    let of = |index: usize| {
        format!(
            "{history}1,0.5,0.5,0.5,0.5,9,1\n2,-5e300,1,{},1,9,-1e300\n",
            ["-5e300", "inf", "nan", "2"][index]
        )
    };
    for (index, seconds) in ["-1e300", "inf", "nan", "-0.5"].iter().enumerate() {
        let name = format!("runs/odd-{index}");
        place.bash(&format!("cp -r runs/good {name}")).succeeds();
        let line = |line: &str| match line.starts_with("seconds") {
            true => format!("seconds = {seconds}\n"),
            false => format!("{line}\n"),
        };
        fs::write(place.path(&format!("{name}/outcome.toml")), outcome.lines().map(line).collect::<String>())
            .unwrap();
        fs::write(place.path(&format!("{name}/history.csv")), of(index)).unwrap();
    }
    // It ended after all its epochs, whatever its history says.
    place
        .bash("cp -r runs/good runs/unread; rm runs/unread/history.csv; mkdir runs/unread/history.csv")
        .succeeds();
    for run in listed(&place) {
        assert_eq!((&run["state"], &run["end"]), (&json!("finished"), &json!("finished")), "{run}");
        assert!((0.0..60.0).contains(&run["seconds"].as_f64().unwrap()), "{run}");
        if run["name"].as_str().unwrap().starts_with("odd") {
            assert_eq!(
                (&run["val_accuracy"], &run["best_val_accuracy"]),
                (&json!(0.5), &json!(0.5)),
                "{run}"
            );
        }
    }
    assert!(place.run("runs").succeeds().stdout.lines().all(|line| line.len() < 200));
}

#[test]
fn runs_that_cannot_be_listed_are_an_error() {
    let place = Place::new();
    assert!(place.run("runs").succeeds().stdout.contains("No run in runs/ yet"));
    assert_eq!(place.run("runs --json").succeeds().stdout, "[]\n");
    fs::write(place.path("runs"), "").unwrap();
    for line in ["runs", "runs --json", "predict --device cpu test/cats/0.png"] {
        place.run(line).fails(1, &["runs/ cannot be listed"]);
    }
    let studio = Studio::at(place, "");
    assert_eq!(studio.get("/api/runs").status, 500);
}
