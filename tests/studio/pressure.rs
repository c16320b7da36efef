//! Many visitors, idle ones and slow ones: a run goes on bit for bit, and whoever knows the token is answered.

use crate::common::program::Place;
use crate::common::studio::{Answer, PATIENCE, Studio};
use serde_json::json;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

/// Lets this process have as many sockets as its tests open.
fn more_descriptors() {
    let id = std::process::id().to_string();
    let done = Command::new("prlimit").args(["--pid", &id, "--nofile=8192:"]).status();
    assert!(done.expect("prlimit is there (util-linux)").success(), "8192 files may be open");
}

/// Whether the model of a run is the one of the same run by hand.
pub fn is_the_run_by_hand(studio: &Studio, run: &str, epochs: usize) {
    let line =
        "train --train-dir train --test-dir test --image-size 8 --batch-size 4 --seed 1 --device cpu --quiet";
    studio.place.run(&format!("{line} --epochs {epochs} --out by-hand")).succeeds();
    let model = |path: &str| std::fs::read(studio.place.path(path)).unwrap();
    assert!(
        model("by-hand/model.safetensors") == model(&format!("runs/{run}/model.safetensors")),
        "visitors change nothing"
    );
}

/// How long answers take, in ms: the median and the longest.
pub fn answer_times(studio: &Studio) -> (f64, f64) {
    let mut times: Vec<f64> = (0..40)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(studio.get("/api/events/poll?after=x").status, 200);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[20], times[39])
}

#[test]
fn idle_and_slow_visitors_hold_nobody_up() {
    more_descriptors();
    let studio = Studio::new();
    assert_eq!(studio.get("/api/state").status, 200, "devices are looked for once");
    let run = studio.train(500).json()["run"].as_str().unwrap().to_string();
    let before = answer_times(&studio);
    let idle: Vec<TcpStream> = (0..1100)
        .map(|i| {
            let mut stream = studio.connect();
            // Half of them begin a request and never end it.
            if i % 2 == 0 {
                let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost:");
            }
            stream
        })
        .collect();
    let with_idle = answer_times(&studio);
    // These know the token, and send bodies byte by byte.
    let mut slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = studio.connect();
            let head = format!(
                "POST /api/pictures HTTP/1.1\nHost: 127.0.0.1:{}\nContent-Length: 1000\nX-Pawgrad-Token: {}\n\
                 Content-Type: application/octet-stream{}\n\n",
                studio.port, studio.token, studio.cookie
            );
            stream.write_all(head.replace('\n', "\r\n").as_bytes()).unwrap();
            stream
        })
        .collect();
    let steps = || studio.events().iter().filter(|event| event["type"] == "step").count();
    let steps_before = steps();
    for _ in 0..3 {
        slow.iter_mut().for_each(|stream| drop(stream.write_all(b"x")));
        std::thread::sleep(Duration::from_millis(100));
    }
    let with_slow = answer_times(&studio);
    let steps_after = steps();
    println!("steps while bodies come slowly: {steps_before} to {steps_after}");
    // A quick one may be over by now.
    let is_over = studio.events().iter().any(|event| event["type"] == "end");
    assert!(steps_after > steps_before || is_over, "the run stands still at step {steps_before}");
    println!(
        "answers in ms, median and longest: alone {before:.1?}, idle {with_idle:.1?}, slow {with_slow:.1?}"
    );
    for (median, longest) in [with_idle, with_slow] {
        // Another test may have the processor just now: the median is what counts.
        assert!(median < 100.0 && longest < 5000.0, "{median} {longest}");
    }
    // What changes something is not held up either.
    let start = Instant::now();
    assert_eq!(studio.post("/api/folders", json!({"path": "train"})).status, 200);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(studio.wait_for("end")["end"], "finished");
    drop((idle, slow));
    is_the_run_by_hand(&studio, &run, 500);
}

/// A thousand pages would hold a thousand connections; and who gave up comes again.
#[test]
fn streams_are_limited() {
    more_descriptors();
    let studio = Studio::new();
    let run = studio.train(100).json()["run"].as_str().unwrap().to_string();
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..1000 {
        let stream = studio.stream("");
        let mut start = [0; 12];
        (&stream).read_exact(&mut start).unwrap();
        match &start[9..] {
            b"200" => open.push(stream),
            b"503" => refused += 1,
            other => panic!("{}", String::from_utf8_lossy(other)),
        }
    }
    assert_eq!((open.len(), refused), (64, 936));
    assert_eq!(studio.get("/api/state").status, 200);
    assert_eq!(studio.wait_for("end")["end"], "finished");
    drop(open);
    let begun = Instant::now();
    loop {
        let mut start = [0; 12];
        studio.stream("").read_exact(&mut start).unwrap();
        if &start[9..] == b"200" {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "places of streams that ended are not free");
        std::thread::sleep(Duration::from_millis(50));
    }
    is_the_run_by_hand(&studio, &run, 100);
}

