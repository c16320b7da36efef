//! A studio that gets bodies, each of them with the path to which it goes.

use super::common::program::Place;
use super::common::studio::{Studio, spawn};
use super::mutate::{any, any_json};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

/// Most memory of the server, in KiB.
const MEMORY: u64 = 2 << 20;
/// After so many bodies runs are ended, and their folders deleted: a disk is not full of them in the end.
const CLEANED: usize = 500;

pub struct Target {
    studio: Studio,
    /// Right bodies.
    right: Vec<(&'static str, Value)>,
    picture: Vec<u8>,
    /// How often each status was the answer.
    statuses: RefCell<BTreeMap<u16, usize>>,
}

impl Target {
    pub fn new() -> Target {
        let place = Place::new();
        place.train("--out runs/by-hand").succeeds();
        let program = env!("CARGO_BIN_EXE_pawgrad");
        let mut command = Command::new("bash");
        // Without a token: wrong ones are slow. What is asked of memory beyond the limit, the server must survive.
        let script = format!("ulimit -v {MEMORY}; exec '{program}' serve --port 0 --no-token 2>said");
        command.args(["-c", &script]).current_dir(place.path("")).env("XDG_CACHE_HOME", place.path("cache"));
        // One heap, where threads of the system's allocator would have several: what is free in one is not used by another,
        // and the sum grows for a while though nothing is kept.
        command.env("MALLOC_ARENA_MAX", "1");
        let (server, address) = spawn(&mut command);
        let studio = Studio::of(place, server, address);
        let picture = std::fs::read(studio.place.path("train/cats/0.png")).unwrap();
        let right = vec![
            ("/api/enter", json!({"token": ""})),
            (
                "/api/train",
                json!({
                    "train_dir": "train", "test_dir": "test", "learning_rate": 0.001, "epochs": 2, "batch_size": 4,
                    "image_size": 8, "color": "rgb", "network": "small", "class_weights": "auto", "dropout": 0.5, "seed": 1,
                    "device": "cpu",
                }),
            ),
            ("/api/stop", json!({})),
            ("/api/follow", json!({"picture": 1, "every": 10})),
            ("/api/folders", json!({"path": "train"})),
            ("/api/folders/1/check", json!({"image_size": 16})),
            ("/api/pictures", json!({"path": "train/cats/0.png"})),
            ("/api/pictures", json!({"folder": 1, "index": 0})),
            ("/api/predict", json!({"pictures": [1, 2], "run": "by-hand"})),
            ("/api/inside", json!({"picture": 1, "run": "by-hand", "device": "cpu"})),
            ("/api/inside/1/heat", json!({"class": 1})),
        ];
        let target = Target { studio, right, picture, statuses: RefCell::default() };
        target.is_right();
        target
    }

    /// What all bodies are made of is taken as it is.
    fn is_right(&self) {
        for path in ["/api/folders", "/api/pictures"] {
            for (_, body) in self.right.iter().filter(|(known, _)| *known == path) {
                assert_eq!(self.studio.post(path, body.clone()).status, 200, "{path} {body}");
            }
        }
        for (path, body) in self.right.iter().filter(|(path, _)| *path != "/api/stop") {
            let answer = self.studio.post(path, body.clone());
            assert!([200, 202].contains(&answer.status), "{path} {body}: {}", answer.text());
        }
        assert_eq!(self.studio.wait_for("end")["end"], "finished");
        self.studio.post("/api/stop", json!({})).refuses(409, "no run");
    }

    /// A path, a line end, and a body that was right.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let place = rng.random_range(0..self.right.len() + 1);
        let (path, body) = match self.right.get(place) {
            None => ("upload", any(&self.picture, rng)),
            Some((path, body)) if rng.random() => (*path, any(body.to_string().as_bytes(), rng)),
            Some((path, body)) => (*path, any_json(body, rng).into_bytes()),
        };
        [path.as_bytes(), b"\n", &body].concat()
    }

    /// Sends it. Whatever it is, the server says what is wrong with it and lives.
    pub fn test(&self, input: &[u8]) {
        let end = input.iter().position(|&byte| byte == b'\n').expect("a path, a line end and a body");
        let (path, body) = (std::str::from_utf8(&input[..end]).unwrap(), &input[end + 1..]);
        let answer = match path {
            "upload" => self.studio.upload(body),
            _ => {
                let headers =
                    format!("Content-Type: application/json\nX-Pawgrad-Token: {}", self.studio.token);
                self.studio.post_with(path, &headers, body)
            }
        };
        let said = answer.text();
        match answer.status {
            200..300 => {}
            400..500 => drop(answer.json()["error"].as_str().expect("an error says why")),
            // There is little memory.
            500 => answer.refuses(500, "MiB"),
            503 => answer.refuses(503, "thread"),
            other => panic!("{path}: {other} {said}"),
        }
        *self.statuses.borrow_mut().entry(answer.status).or_default() += 1;
        if self.statuses.borrow().values().sum::<usize>() % CLEANED == 0 {
            self.clean();
        }
    }

    /// Ends what was begun. The server still trains, predicts and has not grown.
    pub fn clean(&self) {
        let began = Instant::now();
        while self.studio.json("/api/state")["training"] != Value::Null {
            self.studio.post("/api/stop", json!({}));
            assert!(began.elapsed() < Duration::from_secs(60), "a run does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        for run in std::fs::read_dir(self.studio.place.path("runs")).unwrap() {
            let run = run.unwrap();
            if run.file_name() != "by-hand" {
                std::fs::remove_dir_all(run.path()).unwrap();
            }
        }
        for (path, body) in [&self.right[4], &self.right[6]] {
            assert_eq!(self.studio.post(path, body.clone()).status, 200, "{path}");
        }
        assert_eq!(self.studio.train(1).status, 202);
        assert_eq!(self.studio.wait_for("end")["end"], "finished");
    }

    /// How often each status was the answer.
    pub fn statuses(&self) -> String {
        format!("{:?}", self.statuses.borrow())
    }

    /// What the server has in memory, in MiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.studio.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = std::fs::read_to_string(self.studio.place.path("said")).unwrap_or_default();
            eprintln!("answers: {}; the server said: {said}", self.statuses());
        }
    }
}
