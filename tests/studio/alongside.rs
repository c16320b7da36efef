//! What goes on beside a run: predictions that hang, another server, somebody who deletes folders. The run goes on, and
//! whoever asks is answered.

use crate::common::program::Place;
use crate::common::studio::{Answer, Studio, spawn, start};
use crate::pressure::{answer_times, is_the_run_by_hand};
use serde_json::{Value, json};
use std::io::{BufReader, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A server that waits half a minute for each part of one file, as on a disk that hangs.
fn where_a_file_hangs(place: Place, file: &str) -> Studio {
    where_calls_hang(place, file, "read", 30)
}

/// A server for which a call with one file or folder takes so many seconds.
fn where_calls_hang(place: Place, file: &str, call: &str, seconds: u64) -> Studio {
    let path = place.path(file).canonicalize().unwrap();
    let mut command = Command::new("strace");
    // Not the server is strace's child, but the other way round: so its id is known, and it can be ended.
    command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-P"]).arg(path);
    let inject = format!("inject={call}:delay_enter={seconds}s");
    command.args(["-e", &format!("trace={call}"), "-e", &inject]);
    command.args([env!("CARGO_BIN_EXE_pawgrad"), "serve", "--port", "0"]);
    command.current_dir(place.path("")).env("XDG_CACHE_HOME", place.path("cache"));
    let (server, address) = spawn(&mut command);
    Studio::of(place, server, address)
}

#[test]
fn predictions_that_hang_hold_up_nothing_else() {
    let place = Place::new();
    place.train("--out runs/slow").succeeds();
    let studio = where_a_file_hangs(place, "runs/slow/best.safetensors");
    studio.post("/api/folders", json!({"path": "train"}));
    let picture = studio.post("/api/pictures", json!({"folder": 1, "index": 0})).json()["picture"].clone();
    studio.get("/api/state"); // devices are looked for once
    let body = json!({"pictures": [picture], "run": "slow"}).to_string();
    let mut waiting = studio.connect();
    let head = format!(
        "POST /api/predict HTTP/1.1\nHost: 127.0.0.1:{}\nContent-Length: {}\nContent-Type: application/json\n\
         X-Pawgrad-Token: {}{}\n\n",
        studio.port,
        body.len(),
        studio.token,
        studio.cookie
    );
    waiting.write_all(format!("{}{body}", head.replace('\n', "\r\n")).as_bytes()).unwrap();
    let begun = Instant::now();
    let thread = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", studio.id())).unwrap().flatten();
        let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
        tasks.filter_map(|task| name(task).ok()).any(|name| name.trim() == "predictions")
    };
    while !thread() {
        assert!(begun.elapsed() < Duration::from_secs(20), "nothing is predicted");
    }
    let run = studio.train(20).json()["run"].as_str().unwrap().to_string();
    let (median, longest) = answer_times(&studio);
    println!("answers while predictions hang, in ms: {median:.1}, at most {longest:.1}");
    // Another test may have the processor just now: the median is what counts.
    assert!(median < 100.0 && longest < 5000.0, "{median} {longest}");
    studio.wait_for("step");
    for path in ["/api/runs", &format!("/api/runs/{run}"), "/api/folders/1/0.png"] {
        let asked = Instant::now();
        assert_eq!(studio.get(path).status, 200, "{path}");
        assert!(asked.elapsed() < Duration::from_secs(5), "{path}: {:?}", asked.elapsed());
    }
    assert_eq!(studio.wait_for("end")["end"], "finished");
    // All this time the prediction hung.
    waiting.set_nonblocking(true).unwrap();
    let answer = waiting.peek(&mut [0]).map_err(|why| why.kind());
    assert_eq!(answer, Err(std::io::ErrorKind::WouldBlock), "after {:?}", begun.elapsed());
    is_the_run_by_hand(&studio, &run, 20);
}

/// Whoever asks for what is in runs/ waits for it, and nobody else does.
#[test]
fn a_folder_of_runs_that_hangs_holds_up_nobody_else() {
    let place = Place::new();
    place.train("--out runs/slow").succeeds();
    let studio = where_calls_hang(place, "runs", "getdents64", 3);
    studio.post("/api/folders", json!({"path": "train"}));
    let picture = studio.post("/api/pictures", json!({"folder": 1, "index": 0})).json()["picture"].clone();
    studio.get("/api/state"); // devices are looked for once
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let hangs = scope.spawn(|| {
            let begun = Instant::now();
            let body = json!({"pictures": [picture], "run": "slow"});
            assert_eq!(studio.post("/api/predict", body).status, 200);
            assert_eq!(studio.get("/api/runs/slow/mistakes").status, 200);
            assert_eq!(studio.post("/api/inside", json!({"picture": picture, "run": null})).status, 200);
            assert_eq!(studio.train(1).status, 202);
            done.store(true, Relaxed);
            begun.elapsed()
        });
        let mut longest = Duration::ZERO;
        while !done.load(Relaxed) && !hangs.is_finished() {
            let asked = Instant::now();
            assert_eq!(studio.get("/api/events/poll?after=x").status, 200);
            longest = longest.max(asked.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        let all = hangs.join().unwrap();
        println!("beside {all:.1?} of waiting an answer takes at most {longest:.1?}");
        assert!(all > Duration::from_secs(12), "each of the four waits: {all:?}");
        assert!(longest < Duration::from_millis(2500), "{longest:?}");
    });
    assert_eq!(studio.wait_for("end")["end"], "finished");
}

