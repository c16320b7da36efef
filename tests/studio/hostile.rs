//! Bodies, files and machines that are not as they should be: what is wrong is said, and everything else goes on.

use crate::common::program::Place;
use crate::common::studio::{Studio, spawn};
use crate::pressure::{Line, is_the_run_by_hand};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

/// Numbers that look like chance, and are always the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % most
    }
}

/// A body that was right, and is so no more.
fn damaged(chance: &mut Chance, right: &str) -> Vec<u8> {
    let mut body = right.as_bytes().to_vec();
    let at = chance.below(body.len());
    match chance.below(10) {
        0 => body.truncate(at),
        1 => body[at] ^= 1 << chance.below(8),
        2 => body[at] = chance.below(256) as u8,
        3 => drop(body.remove(at)),
        4 => body.splice(at..at, *b"[[[[[[[[[[[[[[[[[[[[{\"a\":").for_each(drop),
        5 => body = "[".repeat(chance.below(100_000)).into_bytes(),
        6 => body = right.replace(|c: char| c.is_ascii_digit(), "9999999999999999999999").into_bytes(),
        7 => body = right.replace("train", "../../../../../../proc/self/fd").into_bytes(),
        8 => body = right.replace('"', "\u{0}").into_bytes(),
        _ => body = (0..chance.below(2000)).map(|_| chance.below(256) as u8).collect(),
    }
    body
}

#[test]
fn sixteen_thousand_malformed_bodies_break_nothing() {
    let studio = Studio::new();
    let run = studio.train(200).json()["run"].as_str().unwrap().to_string();
    let right = [
        ("/api/train", studio.settings(1).to_string()),
        ("/api/follow", json!({"picture": 1, "every": 10}).to_string()),
        ("/api/folders", json!({"path": "train"}).to_string()),
        ("/api/folders/1/check", json!({"image_size": 16}).to_string()),
        ("/api/pictures", json!({"path": "train/cats/0.png"}).to_string()),
        ("/api/pictures", json!({"folder": 1, "index": 0}).to_string()),
        ("/api/predict", json!({"pictures": [1, 2], "run": null}).to_string()),
        ("/api/inside", json!({"picture": 1, "run": null, "device": "cpu"}).to_string()),
        ("/api/inside/1/heat", json!({"class": 1}).to_string()),
    ];
    let (mut chance, mut line) = (Chance(11), Line::open(&studio));
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    let start = Instant::now();
    for _ in 0..16_000 {
        let (path, body) = &right[chance.below(right.len())];
        let body = damaged(&mut chance, body);
        let answer = line.post(&studio, path, "application/json", &body);
        *statuses.entry(answer.status).or_default() += 1;
        let said = String::from_utf8_lossy(&body);
        assert!((200..500).contains(&answer.status), "{path} {said:.200}: {}", answer.text());
    }
    println!("16,000 bodies in {:?}: {statuses:?}", start.elapsed());
    assert_eq!(studio.wait_for("end")["end"], "finished");
    let state = studio.json("/api/state");
    assert!(state["training"] == json!(null) || state["training"] != json!(run));
    is_the_run_by_hand(&studio, &run, 200);
}

