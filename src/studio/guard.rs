//! Who may ask, and what every answer carries.
//!
//! A page on the web can make a browser send requests to this machine. So: the name in `Host` must be this machine's
//! (a foreign name that was pointed here, "DNS rebinding", is refused), requests from other origins are refused, and
//! whatever changes something needs a header that other origins cannot send, with a token that they cannot read.

use super::answer::{Answer, Refusal};
use super::pictures::MAX_BYTES;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// Scripts and everything else from here alone; the chart library sets styles of elements.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The header that carries the page's token.
const TOKEN: HeaderName = HeaderName::from_static("x-pawgrad-token");

/// What is checked of each request.
pub struct Door {
    host: IpAddr,
    port: u16,
    /// New with each process; the page gets it in its HTML.
    pub token: String,
    /// What a visitor must know, where others than this machine may visit.
    access: Option<String>,
}

impl Door {
    pub fn new(host: IpAddr, port: u16, access: Option<String>) -> Door {
        Door { host, port, token: random_hex(16), access }
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Answer<()> {
        let host = self.check_host(headers)?;
        check_origin(method, uri, headers, host)?;
        if let Some(access) = &self.access
            && !self.cookies(headers).any(|cookie| equal(cookie, access))
        {
            return Err(refused("this server needs its token: open the address that it printed"));
        }
        if method == Method::GET || method == Method::HEAD {
            return Ok(());
        }
        if method != Method::POST {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "GET and POST are answered here"));
        }
        let content =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_upload = uri.path() == "/api/pictures" && content == "application/octet-stream";
        if content != "application/json" && !is_upload {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "changes are asked for as application/json",
            ));
        }
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|len| len > MAX_BYTES) {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the file is larger than {} MiB", MAX_BYTES >> 20),
            ));
        }
        match headers.get(TOKEN).and_then(|value| value.to_str().ok()) {
            Some(token) if equal(token, &self.token) => Ok(()),
            _ => Err(refused("the token is missing or of an earlier server: reload the page")),
        }
    }

    /// The one `Host`, if it is a name of this machine with this server's port.
    fn check_host<'a>(&self, headers: &'a HeaderMap) -> Answer<&'a str> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "one Host header is needed"));
        };
        let host = host.to_str().unwrap_or_default();
        let suffix = format!(":{}", self.port);
        // A browser leaves out the port of http.
        let name = host.strip_suffix(&suffix).or((self.port == 80).then_some(host)).unwrap_or_default();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_here = match address {
            Ok(address) => address.is_loopback() || (self.access.is_some() && address == self.host),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        };
        // With a token any address may be this machine's own, where all of them are served.
        let is_any = self.access.is_some() && self.host.is_unspecified() && address.is_ok();
        if is_here || is_any { Ok(host) } else { Err(refused("this is not the name of this server")) }
    }
}

/// Refuses what another site's page asks for. It may link here, which asks for the page alone.
fn check_origin(method: &Method, uri: &Uri, headers: &HeaderMap, host: &str) -> Answer<()> {
    let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_link = method == Method::GET && uri.path() == "/" && value("sec-fetch-mode") == Some("navigate");
    let site_is_right = matches!(value("sec-fetch-site"), None | Some("same-origin" | "none")) || is_link;
    let origins = headers.get_all(header::ORIGIN).iter();
    let origin_is_right =
        origins.into_iter().all(|origin| origin.as_bytes() == format!("http://{host}").as_bytes());
    if site_is_right && origin_is_right {
        Ok(())
    } else {
        Err(refused("requests from other sites are refused"))
    }
}

fn refused(message: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, message)
}

/// Whether two secrets are equal, in a time that does not tell how far.
fn equal(a: &str, b: &str) -> bool {
    // blake3's hashes compare in constant time.
    blake3::hash(a.as_bytes()) == blake3::hash(b.as_bytes())
}

/// Random bytes, two digits each.
pub fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).expect("the system has random numbers");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks a request before anything else sees it.
pub async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let mut response = match door.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => door.let_in(&request).unwrap_or_else(|| refusal.into_response()),
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Door {
    /// The cookie that carries the token. Cookies do not tell ports apart, so its name does.
    fn cookie(&self) -> String {
        format!("pawgrad-{}", self.port)
    }

    /// Values of the cookies that carry the token.
    fn cookies<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let own = self.cookie();
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(move |(name, _)| *name == own).map(|(_, value)| value)
    }

    /// For a visitor who opened the address with the right token: a cookie with it, and the page without it in the
    /// address.
    fn let_in(&self, request: &Request) -> Option<Response> {
        let access = self.access.as_ref()?;
        self.check_host(request.headers()).ok()?;
        let token = request.uri().query()?.strip_prefix("token=")?;
        if request.method() != Method::GET || request.uri().path() != "/" || !equal(token, access) {
            return None;
        }
        let mut response = Redirect::to("/").into_response();
        // Lax: a link with the token may come from anywhere; what changes something needs the page's token as well.
        let cookie = format!("{}={access}; HttpOnly; SameSite=Lax; Path=/", self.cookie());
        response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
        Some(response)
    }
}