/// It says that it is empty, and has no end.
#[test]
fn steps_without_end_are_not_waited_for() {
    let studio = Studio::new();
    std::fs::create_dir_all(studio.place.path("runs/odd")).unwrap();
    std::fs::write(studio.place.path("runs/odd/config.toml"), "pawgrad = \"0.1.0\"\nepochs = 1\n").unwrap();
    std::os::unix::fs::symlink("/proc/kmsg", studio.place.path("runs/odd/steps.jsonl")).unwrap();
    let mut asked = studio.connect();
    asked.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!(
        "GET /api/runs/odd HTTP/1.1\nHost: 127.0.0.1:{}\nConnection: close{}\n\n",
        studio.port, studio.cookie
    );
    asked.write_all(head.replace('\n', "\r\n").as_bytes()).unwrap();
    let answer = Answer::read(&mut BufReader::new(asked));
    assert_eq!((answer.status, &answer.json()["steps"]["step"]), (200, &json!([])), "{}", answer.text());
}

#[test]
fn two_servers_train_in_one_folder() {
    let first = Studio::new();
    let (server, address) = start(&first.place, "");
    // Only this server's address counts; it is at home in the first one's folder.
    let second = Studio::of(Place::new(), server, address);
    let runs = [&first, &second].map(|studio| {
        let started = studio.train(100);
        assert_eq!(started.status, 202, "{}", started.text());
        started.json()["run"].as_str().unwrap().to_string()
    });
    assert_ne!(runs[0], runs[1]);
    // A third one at a port that is taken says so, and the others go on.
    let program = env!("CARGO_BIN_EXE_pawgrad");
    let third = first.place.bash(&format!("timeout 20 '{program}' serve --port {}", second.port));
    third.fails(1, &[&format!("127.0.0.1:{} cannot be served", second.port), "--port"]);
    // Both, before either is asked: each lists the other's run too.
    for studio in [&first, &second] {
        assert_eq!(studio.wait_for("end")["end"], "finished");
    }
    for studio in [&first, &second] {
        let listed = studio.json("/api/runs");
        let finished = |run: &&Value| run["state"] == "finished" && run["model"] == true;
        assert_eq!(listed.as_array().unwrap().iter().filter(finished).count(), 2, "{listed}");
    }
    is_the_run_by_hand(&first, &runs[0], 100);
    let model =
        |run: &str| std::fs::read(first.place.path(&format!("runs/{run}/model.safetensors"))).unwrap();
    assert!(model(&runs[0]) == model(&runs[1]), "each as if it were alone");
}

/// Deletes a folder into which a run may be writing.
fn delete(studio: &Studio, run: &str) {
    let folder = studio.place.path(&format!("runs/{run}"));
    let begun = Instant::now();
    while folder.exists() {
        let _ = std::fs::remove_dir_all(&folder);
        assert!(begun.elapsed() < Duration::from_secs(20), "{folder:?} cannot be deleted");
    }
}

/// What is answered of a run whose folder is gone.
fn is_gone(studio: &Studio, run: &str, picture: &Value) {
    let listed = studio.json("/api/runs");
    assert!(listed.as_array().unwrap().iter().all(|row| row["name"] != run), "{listed}");
    studio.get(&format!("/api/runs/{run}")).refuses(404, run);
    studio.get(&format!("/api/runs/{run}/mistakes")).refuses(404, run);
    let predict = |run: Value| studio.post("/api/predict", json!({"pictures": [picture], "run": run}));
    predict(json!(run)).refuses(404, run);
    predict(json!(null)).refuses(404, "no model yet");
    studio.post("/api/inside", json!({"picture": picture, "run": run})).refuses(404, run);
}

#[test]
fn a_run_whose_folder_is_deleted_is_gone_and_the_server_goes_on() {
    let studio = Studio::new();
    studio.post("/api/folders", json!({"path": "train"}));
    let picture = studio.post("/api/pictures", json!({"folder": 1, "index": 0})).json()["picture"].clone();
    let run = studio.train(2).json()["run"].as_str().unwrap().to_string();
    assert_eq!(studio.wait_for("end")["end"], "finished");
    // Its model was used, and is still kept by the thread of predictions.
    assert_eq!(studio.post("/api/predict", json!({"pictures": [picture], "run": run})).status, 200);
    assert_eq!(studio.get(&format!("/api/runs/{run}/mistakes")).status, 200);
    delete(&studio, &run);
    is_gone(&studio, &run, &picture);

    // While its run goes on.
    let run = studio.train(100_000).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("epoch");
    delete(&studio, &run);
    is_gone(&studio, &run, &picture);
    let end = studio.wait_for("end");
    assert_eq!(end["end"], "failed", "{end}");
    assert!(end["error"].as_str().unwrap().contains("cannot be written"), "{end}");
    assert_eq!(studio.train(1).status, 202);
    assert_eq!(studio.wait_for("end")["end"], "finished");
    assert_eq!(studio.json("/api/runs").as_array().unwrap().len(), 1);
}
