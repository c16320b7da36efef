//! Who is let in; each test fails when its check is removed.

use crate::common::program::Place;
use crate::common::studio::Studio;
use serde_json::json;
use std::time::{Duration, Instant};

const TOKEN: &str = "open-sesame-0123456789";

fn with_token_file(more: &str) -> Studio {
    let place = Place::new();
    std::fs::write(place.path("token"), format!("{TOKEN}\n")).unwrap();
    let mut command = place.command(&format!("serve --port 0 --token-file token {more}"));
    let (server, address) = crate::common::studio::spawn(&mut command);
    assert!(!address.contains(TOKEN), "a token of the user's own is not printed");
    Studio::of(place, server, format!("{address}#token={TOKEN}"))
}

#[test]
fn strangers_see_the_entrance_alone() {
    let studio = Studio::new();
    let host = format!("Host: 127.0.0.1:{}\nConnection: close", studio.port);
    let get = |path: &str, more: &str| studio.as_stranger(&format!("GET {path} HTTP/1.1\n{host}{more}"), b"");
    let page = get("/", "");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("id=\"enter\"") && !page.text().contains(&studio.token));
    for path in ["/enter", "/enter.js", "/door.js", "/style.css", "/favicon.svg"] {
        assert_eq!(get(path, "").status, 200, "{path}");
    }
    for path in ["/api/state", "/api/events", "/api/events/poll", "/api/runs", "/main.js", "/nothing"] {
        get(path, "").refuses(403, "token");
        let wrong = format!("\nCookie: pawgrad-{}=0123456789abcdef0123456789abcdef", studio.port);
        assert_eq!(get(path, &wrong).status, 403, "{path}");
        let port = studio.port ^ 1;
        let others = studio.cookie.replace(&format!("pawgrad-{}", studio.port), &format!("pawgrad-{port}"));
        assert_eq!(get(path, &others).status, 403, "another port's");
    }
    // Folders of root were examined this way; the page's own token is not enough.
    let headers = format!("Content-Type: application/json\nX-Pawgrad-Token: {}", studio.token);
    let body = json!({"path": "/root"}).to_string();
    let head = format!("POST /api/folders HTTP/1.1\n{host}\n{headers}\nContent-Length: {}", body.len());
    assert_eq!(studio.as_stranger(&head, body.as_bytes()).status, 403);
}

/// Cookies ignore ports: any server of this machine that the browser visits gets to see them.
#[test]
fn a_stolen_cookie_changes_nothing() {
    let studio = Studio::new();
    let run = studio.train(1).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("end");
    let folder = studio.post("/api/folders", json!({"path": "train"})).json()["folder"].clone();
    // What it gets to read does not hold what would let it do more.
    let api = [
        "state",
        "events/poll",
        "enter",
        "runs",
        &format!("runs/{run}"),
        "train",
        "stop",
        "source?kernel=dense.forward",
        &format!("folders/{folder}/0.png"),
    ]
    .map(|path| format!("/api/{path}"));
    let page = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/studio/page")).unwrap();
    let files = page.map(|file| format!("/{}", file.unwrap().file_name().to_str().unwrap()));
    let token = studio.token.as_bytes();
    for path in api.into_iter().chain(files).chain(["/", "/enter"].map(str::to_string)) {
        let answer = studio.get(&path);
        let is_told = |bytes: &[u8]| bytes.windows(token.len()).any(|part| part == token);
        assert!(!is_told(&answer.body) && !is_told(format!("{:?}", answer.headers).as_bytes()), "{path}");
    }
    let mut start = [0; 4096];
    std::io::Read::read(&mut studio.stream(""), &mut start).unwrap();
    assert!(!start.windows(token.len()).any(|part| part == token), "the stream");
    // Nor is it worth the token at the entrance.
    let json = "Content-Type: application/json";
    let cookie = studio.cookie.rsplit('=').next().unwrap().to_string();
    for guess in ["", &cookie] {
        let body = json!({"token": guess}).to_string();
        studio.post_with("/api/enter", json, body.as_bytes()).refuses(403, "not the token");
    }
    for path in [
        "/api/train",
        "/api/stop",
        "/api/folders",
        "/api/folders/complete",
        "/api/pictures",
        "/api/predict",
        "/api/follow",
    ] {
        for headers in [json.to_string(), format!("{json}\nX-Pawgrad-Token: {cookie}")] {
            let answer = studio.post_with(path, &headers, b"{}");
            answer.refuses(403, "enter anew");
            assert_eq!(answer.json()["outdated"], true, "the page goes to the entrance");
        }
    }
}

