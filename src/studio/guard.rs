//! What may be asked, and what every answer carries.
//!
//! A page on the web can make a browser send requests to this machine. So: the name in `Host` must be this machine's
//! (a foreign name that was pointed here, "DNS rebinding", is refused), requests from other origins are refused, and
//! whatever changes something needs a header that other origins cannot send, with a token that they cannot read. All but
//! the entrance needs the cookie of a visitor whom the door let in; the cookie alone reads and changes nothing.

use super::answer::{Answer, Refusal};
use super::door::{Door, equal};
use super::pictures::MAX_BYTES;
use super::visitors::{Visit, too_large, whole};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::net::IpAddr;
use std::sync::Arc;

/// Scripts and everything else from here alone; the chart library sets styles of elements.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The header that carries the page's token.
const TOKEN: HeaderName = HeaderName::from_static("x-pawgrad-token");

/// What visitors are sent away with.
const AWAY: [StatusCode; 5] = [
    StatusCode::FORBIDDEN,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

/// What strangers get to see: the form that asks for the token.
const ENTRANCE: [&str; 6] = ["/", "/enter", "/enter.js", "/door.js", "/style.css", "/favicon.svg"];
/// Where they send it.
const ENTER: &str = "/api/enter";

impl Door {
    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Answer<()> {
        let host = self.check_host(headers)?;
        check_origin(method, uri, headers, host)?;
        let is_reading = method == Method::GET || method == Method::HEAD;
        let is_entrance = match is_reading {
            true => ENTRANCE.contains(&uri.path()),
            false => uri.path() == ENTER,
        };
        if !is_entrance && !self.knows(headers) {
            let why = refused("this server needs its token: open the address that it printed");
            return Err(why.with("stranger", json!(true)));
        }
        if is_reading {
            return Ok(());
        }
        if method != Method::POST {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "GET and POST are answered here"));
        }
        let (content, is_upload) = (content_type(headers), is_upload(uri, headers));
        if content != "application/json" && !is_upload {
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "changes are asked for as application/json",
            ));
        }
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|len| len > MAX_BYTES) {
            return Err(too_large(is_upload));
        }
        if is_entrance {
            return Ok(());
        }
        match headers.get(TOKEN).and_then(|value| value.to_str().ok()) {
            Some(token) if equal(token, &self.page_token) => Ok(()),
            // The page goes to the entrance.
            _ => {
                let why = refused("this page must enter anew: open the address that the server printed");
                Err(why.with("outdated", json!(true)))
            }
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
            Ok(address) => address.is_loopback() || (self.is_closed() && address == self.host),
            Err(_) => name.eq_ignore_ascii_case("localhost"),
        };
        // With a token any address may be this machine's own, where all of them are served.
        let is_any = self.is_closed() && self.host.is_unspecified() && address.is_ok();
        if is_here || is_any { Ok(host) } else { Err(refused("this is not the name of this server")) }
    }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Whether the body is a picture.
fn is_upload(uri: &Uri, headers: &HeaderMap) -> bool {
    uri.path() == "/api/pictures" && content_type(headers) == "application/octet-stream"
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

/// Checks a request before anything else sees it.
pub async fn guard(
    State(door): State<Arc<Door>>,
    Extension(visit): Extension<Arc<Visit>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match door.check(request.method(), request.uri(), request.headers()) {
        Ok(()) => {
            let _working = visit.work(door.knows(request.headers()));
            let is_upload = is_upload(request.uri(), request.headers());
            match whole(request, is_upload).await {
                Ok(request) => next.run(request).await,
                Err(refusal) => refusal.into_response(),
            }
        }
        Err(refusal) => refusal.into_response(),
    };
    // Whoever was sent away does not keep a place.
    if AWAY.contains(&response.status()) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
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
