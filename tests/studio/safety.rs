//! Every item of the studio's safety; each test fails when its check is removed.

use crate::common::program::Place;
use crate::common::studio::Studio;
use serde_json::json;

#[test]
fn only_this_machine_is_served() {
    let place = Place::new();
    // Whatever is served after all ends soon: a test must not wait for it for ever.
    let serve = |options: &str| {
        place.bash(&format!("timeout 20 '{}' serve {options}", env!("CARGO_BIN_EXE_pawgrad")))
    };
    serve("--port 0 --host 0.0.0.0 --no-token").fails(2, &["0.0.0.0", "--no-token"]);
    serve("--port 0 --host 192.168.0.1 --no-token").fails(2, &["--no-token"]);
    let studio = Studio::new();
    // Every loopback address but the one that is served is another host.
    assert!(std::net::TcpStream::connect(("127.0.0.2", studio.port)).is_err(), "served on all addresses");
    serve(&format!("--port {}", studio.port)).fails(1, &["cannot be served", "--port"]);
}

#[test]
fn only_loopback_names_are_answered() {
    let studio = Studio::new();
    let port = studio.port;
    for path in ["/", "/style.css", "/api/state", "/api/events", "/api/events/poll", "/nothing"] {
        let right = if path == "/nothing" { 404 } else { 200 };
        for (status, host) in [
            (right, format!("Host: localhost:{port}")),
            (right, format!("Host: LOCALHOST:{port}")),
            (right, format!("Host: 127.0.0.1:{port}")),
            (right, format!("Host: [::1]:{port}")),
            (403, format!("Host: localhost.:{port}")),
            (403, format!("Host: evil.com:{port}")),
            (403, format!("Host: 127.0.0.1.evil.com:{port}")),
            (403, format!("Host: localhost.evil.com:{port}")),
            (403, format!("Host: 10.0.0.1:{port}")),
            (403, "Host: evil.com".to_string()),
            (403, "Host: 127.0.0.1".to_string()),
            (403, format!("Host: 127.0.0.1:{}", port ^ 1)),
            (403, "Host:".to_string()),
            (400, "Accept: */*".to_string()),
            (400, format!("Host: 127.0.0.1:{port}\nHost: evil.com:{port}")),
        ] {
            let answer = studio.raw(&format!("GET {path} HTTP/1.1\n{host}\nConnection: close"), b"");
            assert_eq!(answer.status, status, "{path} {host}");
        }
    }
    let head = format!(
        "POST /api/train HTTP/1.1\nHost: evil.com:{port}\nContent-Type: application/json\nX-Pawgrad-Token: {}\n\
         Content-Length: 2\nConnection: close",
        studio.token
    );
    assert_eq!(studio.raw(&head, b"{}").status, 403);
    assert_eq!(studio.json("/api/state")["training"], json!(null));
}