#[test]
fn the_token_is_in_the_fragment_and_the_cookie_is_another_secret() {
    let studio = Studio::new();
    let (page, token) = studio.address.split_once("/#token=").expect("the address holds the token");
    assert_eq!(page, format!("http://127.0.0.1:{}", studio.port));
    assert!(token.len() >= 32 && token.chars().all(|c| c.is_ascii_hexdigit()), "{token}");
    assert!(!studio.cookie.contains(token), "other servers of this machine get to see cookies");
    let entered = studio.guess(token);
    let cookie = entered.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/"), "{cookie}");
    assert_eq!(entered.header("referrer-policy"), Some("no-referrer"));
    // In the query it would be in logs.
    assert!(
        !studio
            .as_stranger(
                &format!("GET /?token={token} HTTP/1.1\nHost: 127.0.0.1:{}\nConnection: close", studio.port),
                b""
            )
            .text()
            .contains(&studio.token)
    );
    let other = Studio::new();
    assert_ne!(other.address.split_once("#token=").unwrap().1, token, "each server has its own");
}

#[test]
fn wrong_guesses_are_slow() {
    let studio = Studio::new();
    let start = Instant::now();
    for _ in 0..5 {
        studio.guess("0123456789abcdef0123456789abcdef").refuses(403, "not the token");
    }
    // 100, 200, 400 and 800 ms between them.
    assert!(start.elapsed() >= Duration::from_millis(1500), "{:?}", start.elapsed());
    // Who does not wait for the answer is no faster, and many at once are sent away.
    let start = Instant::now();
    let answers = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..24)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = studio.connect();
                    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
                    let head = format!(
                        "POST /api/enter HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 13\r\n\
                 Content-Type: application/json\r\n\r\n{{\"token\":\"x\"}}",
                        studio.port
                    );
                    use std::io::{Read, Write};
                    stream.write_all(head.as_bytes()).unwrap();
                    let mut start = [0; 12];
                    stream
                        .read_exact(&mut start)
                        .is_ok()
                        .then(|| String::from_utf8_lossy(&start[9..]).into_owned())
                })
            })
            .collect();
        guesses.into_iter().map(|guess| guess.join().unwrap()).collect::<Vec<_>>()
    });
    let count = |status: &str| answers.iter().filter(|answer| answer.as_deref() == Some(status)).count();
    assert!(count("429") >= 8, "{answers:?}");
    assert!(count("403") <= 2, "{answers:?} in {:?}", start.elapsed());
    // Whoever is in already notices nothing.
    let start = Instant::now();
    assert_eq!(studio.get("/api/events/poll").status, 200);
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_token_of_ones_own_is_read_from_a_file() {
    let place = Place::new();
    // Whatever is served after all ends soon.
    let serve = |options: &str| {
        place.bash(&format!("timeout 20 '{}' serve --port 0 {options}", env!("CARGO_BIN_EXE_pawgrad")))
    };
    for (name, content) in [("short", "only-15-letters"), ("odd", "semicolons; are not taken"), ("empty", "")]
    {
        std::fs::write(place.path(name), content).unwrap();
        serve(&format!("--token-file {name}")).fails(2, &[name, "sixteen"]);
    }
    serve("--token-file nothing").fails(2, &["nothing", "cannot be read"]);
    serve("--token-file /dev/zero").fails(2, &["no regular file"]);
    std::fs::write(place.path("long"), "x".repeat(1025)).unwrap();
    serve("--token-file long").fails(2, &["1025 bytes"]);
    serve("--token on-the-command-line").fails(2, &["--token"]);
    serve("--token-file odd --no-token").fails(2, &["--no-token"]);
    let studio = with_token_file("");
    assert_eq!(studio.get("/api/state").status, 200);
    studio.guess("open-sesame-0123456788").refuses(403, "not the token");
}