/// Sends the start of something, and says after how long the server ends the connection, and with which status.
fn cut_after(studio: &Studio, start: String) -> (Duration, u16) {
    let mut stream = studio.connect();
    stream.write_all(start.replace('\n', "\r\n").as_bytes()).unwrap();
    let begun = Instant::now();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    let status =
        said.split("HTTP/1.1 ").last().and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    (begun.elapsed(), status.unwrap_or(0))
}

#[test]
fn whoever_does_nothing_is_cut() {
    let studio = Studio::new();
    let host = format!("HTTP/1.1\nHost: 127.0.0.1:{}{}\n", studio.port, studio.cookie);
    let body = format!(
        "{host}X-Pawgrad-Token: {}\nContent-Type: application/json\nContent-Length: 10\n\n{{",
        studio.token
    );
    let starts = [
        (String::new(), 0),
        ("GET / HT".to_string(), 0),
        (format!("GET /api/events/poll {host}"), 0),
        // After an answer.
        (format!("GET /favicon.svg {host}\n"), 200),
        (format!("POST /api/predict {body}"), 408),
    ];
    std::thread::scope(|scope| {
        let cuts: Vec<_> = starts
            .into_iter()
            .map(|(start, status)| {
                let studio = &studio;
                (scope.spawn(move || cut_after(studio, start)), status)
            })
            .collect();
        for (cut, status) in cuts {
            let (time, got) = cut.join().unwrap();
            assert_eq!(got, status);
            assert!((5..30).contains(&time.as_secs()), "{status}: {time:?}");
        }
    });
}

#[test]
fn a_head_without_end_is_refused() {
    let studio = Studio::new();
    let get = |len: usize| {
        let head = format!("GET /favicon.svg HTTP/1.1\nHost: 127.0.0.1:{}\nConnection: close", studio.port);
        studio.raw(&format!("{head}\nX: {}", "x".repeat(len)), b"").status
    };
    // What is read at once may be over the limit of 64 KiB.
    assert_eq!((get(32 << 10), get(200 << 10)), (200, 431));
    let mut stream = studio.connect();
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nX: {}\r\n", "x".repeat(1 << 20)).as_bytes());
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said:.80}");
    assert_eq!(studio.get("/api/state").status, 200);
}

/// How much memory a process has, in MiB.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

#[test]
fn of_many_uploads_a_few_are_in_memory() {
    let studio = Studio::new();
    let before = resident(studio.id());
    // All but the last byte.
    let sent = vec![0; (16 << 20) - 1];
    let open: Vec<TcpStream> = std::thread::scope(|scope| {
        let uploads: Vec<_> = (0..48)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = studio.connect();
                    stream.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
                    let head = format!(
                        "POST /api/pictures HTTP/1.1\nHost: 127.0.0.1:{}\nContent-Length: {}\nX-Pawgrad-Token: {}\n\
                         Content-Type: application/octet-stream{}\n\n",
                        studio.port,
                        sent.len() + 1,
                        studio.token,
                        studio.cookie
                    );
                    stream.write_all(head.replace('\n', "\r\n").as_bytes()).unwrap();
                    // Who has to wait is not read.
                    let _ = stream.write_all(&sent);
                    stream
                })
            })
            .collect();
        uploads.into_iter().map(|upload| upload.join().unwrap()).collect()
    });
    let taken = resident(studio.id()).saturating_sub(before);
    println!("48 uploads of 16 MiB take {taken} MiB");
    assert!((100..300).contains(&taken), "{taken} MiB");
    drop(open);
    let picture = std::fs::read(studio.place.path("train/cats/0.png")).unwrap();
    assert_eq!(studio.upload(&picture).status, 200, "places of uploads that broke off are free");
}

/// A run needs files of its own when visitors have all that they may.
#[test]
fn a_run_has_descriptors_whatever_visitors_do() {
    more_descriptors();
    for descriptors in [40, 64, 256] {
        let studio = Studio::limited(&format!("-n {descriptors}"));
        let idle: Vec<TcpStream> = (0..400).map(|_| studio.connect()).collect();
        let answer = studio.train(3);
        assert_eq!(answer.status, 202, "{descriptors}: {}", answer.text());
        let run = answer.json()["run"].as_str().unwrap().to_string();
        let end = studio.wait_for("end");
        assert_eq!(end["end"], "finished", "{descriptors}: {end}");
        drop(idle);
        is_the_run_by_hand(&studio, &run, 3);
    }
}

/// They come while the server is busy, and all places are taken by others whom it knows.
#[test]
fn visitors_who_come_at_once_are_all_answered() {
    let studio = Studio::limited("-n 40");
    let ask = |mut stream: &TcpStream| {
        let head = format!(
            "GET /api/events/poll?after=x HTTP/1.1\nHost: 127.0.0.1:{}{}\n\n",
            studio.port, studio.cookie
        );
        stream.write_all(head.replace('\n', "\r\n").as_bytes()).unwrap();
    };
    let status = |stream: &TcpStream| Answer::read(&mut BufReader::new(stream)).status;
    let visit = || {
        let stream = studio.connect();
        ask(&stream);
        stream
    };
    // One in four descriptors is theirs.
    let known: Vec<_> = (0..10).map(|_| visit()).inspect(|stream| assert_eq!(status(stream), 200)).collect();
    let signal = |signal: &str| {
        assert!(Command::new("kill").args([signal, &studio.id().to_string()]).status().unwrap().success());
    };
    signal("-STOP");
    let new: Vec<_> = (0..5).map(|_| visit()).collect();
    signal("-CONT");
    assert_eq!(new.iter().map(status).collect::<Vec<_>>(), [200; 5]);
    drop(known);
}