#[test]
fn other_sites_change_nothing() {
    let studio = Studio::new();
    let body = studio.settings(1).to_string();
    let token = format!("X-Pawgrad-Token: {}", studio.token);
    let json = "Content-Type: application/json";
    for (status, headers) in [
        (415, format!("Content-Type: application/x-www-form-urlencoded\n{token}")),
        (415, format!("Content-Type: text/plain\n{token}")),
        (415, format!("Content-Type: multipart/form-data; boundary=x\n{token}")),
        (415, format!("Content-Type: application/octet-stream\n{token}")),
        (415, token.clone()),
        (403, json.to_string()),
        (403, format!("{json}\nX-Pawgrad-Token: 00000000000000000000000000000000")),
        (403, format!("{json}\nX-Pawgrad-Token:")),
        (403, format!("{json}\n{token}\nOrigin: http://evil.com")),
        (403, format!("{json}\n{token}\nOrigin: null")),
        (403, format!("{json}\n{token}\nOrigin: http://127.0.0.1:1")),
        (403, format!("{json}\n{token}\nOrigin: https://127.0.0.1:{}", studio.port)),
        (403, format!("{json}\n{token}\nSec-Fetch-Site: cross-site")),
        (403, format!("{json}\n{token}\nSec-Fetch-Site: same-site")),
    ] {
        for path in ["/api/train", "/api/stop"] {
            let answer = studio.post_with(path, &headers, body.as_bytes());
            assert_eq!(answer.status, status, "{path} {headers}: {}", answer.text());
        }
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let head = format!(
            "{method} /api/train HTTP/1.1\nHost: 127.0.0.1:{}\nConnection: close\n{json}\n{token}\n\
             Access-Control-Request-Method: POST",
            studio.port
        );
        let answer = studio.raw(&head, b"");
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")), "{answer:?}");
    }
    for get in ["/api/train", "/api/stop", "/api/follow"] {
        assert_eq!(studio.get(get).status, 405, "a GET changes nothing");
    }
    let state = studio.json("/api/state");
    assert_eq!(state["training"], json!(null), "something was started");
    assert!(!studio.place.path("runs").exists(), "something was written");

    // Reading is refused as well, but a link from elsewhere may open the page.
    let read = |path: &str, headers: &str| {
        let host = format!("Host: 127.0.0.1:{}\nConnection: close", studio.port);
        studio.raw(&format!("GET {path} HTTP/1.1\n{host}\n{headers}"), b"").status
    };
    assert_eq!(read("/api/state", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors"), 403);
    assert_eq!(read("/api/state", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate"), 403);
    assert_eq!(read("/", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors"), 403);
    assert_eq!(read("/", "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate"), 200);
    assert_eq!(read("/api/state", "Sec-Fetch-Site: same-origin"), 200);
    assert_eq!(studio.train(1).status, 202, "the page itself may");
}

#[test]
fn every_answer_carries_the_policy() {
    let studio = Studio::new();
    let wrong_host = studio.raw("GET / HTTP/1.1\nHost: evil.com\nConnection: close", b"");
    let answers = [
        studio.get("/"),
        studio.get("/plotly.js"),
        studio.get("/api/state"),
        studio.get("/nothing"),
        studio.get("/api/runs/nothing"),
        studio.post("/api/train", json!({"epochs": 0})),
        studio.post_with("/api/train", "Content-Type: text/plain", b""),
        wrong_host,
    ];
    for answer in answers {
        let policy = answer.header("content-security-policy").expect("a policy");
        for part in [
            "default-src 'self'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{part} is not in {policy}");
        }
        assert!(!policy.contains("unsafe-eval") && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
    }
}

#[test]
fn nothing_outside_of_the_folders_is_served() {
    let studio = Studio::new();
    std::fs::write(studio.place.path("secret.txt"), "a secret").unwrap();
    std::fs::copy(studio.place.path("train/cats/0.png"), studio.place.path("secret.png")).unwrap();
    assert_eq!(studio.post("/api/folders", json!({"path": "train"})).status, 200);

    let encodings = [
        "../secret.txt",
        "..%2fsecret.txt",
        "..%2Fsecret.txt",
        "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt",
        "%252e%252e%252fsecret.txt",
        "..%5csecret.txt",
        "..\\secret.txt",
        "....//secret.txt",
        "..;/secret.txt",
        "./../secret.txt",
        "%2e/%2e%2e/secret.txt",
        "//etc/passwd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..%00/secret.txt",
        "secret.txt%00.png",
        "C:%5cwindows%5cwin.ini",
        "C:/windows/win.ini",
        "windows/win.ini",
        "%5c%5chost%5cshare",
        "file:%2f%2f%2fetc%2fpasswd",
        "..%c0%afsecret.txt",
        "%uff0e%uff0e/secret.txt",
        "..%ef%bc%8fsecret.txt",
        "%c0%ae%c0%ae/secret.txt",
        "~/secret.txt",
        "index.html/../secret.txt",
        ".git/config",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "src/main.rs",
        "Cargo.toml",
    ];
    for encoding in encodings {
        for before in ["/", "/api/runs/", "/api/folders/1/", "/api/pictures/", "/api/inside/"] {
            let answer = studio.get(&format!("{before}{encoding}"));
            assert!((400..500).contains(&answer.status), "{before}{encoding}: {}", answer.status);
            let text = answer.text();
            assert!(!text.contains("a secret") && !text.contains("root:"), "{before}{encoding}: {text}");
        }
    }

    let by_path = |path: &str| studio.post("/api/pictures", json!({"path": path})).status;
    assert_eq!(by_path("train/cats/0.png"), 200);
    assert_eq!(by_path(studio.place.path("train/cats/0.png").to_str().unwrap()), 200);
    for path in [
        "secret.png",
        "train/../secret.png",
        "train/cats/../../secret.png",
        "/etc/passwd",
        "",
        "train",
        "test/cats/0.png",
    ] {
        assert_eq!(by_path(path), 404, "{path}");
    }
    let both = json!({"path": "train/cats/0.png", "folder": 1, "index": 0});
    assert_eq!(studio.post("/api/pictures", both).status, 422);
    assert_eq!(studio.post("/api/pictures", json!({"folder": 1, "index": 10_000})).status, 404);
    assert_eq!(studio.post("/api/pictures", json!({"folder": 7, "index": 0})).status, 404);
    for path in ["\\\\\\\\host\\\\share", "//host/share"] {
        let answer = studio.post("/api/folders", json!({"path": path})).json();
        assert!(answer["error"].as_str().unwrap().contains("other machines"), "{answer}");
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_out_of_a_folder_are_not_followed() {
    let studio = Studio::new();
    let place = &studio.place;
    std::fs::copy(place.path("train/cats/0.png"), place.path("secret.png")).unwrap();
    std::os::unix::fs::symlink(place.path("secret.png"), place.path("train/cats/zz.png")).unwrap();
    let folder = studio.post("/api/folders", json!({"path": "train"})).json();
    assert_eq!(folder["classes"][0]["pictures"], 6, "the link is one of the pictures: {folder}");
    // Byte by byte, zz.png is the last of the cats.
    assert_eq!(studio.get("/api/folders/1/4.png").status, 200);
    assert_eq!(studio.get("/api/folders/1/5.png").status, 404);
    assert_eq!(studio.post("/api/pictures", json!({"folder": 1, "index": 5})).status, 404);
    assert_eq!(studio.post("/api/pictures", json!({"path": "train/cats/zz.png"})).status, 404);

    // Nor among the most wrong pictures of a run, where nothing is right.
    let secret = place.path("secret.png");
    for i in 0..5 {
        for class in ["cats", "dogs"] {
            let file = place.path(&format!("test/{class}/{i}.png"));
            std::fs::remove_file(&file).unwrap();
            std::os::unix::fs::symlink(&secret, &file).unwrap();
        }
    }
    let run = studio.train(1).json()["run"].as_str().unwrap().to_string();
    studio.wait_for("end");
    let mistakes = studio.json(&format!("/api/runs/{run}/mistakes"));
    assert_eq!(mistakes["worst"], json!([]), "{mistakes}");
    let wrong = [(0, 1), (1, 0)].map(|(label, class)| mistakes["confusion"][label][class].as_u64().unwrap());
    assert_eq!(wrong.iter().sum::<u64>(), 5, "equal pictures of both classes: {mistakes}");
}

#[test]
fn uploads_are_limited_and_must_be_pictures() {
    let studio = Studio::new();
    let picture = std::fs::read(studio.place.path("train/cats/0.png")).unwrap();
    assert_eq!(studio.upload(&picture).status, 200);
    let mut large = picture.clone();
    large.resize(16 << 20, 0);
    assert_eq!(studio.upload(&large).status, 200, "16 MiB may be");
    large.push(0);
    studio.upload(&large).refuses(413, "16 MiB");
    studio.upload(b"").refuses(422, "empty");
    studio.upload(b"not a picture at all").refuses(422, "picture");
    studio.upload(&picture[..picture.len() / 2]).refuses(422, "cannot be used");
    studio.upload(&bomb(65_535)).refuses(422, "needs 8194 MiB of memory");
    studio.upload(&bomb(30_000)).refuses(422, "MiB of memory");

    // More than is announced is refused before it is sent: the answer comes although the body never does.
    let head = format!(
        "POST /api/pictures HTTP/1.1\nHost: 127.0.0.1:{}\nContent-Type: application/octet-stream\n\
         X-Pawgrad-Token: {}\nContent-Length: 99999999999",
        studio.port, studio.token
    );
    assert_eq!(studio.raw(&head, b"").status, 413);
    // Nor is a size that is not announced a way around.
    let head = format!(
        "POST /api/pictures HTTP/1.1\nHost: 127.0.0.1:{}\nContent-Type: application/octet-stream\n\
         X-Pawgrad-Token: {}\nTransfer-Encoding: chunked",
        studio.port, studio.token
    );
    let chunk = [format!("{:x}\r\n", large.len()).as_bytes(), &large, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(studio.raw(&head, &chunk).status, 413);
    // JSON is small.
    let path = "x".repeat(3 << 20);
    assert_eq!(studio.post("/api/folders", json!({"path": path})).status, 413);
}

/// The start of a PNG of this width and height.
fn bomb(side: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(side.to_be_bytes());
    header.extend(side.to_be_bytes());
    header.extend([16, 6, 0, 0, 0]);
    let mut crc = !0u32;
    for &byte in &header {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
    png.extend(header);
    png.extend((!crc).to_be_bytes());
    png.extend(b"\0\0\0\x10IDAT");
    png.extend([0; 64]);
    png
}

#[test]
fn names_are_data_and_never_markup() {
    let name = "<img src=x onerror=alert(1)>";
    let studio = Studio::at(Place::with_dogs_named(name), "");
    let folder = studio.post("/api/folders", json!({"path": "train"}));
    assert_eq!(folder.header("content-type"), Some("application/json"));
    assert_eq!(folder.json()["classes"][0]["name"], name);
    // The page builds text nodes; not one of its files can make markup of a string.
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/studio/page")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for word in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
        {
            assert!(!text.contains(word), "{path:?} uses {word}");
        }
        let elsewhere = text.replace("http://www.w3.org/", "");
        assert!(
            !elsewhere.contains("http://") && !elsewhere.contains("https://"),
            "{path:?} names another host"
        );
    }
}

#[test]
fn typed_paths_are_completed_and_understood() {
    let studio = Studio::new();
    let complete =
        |path: &str| studio.post("/api/folders/complete", json!({"path": path})).json()["folders"].clone();
    std::fs::create_dir(studio.place.path("train/.hidden")).unwrap();
    assert_eq!(complete("t"), json!(["test", "train"]));
    assert_eq!(complete("train/"), json!(["train/cats", "train/dogs"]));
    assert_eq!(complete("./train/d"), json!(["./train/dogs"]));
    assert_eq!(complete("'t"), json!(["'test'", "'train'"]));
    assert_eq!(complete("\"train/d"), json!(["\"train/dogs\""]));
    assert_eq!(complete("~"), complete("~/"));
    for nothing in [
        "train/.",
        "nowhere/",
        "train/cats/0.png/",
        "//localhost/",
        "\\\\localhost\\share\\",
        "\"//localhost/",
    ] {
        assert_eq!(complete(nothing), json!([]), "{nothing}");
    }
    let named = |path: &str| studio.post("/api/folders", json!({"path": path})).json();
    assert_eq!(named(" \"train\" ")["total"], 10);
    assert!(named("'//localhost/share'")["error"].as_str().unwrap().contains("other machines"));
    assert!(named("trian")["error"].as_str().unwrap().contains("did you mean train?"));
}
