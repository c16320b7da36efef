//! A studio of its own, and requests to it byte by byte: a library would send what is right.

use super::program::Place;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long something is waited for that must come, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A server that ends with its test.
pub struct Studio {
    pub place: Place,
    server: Child,
    pub port: u16,
    /// The address that was printed.
    pub address: String,
    /// The cookie of a visitor who was let in, as a line of a head.
    pub cookie: String,
    /// The page's own token.
    pub token: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Studio {
    /// A server in a folder with small pictures.
    pub fn new() -> Studio {
        Studio::at(Place::new(), "")
    }

    pub fn at(place: Place, more: &str) -> Studio {
        let (server, address) = start(&place, more);
        Studio::of(place, server, address)
    }

    /// Under a limit of the shell: `-v` or `-n` with its number.
    pub fn limited(limit: &str) -> Studio {
        let place = Place::new();
        let program = env!("CARGO_BIN_EXE_pawgrad");
        let mut command = Command::new("bash");
        let script = format!("ulimit {limit}; exec '{program}' serve --port 0");
        command.args(["-c", &script]).current_dir(place.path("")).env("XDG_CACHE_HOME", place.path("cache"));
        let (server, address) = spawn(&mut command);
        Studio::of(place, server, address)
    }

    /// A server that was started already.
    pub fn of(place: Place, server: Child, address: String) -> Studio {
        let (cookie, token) = Default::default();
        let mut studio = Studio { place, server, port: port_of(&address), address, cookie, token };
        studio.enter();
        studio
    }

    /// The server ends as if its machine lost power, and another begins at the same place.
    pub fn kill_and_restart(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
        // At the same address, where its page asks for it.
        let more = if self.address.contains('#') { "" } else { "--no-token" };
        (self.server, self.address) = start(&self.place, &format!("--port {} {more}", self.port));
        self.enter();
    }

    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// Ctrl-C; the exit code.
    #[cfg(unix)]
    pub fn interrupt(&mut self) -> i32 {
        let id = self.server.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.server.wait().unwrap().code().unwrap()
    }

    /// Goes in as the page does: with the token of the address, or an empty one where none is asked for.
    fn enter(&mut self) {
        let token = self.address.split_once("#token=").map_or("", |(_, token)| token);
        let entered = self.guess(token);
        assert_eq!(entered.status, 200, "{}", entered.text());
        let cookie = entered.header("set-cookie").expect("a cookie").split(';').next().unwrap();
        self.cookie = format!("\nCookie: {cookie}");
        self.token = entered.json()["page_token"].as_str().expect("the page's token").to_string();
        assert_eq!(self.token.len(), 32, "{}", self.token);
    }

    /// Tries a token at the door.
    pub fn guess(&self, token: &str) -> Answer {
        let body = serde_json::json!({"token": token}).to_string();
        let (port, len) = (self.port, body.len());
        let head = format!(
            "POST /api/enter HTTP/1.1\nHost: 127.0.0.1:{port}\nConnection: close\nContent-Length: {len}\n\
             Content-Type: application/json"
        );
        self.as_stranger(&head, body.as_bytes())
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request line and headers as they are, with the visitor's cookie.
    pub fn raw(&self, head: &str, body: &[u8]) -> Answer {
        self.as_stranger(&format!("{head}{}", self.cookie), body)
    }

    /// Opens the stream of events.
    pub fn stream(&self, more: &str) -> TcpStream {
        let mut stream = self.connect();
        let host = format!("Host: 127.0.0.1:{}", self.port);
        let head = format!("GET /api/events HTTP/1.1\n{host}{}{more}\n\n", self.cookie);
        stream.write_all(head.replace('\n', "\r\n").as_bytes()).unwrap();
        stream
    }

    /// The same without the cookie.
    pub fn as_stranger(&self, head: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        // A server that refuses early may close before it has read everything; what it said then can be read still.
        for part in [head.replace('\n', "\r\n").as_bytes(), b"\r\n\r\n", body] {
            let _ = stream.write_all(part);
        }
        Answer::read(&mut BufReader::new(stream))
    }

    pub fn get(&self, path: &str) -> Answer {
        let host = format!("Host: 127.0.0.1:{}", self.port);
        self.raw(&format!("GET {path} HTTP/1.1\n{host}\nConnection: close"), b"")
    }

    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// A POST with these headers beside `Host`.
    pub fn post_with(&self, path: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\nHost: 127.0.0.1:{}\nConnection: close\nContent-Length: {}\n{headers}",
            self.port,
            body.len()
        );
        self.raw(head.trim_end(), body)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        let headers = format!("Content-Type: application/json\nX-Pawgrad-Token: {}", self.token);
        self.post_with(path, &headers, body.to_string().as_bytes())
    }

    pub fn upload(&self, bytes: &[u8]) -> Answer {
        let headers = format!("Content-Type: application/octet-stream\nX-Pawgrad-Token: {}", self.token);
        self.post_with("/api/pictures", &headers, bytes)
    }

    /// Starts a small run on the CPU.
    pub fn train(&self, epochs: usize) -> Answer {
        self.post("/api/train", self.settings(epochs))
    }

    pub fn settings(&self, epochs: usize) -> Value {
        serde_json::json!({
            "train_dir": "train", "test_dir": "test", "image_size": 8, "epochs": epochs, "batch_size": 4, "seed": 1,
            "device": "cpu",
        })
    }

    /// The log so far, page by page.
    pub fn events(&self) -> Vec<Value> {
        let (mut after, mut events) = (String::new(), Vec::new());
        loop {
            let part = self.json(&format!("/api/events/poll?after={after}"));
            events.extend(part["events"].as_array().unwrap().iter().cloned());
            if part["more"] != true {
                return events;
            }
            after = part["id"].as_str().unwrap().to_string();
        }
    }

    /// Waits for an event of this type in the log, and gives the first.
    pub fn wait_for(&self, kind: &str) -> Value {
        let start = Instant::now();
        loop {
            let events = self.events();
            if let Some(event) = events.iter().find(|event| event["type"] == kind) {
                return event.clone();
            }
            assert!(start.elapsed() < PATIENCE, "no event {kind} in {events:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A server, and the address that it printed.
pub fn start(place: &Place, more: &str) -> (Child, String) {
    let mut command = place.command(&format!(
        "serve {}",
        if more.contains("--port") { more.to_string() } else { format!("--port 0 {more}") }
    ));
    spawn(&mut command)
}

/// The same of any command.
pub fn spawn(command: &mut Command) -> (Child, String) {
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (_, address) = line.trim_end().split_once("The studio is at ").expect("the address is printed");
    (server, address.to_string())
}

/// The port in an address.
fn port_of(address: &str) -> u16 {
    address.split('/').nth(2).unwrap().rsplit(':').next().unwrap().parse().unwrap()
}

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Answer {
    pub fn read(stream: &mut impl BufRead) -> Answer {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.push((name.to_lowercase(), value.to_string())),
                None => break,
            }
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let len = answer.header("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
        answer.body = vec![0; len];
        stream.read_exact(&mut answer.body).unwrap();
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.text()))
    }

    /// Asserts the status, and that the error says `word`.
    #[track_caller]
    pub fn refuses(&self, status: u16, word: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        let error = self.json()["error"].as_str().expect("an error says why").to_string();
        assert!(error.contains(word), "no \"{word}\" in: {error}");
    }
}
