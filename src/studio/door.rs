//! Who is let in: whoever knows the token, as other users and programs of this machine do not.
//!
//! The token stands behind the `#` of the address, which browsers keep to themselves: it is in no request, log or
//! referrer. The entrance exchanges it for two secrets of this process. One is a cookie, for images and streams can carry
//! nothing else; but cookies ignore ports, so every server of this machine that the browser visits gets to see it. So it
//! lets its holder read, and no more: the other, the page's token, is kept by the page, where its origin alone can read it,
//! and guards whatever changes something. Only `/api/enter` tells it.

use super::answer::{Answer, Body, Refusal};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep_until};

/// After the first wrong guess; each further one doubles it.
const SLOWED: Duration = Duration::from_millis(100);
const MOST_SLOWED: Duration = Duration::from_secs(5);
/// Guesses that wait for their turn. More are not looked at.
const WAITING: usize = 16;

/// What a visitor must know.
pub enum Access {
    /// A new token, which is part of the address.
    Generated,
    /// This one, which the address does not tell.
    Known(String),
    /// Nothing.
    Everyone,
}

/// What is asked of visitors.
pub struct Door {
    pub host: IpAddr,
    pub port: u16,
    /// New with each process; no answer but the one to the right token holds it.
    pub page_token: String,
    /// What a visitor must know; `None` where everyone may come in.
    token: Option<String>,
    /// What the cookie holds. Nobody can guess it, and the token cannot be told from it.
    session: String,
    guesses: Mutex<Guesses>,
    waiting: Semaphore,
    /// Whether the token is this program's own: nobody guesses 128 bits, so whoever knows it need not wait for those who try.
    is_generated: bool,
}

struct Guesses {
    /// Since the last right one.
    wrong: u32,
    /// When the next is looked at.
    next: Instant,
}

impl Door {
    pub fn new(host: IpAddr, port: u16, access: &Access) -> Door {
        let token = match access {
            Access::Generated => Some(random_hex(16)),
            Access::Known(token) => Some(token.clone()),
            Access::Everyone => None,
        };
        let guesses = Mutex::new(Guesses { wrong: 0, next: Instant::now() });
        let (page_token, session, waiting) = (random_hex(16), random_hex(16), Semaphore::new(WAITING));
        let is_generated = matches!(access, Access::Generated);
        Door { host, port, page_token, token, session, guesses, waiting, is_generated }
    }

    /// Whether visitors must know something.
    pub fn is_closed(&self) -> bool {
        self.token.is_some()
    }

    /// The address that lets its visitor in.
    pub fn address(&self, page: &str) -> String {
        match &self.token {
            Some(token) => format!("{page}#token={token}"),
            None => page.to_string(),
        }
    }

    /// Whether somebody was let in before.
    pub fn knows(&self, headers: &HeaderMap) -> bool {
        let own = self.cookie();
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        !self.is_closed() || pairs.any(|(name, value)| name == own && equal(value, &self.session))
    }

    /// Name of the cookie. Cookies do not distinguish ports, so it does.
    fn cookie(&self) -> String {
        format!("pawgrad-{}", self.port)
    }

    /// Whether this is the token. One guess is looked at after the other, and after a wrong one the next has to wait,
    /// whether or not whoever asked waits for the answer.
    async fn is_right(&self, guess: &str) -> Answer<bool> {
        let Some(token) = &self.token else { return Ok(true) };
        if self.is_generated && equal(guess, token) {
            return Ok(true);
        }
        let _place = self.waiting.try_acquire().map_err(|_| {
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens: try again in a while")
        })?;
        let mut guesses = self.guesses.lock().await;
        sleep_until(guesses.next).await;
        let is_right = equal(guess, token);
        guesses.wrong = if is_right { 0 } else { guesses.wrong.saturating_add(1) };
        if !is_right {
            let slowed = SLOWED.saturating_mul(1 << guesses.wrong.saturating_sub(1).min(10));
            guesses.next = Instant::now() + slowed.min(MOST_SLOWED);
        }
        Ok(is_right)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guess {
    token: String,
}

/// Gives a cookie and the page's token for the right token, or where none is asked for.
pub async fn enter(State(door): State<Arc<Door>>, Body(guess): Body<Guess>) -> Answer<Response> {
    if !door.is_right(&guess.token).await? {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "this is not the token of this server"));
    }
    // Lax: a link may come from anywhere.
    let cookie = format!("{}={}; HttpOnly; SameSite=Lax; Path=/", door.cookie(), door.session);
    let cookie = HeaderValue::from_str(&cookie).expect("digits and letters");
    let told = Json(json!({"page_token": door.page_token}));
    Ok(([(header::SET_COOKIE, cookie)], told).into_response())
}

/// Whether two secrets are equal, in a time that does not reveal how far.
pub fn equal(a: &str, b: &str) -> bool {
    // blake3's hashes compare in constant time.
    blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

/// Random bytes, two digits each.
pub fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the system has random numbers");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file that leads to the page, as long as this lives.
pub struct Opened(Option<PathBuf>);

/// Opens the page in a browser by a file that only this user can read: every user sees the command lines of programs, so
/// the address must not be in one.
pub fn open_in_browser(address: &str, port: u16) -> Opened {
    let folder = dirs::cache_dir().map(|folder| folder.join("pawgrad"));
    let path = folder.map(|folder| folder.join(format!("open-{port}.html")));
    let opened = path.filter(|path| write_private(path, address).is_ok());
    if let Some(path) = &opened {
        // Where there is no browser, the address was printed all the same.
        let _ = open::that_detached(path);
    }
    Opened(opened)
}

fn write_private(path: &std::path::Path, address: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Of a server that was killed; whoever opened it then must not see what is in it now.
    let _ = std::fs::remove_file(path);
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let html = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0;url={address}\"><title>pawgrad studio</title>\n"
    );
    std::io::Write::write_all(&mut options.open(path)?, html.as_bytes())
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