/// Waits for a run's end, and how long it took.
fn time_to_end(studio: &Studio, act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    while !studio.events().iter().any(|event| event["type"] == "end") {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    start.elapsed()
}

/// Pictures that take some seconds to be decoded. Each takes a few milliseconds, also where other tests share the processor: a
/// run stops between two.
fn with_many_pictures() -> Place {
    let place = Place::new();
    let large = image::GrayImage::from_fn(860, 580, |x, y| image::Luma([(x * y / 7) as u8]));
    for class in ["cats", "dogs"] {
        place.picture(&format!("many/{class}/0.jpg"), &large);
        let first = place.path(&format!("many/{class}/0.jpg"));
        for i in 1..1500 {
            std::fs::hard_link(&first, place.path(&format!("many/{class}/{i}.jpg"))).unwrap();
        }
    }
    place
}

#[test]
fn stop_is_heard_while_pictures_decode() {
    let mut studio = Studio::at(with_many_pictures(), "");
    let mut settings = studio.settings(1);
    settings["train_dir"] = json!("many");
    let mut heard: Vec<Duration> = (0..7)
        .map(|_| {
            assert_eq!(studio.post("/api/train", settings.clone()).status, 202);
            studio.wait_for("decoding");
            let heard = time_to_end(&studio, || assert_eq!(studio.post("/api/stop", json!({})).status, 202));
            let end = studio.wait_for("end");
            assert_eq!(end["end"], "stopped", "{end}");
            assert!(end["error"].as_str().unwrap().contains("no model"), "{end}");
            assert!(!studio.place.path("runs").exists(), "nothing is left of it");
            heard
        })
        .collect();
    heard.sort();

    assert_eq!(studio.post("/api/train", settings).status, 202);
    studio.wait_for("decoding");
    let start = Instant::now();
    assert_eq!(studio.interrupt(), 130);
    let ended = start.elapsed();
    println!("stopped after {heard:.0?}, ended after {ended:.0?}");
    // All pictures would take five seconds and more.
    assert!(heard[3] < Duration::from_millis(200), "{heard:?}");
    assert!(heard[6] < Duration::from_secs(1) && ended < Duration::from_secs(1), "{heard:?} {ended:?}");
    assert!(!studio.place.path("runs").exists());
}

#[test]
fn a_server_that_is_killed_while_pictures_decode_leaves_no_folder_to_the_next_run() {
    let mut studio = Studio::at(with_many_pictures(), "");
    let mut settings = studio.settings(1);
    settings["train_dir"] = json!("many");
    assert_eq!(studio.post("/api/train", settings).status, 202);
    studio.wait_for("decoding");
    studio.kill_and_restart();
    let runs = |studio: &Studio| std::fs::read_dir(studio.place.path("runs")).unwrap().count();
    assert_eq!(runs(&studio), 1, "that of the killed run");
    assert_eq!(studio.train(1).status, 202);
    assert_eq!(studio.wait_for("end")["end"], "finished");
    assert_eq!(runs(&studio), 1, "that of the next run");
}

#[test]
fn a_hundred_starts_and_stops() {
    let studio = Studio::new();
    for round in 0..100 {
        assert_eq!(studio.train(1000).status, 202, "{round}");
        if round % 3 > 0 {
            studio.wait_for(if round % 3 == 1 { "run" } else { "step" });
        }
        assert_eq!(studio.post("/api/stop", json!({})).status, 202, "{round}");
        assert_eq!(studio.wait_for("end")["end"], "stopped", "{round}");
    }
    assert_eq!(studio.train(1).status, 202);
    assert_eq!(studio.wait_for("end")["end"], "finished");
}

/// One connection, many requests.
pub struct Line(BufReader<TcpStream>);

impl Line {
    pub fn open(studio: &Studio) -> Line {
        Line(BufReader::new(studio.connect()))
    }

    /// The answer to a body; a new connection where the server ended this one.
    pub fn post(&mut self, studio: &Studio, path: &str, kind: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\nHost: 127.0.0.1:{}\nContent-Length: {}\nX-Pawgrad-Token: {}\n\
             Content-Type: {kind}{}\n\n",
            studio.port,
            body.len(),
            studio.token,
            studio.cookie
        );
        let request = [head.replace('\n', "\r\n").as_bytes(), body].concat();
        self.0.get_mut().write_all(&request).unwrap();
        let answer = Answer::read(&mut self.0);
        if answer.header("connection") == Some("close") {
            *self = Line::open(studio);
        }
        answer
    }
}