#[test]
fn without_a_token_everyone_of_this_machine_may_come_in() {
    let studio = Studio::at(Place::new(), "--no-token");
    assert!(studio.address.ends_with('/'));
    let host = format!("Host: 127.0.0.1:{}\nConnection: close", studio.port);
    let get = |path: &str| studio.as_stranger(&format!("GET {path} HTTP/1.1\n{host}"), b"");
    assert_eq!(get("/api/state").status, 200);
    // But not every site that this machine's browser shows.
    assert!(get("/enter").text().contains("data-open=\"true\"") && !get("/").text().contains(&studio.token));
    let enter = |headers: &str| {
        let body = json!({"token": ""}).to_string();
        let head = format!("POST /api/enter HTTP/1.1\n{host}\nContent-Length: {}\n{headers}", body.len());
        studio.as_stranger(&head, body.as_bytes()).status
    };
    let json = "Content-Type: application/json";
    assert_eq!(enter("Content-Type: text/plain"), 415);
    assert_eq!(enter(&format!("{json}\nOrigin: http://127.0.0.1:9999")), 403);
    assert_eq!(enter(&format!("{json}\nSec-Fetch-Site: same-site")), 403);
    assert_eq!(enter(json), 200);
    let body = studio.settings(1).to_string();
    assert_eq!(studio.post_with("/api/train", json, body.as_bytes()).status, 403);
    assert_eq!(studio.train(1).status, 202);
}

#[test]
fn a_server_for_others_answers_to_numbers_but_not_to_names() {
    let studio = with_token_file("--host 0.0.0.0");
    let get = |host: &str, cookie: &str| {
        let head =
            format!("GET /api/state HTTP/1.1\nHost: {host}:{}\nConnection: close{cookie}", studio.port);
        studio.as_stranger(&head, b"").status
    };
    for host in ["127.0.0.1", "localhost", "10.1.2.3"] {
        assert_eq!(get(host, &studio.cookie), 200, "{host}");
        assert_eq!(get(host, ""), 403, "{host}");
    }
    // Names can be pointed here by others; numbers cannot.
    assert_eq!(get("evil.com", &studio.cookie), 403);
}

/// Command lines can be seen by every user.
#[cfg(target_os = "linux")]
#[test]
fn the_browser_gets_the_address_by_a_file_that_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    // What `open` finds first.
    place.bash("mkdir bin; printf '#!/bin/sh\\necho \"$@\" > opened\\ncp \"$1\" copy\\n' > bin/xdg-open; chmod +x bin/*").succeeds();
    let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").unwrap());
    let mut command = place.command("serve --port 0 --open");
    let (server, address) = crate::common::studio::spawn(command.env("PATH", path));
    let mut studio = Studio::of(place, server, address);
    let opened = studio.place.path("opened");
    let start = Instant::now();
    while std::fs::read_to_string(&opened).unwrap_or_default().is_empty()
        || !studio.place.path("copy").exists()
    {
        assert!(start.elapsed() < Duration::from_secs(30), "nothing was opened");
        std::thread::sleep(Duration::from_millis(20));
    }
    let file = std::fs::read_to_string(&opened).unwrap();
    let file = std::path::Path::new(file.trim());
    assert!(!file.to_str().unwrap().contains("token"), "{file:?}");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    let html = std::fs::read_to_string(file).unwrap();
    assert!(html.contains(&format!("url={}\"", studio.address)), "{html}");
    assert_eq!(studio.interrupt(), 130);
    assert!(!file.exists(), "it is gone with the server");
}