#[test]
fn odd_files_spoil_one_row_and_not_the_list() {
    let studio = Studio::new();
    let place = &studio.place;
    place.train("--out runs/good").succeeds();
    let script = "cd runs; for name in pipe pipes large bytes folder half; do mkdir $name; cp good/config.toml good/*.csv \
         good/steps.jsonl $name/; done; rm pipe/history.csv; mkfifo pipe/history.csv; \
         rm pipes/history.csv pipes/steps.jsonl; mkfifo pipes/history.csv pipes/steps.jsonl pipes/running.lock; \
         yes 0.5,0.5,0.5,0.5 | head -c 5000000 >> large/history.csv; head -c 100000 /dev/urandom > bytes/history.csv; \
         head -c 20000000 /dev/zero > bytes/steps.jsonl; rm folder/history.csv; mkdir folder/history.csv; \
         echo 'epoch,val_loss\n1,1e999,,,,\n\n,,,\nx' > half/history.csv; echo '{\"step\":1}{' >> half/steps.jsonl; \
         mkdir none; mkfifo none/config.toml; mkdir zero; ln -s /dev/zero zero/config.toml; mkdir other; echo '=' > other/config.toml";
    place.bash(script).succeeds();
    let start = Instant::now();
    let rows = studio.json("/api/runs");
    let row = |name: &str| rows.as_array().unwrap().iter().find(|row| row["name"] == name).cloned();
    let good = row("good").unwrap();
    assert_eq!((&good["epochs_done"], &good["problem"]), (&json!(2), &json!(null)), "{good}");
    for name in ["pipe", "pipes", "large", "bytes", "folder"] {
        let problem = row(name).unwrap()["problem"].as_str().unwrap_or_default().to_string();
        assert!(problem.contains("history.csv cannot be read"), "{name}: {problem}");
    }
    assert!(row("half").is_some() && row("other").is_some());
    assert!(row("none").is_none() && row("zero").is_none(), "these are no runs");
    for name in ["pipe", "pipes", "large", "bytes", "folder", "half", "other"] {
        let shown = studio.json(&format!("/api/runs/{name}"));
        let steps = if ["pipe", "large", "folder", "half"].contains(&name) { 6 } else { 0 };
        assert_eq!(shown["steps"]["step"].as_array().unwrap().len(), steps, "{name}");
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(studio.train(1).status, 202);
    assert_eq!(studio.wait_for("end")["end"], "finished");
}

#[test]
fn of_a_long_run_every_few_steps_are_shown() {
    let studio = Studio::new();
    studio.place.train("--out runs/long").succeeds();
    let line = |step: usize| {
        format!(
            "{{\"step\":{step},\"epoch\":0,\"loss\":0.5,\"accuracy\":0.5,\"images\":4,\"seconds\":0.001}}\n"
        )
    };
    let path = studio.place.path("runs/long/steps.jsonl");
    std::fs::write(path, (1..=100_000).map(line).collect::<String>()).unwrap();
    let steps = studio.json("/api/runs/long")["steps"].clone();
    let shown = steps["step"].as_array().unwrap();
    assert!((10_000..=20_000).contains(&shown.len()), "{}", shown.len());
    let stride = shown[1].as_u64().unwrap() - 1;
    assert!(shown.windows(2).all(|two| two[1].as_u64().unwrap() - two[0].as_u64().unwrap() == stride));
    assert_eq!(steps["loss"].as_array().unwrap().len(), shown.len());
}

/// How much address space a process has, in bytes.
fn address_space(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmSize:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

fn limit(studio: &Studio, bytes: &str) {
    let id = studio.id().to_string();
    let option = format!("--as={bytes}:unlimited");
    assert!(Command::new("prlimit").args(["--pid", &id, &option]).status().unwrap().success());
}

#[test]
fn a_thread_that_cannot_start_is_an_error() {
    let place = Place::new();
    place.train("--out runs/by-hand").succeeds();
    let studio = Studio::at(place, "");
    studio.post("/api/folders", json!({"path": "train"}));
    let picture = studio.post("/api/pictures", json!({"folder": 1, "index": 0})).json()["picture"].clone();
    let predict = || studio.post("/api/predict", json!({"pictures": [picture], "run": null}));
    // A stack, of 2 MiB, does not fit any more, and little else has to. (No thread has ended yet, so there is none to be used again.)
    limit(&studio, &(address_space(studio.id()) + (1900 << 10)).to_string());
    predict().refuses(503, "thread");
    studio.train(1).refuses(503, "thread");
    studio.post("/api/stop", json!({})).refuses(409, "no run");
    limit(&studio, "unlimited");
    assert_eq!(predict().status, 200);
    assert_eq!(studio.train(1).status, 202);
    assert_eq!(studio.wait_for("end")["end"], "finished");
    assert_eq!(
        studio.json("/api/runs").as_array().unwrap().len(),
        2,
        "nothing is left of the run that was not"
    );
}

/// Whatever the form allows trains, or is refused with the numbers, on a machine of 2 GiB.
#[test]
fn no_size_that_the_form_allows_ends_the_server() {
    let studio = Studio::limited("-v $((2 << 20))");
    // Of few pictures every batch would be as small.
    link(&studio.place, "few", 40);
    link(&studio.place, "many", 4200);
    let fields = studio.json("/api/state")["fields"].clone();
    let most = |name: &str| -> Value {
        fields.as_array().unwrap().iter().find(|field| field["name"] == name).unwrap()["max"].clone()
    };
    let sizes =
        [json!(8), json!(33), json!(64), json!(150), json!(256), json!(400), json!(1024), most("image_size")];
    for size in sizes {
        for batch in [json!(1), json!(32), most("batch_size")] {
            let mut settings = studio.settings(1000);
            (settings["image_size"], settings["batch_size"]) = (size.clone(), batch.clone());
            // In between, one step of the largest batch takes 15 seconds to minutes.
            let is_short = !(32..400).contains(&size.as_u64().unwrap());
            settings["train_dir"] =
                json!(if batch == most("batch_size") && is_short { "many" } else { "few" });
            let started = studio.post("/api/train", settings);
            assert_eq!(started.status, 202, "{size} {batch}: {}", started.text());
            let begun = Instant::now();
            let last = loop {
                let events = studio.events();
                let found = events.iter().find(|event| event["type"] == "end" || event["type"] == "step");
                if let Some(found) = found {
                    break found.clone();
                }
                assert!(begun.elapsed() < Duration::from_secs(120), "{size} {batch}: {events:?}");
                std::thread::sleep(Duration::from_millis(20));
            };
            println!("{size}, batch {batch}: {} after {:?}", last["type"], begun.elapsed());
            if last["type"] == "step" {
                assert_eq!(studio.post("/api/stop", json!({})).status, 202);
                assert_eq!(studio.wait_for("end")["end"], "stopped", "{size} {batch}");
            } else {
                let why = last["error"].as_str().unwrap_or_default();
                assert!(
                    last["end"] == "failed" && (why.contains("MiB") || why.contains("bytes")),
                    "{size} {batch}: {last}"
                );
            }
        }
    }
    // The largest that was trained is used as well.
    studio.post("/api/folders", json!({"path": "train"}));
    let named = |index: usize| {
        studio.post("/api/pictures", json!({"folder": 1, "index": index})).json()["picture"].clone()
    };
    let pictures: Vec<Value> = (0..10).map(named).collect();
    for run in studio.json("/api/runs").as_array().unwrap().iter().filter(|run| run["model"] == true) {
        let many: Vec<_> = pictures.iter().cycle().take(40).collect();
        let predicted = studio.post("/api/predict", json!({"pictures": many, "run": run["name"]}));
        let seen = studio.post("/api/inside", json!({"picture": pictures[0], "run": run["name"]}));
        for answer in [predicted, seen] {
            // What does not fit is said with its numbers, and nothing else may go wrong.
            if answer.status != 200 {
                answer.refuses(500, "MiB");
            }
        }
    }
    assert_eq!(studio.train(1).status, 202);
    assert_eq!(studio.wait_for("end")["end"], "finished");
}

/// One heap for all threads: with one for each, 64 MiB of addresses, what is free depends on how many threads there are.
fn with_one_heap(place: Place) -> Studio {
    let (server, address) = spawn(place.command("serve --port 0").env("MALLOC_ARENA_MAX", "1"));
    Studio::of(place, server, address)
}

/// More pictures in one class of a folder: each is there once on the disk.
fn link(place: &Place, folder: &str, count: usize) {
    for class in ["cats", "dogs"] {
        std::fs::create_dir_all(place.path(&format!("{folder}/{class}"))).unwrap();
    }
    for number in 0..count {
        let class = ["cats", "dogs"][number % 2];
        let link = place.path(&format!("{folder}/{class}/{number}.png"));
        std::fs::hard_link(place.path(&format!("test/{class}/0.png")), link).unwrap();
    }
}

/// A picture that is followed takes more than the run: the run goes on, and where there is memory again, so does the other.
#[test]
fn a_look_that_memory_does_not_take_ends_no_run() {
    let place = Place::new();
    link(&place, "many", 2000);
    let studio = with_one_heap(place);
    studio.post("/api/folders", json!({"path": "many"}));
    let picture = studio.post("/api/pictures", json!({"folder": 1, "index": 0})).json()["picture"].clone();
    let _watched = studio.stream("");
    let mut settings = studio.settings(1);
    // One long epoch: nothing is saved meanwhile, which would take memory for a moment.
    (settings["train_dir"], settings["image_size"], settings["batch_size"]) =
        (json!("many"), json!(128), json!(1));
    assert_eq!(studio.post("/api/train", settings).status, 202);
    studio.wait_for("step");
    let wait = |what: &dyn Fn(&Value) -> bool| {
        let begun = Instant::now();
        while !studio.events().iter().any(what) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", studio.events().last());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let follow = || studio.post("/api/follow", json!({"picture": picture, "every": 1}));
    // Layers of 16 MiB, three times.
    limit(&studio, &(address_space(studio.id()) + (80 << 20)).to_string());
    assert_eq!(follow().status, 202);
    wait(&|event| {
        let text = event["text"].as_str().unwrap_or_default();
        text.starts_with("The picture is not followed: looking inside takes about") && text.contains("MiB")
    });
    limit(&studio, "unlimited");
    assert_eq!(follow().status, 202);
    wait(&|event| event["type"] == "maps");
    assert_eq!(studio.post("/api/stop", json!({})).status, 202);
    let end = studio.wait_for("end");
    assert_eq!(end["end"], "stopped", "{end}");
}

#[test]
fn an_upload_that_memory_does_not_take_is_refused() {
    let studio = with_one_heap(Place::new());
    let large = vec![0; 15 << 20];
    studio.upload(&[0; 1000]).refuses(422, "picture");
    limit(&studio, &(address_space(studio.id()) + (5 << 20)).to_string());
    studio.upload(&large).refuses(503, "MiB");
    limit(&studio, "unlimited");
    studio.upload(&large).refuses(422, "picture");
}

#[test]
fn where_not_all_threads_can_start_every_run_trains() {
    let studio = Studio::limited("-v $((1 << 20)); export RAYON_NUM_THREADS=4000");
    let devices = studio.json("/api/state")["devices"].clone();
    assert!(devices.as_array().unwrap().iter().any(|device| device["value"] == "cpu"), "{devices}");
    for _ in 0..2 {
        assert_eq!(studio.train(1).status, 202);
        assert_eq!(studio.wait_for("end")["end"], "finished");
    }
}

/// A picture more at a time, or a look at all layers, would end a server that has little memory.
#[test]
fn where_memory_is_short_less_is_done_at_a_time() {
    let place = Place::new();
    let line = "train --train-dir train --test-dir test --image-size 256 --epochs 1 --batch-size 4 --device cpu --quiet";
    place.run(&format!("{line} --out runs/large")).succeeds();
    let studio = with_one_heap(place);
    studio.post("/api/folders", json!({"path": "train"}));
    let picture = studio.post("/api/pictures", json!({"folder": 1, "index": 0})).json()["picture"].clone();
    let predict = |count: usize| {
        studio.post("/api/predict", json!({"pictures": vec![picture.clone(); count], "run": null}))
    };
    assert_eq!(predict(1).status, 200);
    let leave = |mib: u64| limit(&studio, &(address_space(studio.id()) + (mib << 20)).to_string());
    leave(150);
    assert_eq!(predict(32).status, 200, "one after the other");
    studio.post("/api/inside", json!({"picture": picture, "run": null})).refuses(500, "MiB");
    limit(&studio, "unlimited");
    let seen = studio.post("/api/inside", json!({"picture": picture, "run": null}));
    assert_eq!(seen.status, 200);
    let maps = format!("/api/inside/{}/0.png", seen.json()["inside"]);
    leave(60);
    studio.get(&maps).refuses(500, "MiB");
    limit(&studio, "unlimited");
    assert_eq!(studio.get(&maps).status, 200);
    // A run gets what the model takes that is kept for the next prediction. By itself it would lack 44 MiB and more.
    leave(20);
    assert_eq!(studio.train(1).status, 202);
    let end = studio.wait_for("end");
    assert_eq!(end["end"], "finished", "{end}");
}
