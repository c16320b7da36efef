//! The page: files that are part of this program.

use super::answer::{Answer, not_found};
use super::door::Door;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use rust_embed::Embed;
use std::sync::{Arc, LazyLock};

#[derive(Embed)]
#[folder = "src/studio/page"]
struct Page;

/// The chart library, out of the elements that the crate puts it into for files of its own.
static PLOTLY: LazyLock<String> = LazyLock::new(|| {
    let elements = plotly::Plot::offline_js_sources();
    let (_, script) = elements.split_once('>').expect("a script element");
    // MathJax follows, which the page does not need.
    let (script, _) = script.split_once("</script>\n").expect("the end of the first element");
    script.to_string()
});

/// The page; for strangers the entrance.
pub async fn index(State(door): State<Arc<Door>>, headers: HeaderMap) -> Answer<Response> {
    if door.knows(&headers) { html("index.html", &door) } else { html("enter.html", &door) }
}

/// The form that asks for the token, also for those who have the cookie alone.
pub async fn entrance(State(door): State<Arc<Door>>) -> Answer<Response> {
    html("enter.html", &door)
}

fn html(name: &str, door: &Door) -> Answer<Response> {
    let file = Page::get(name).ok_or_else(|| not_found("this program was built without its page"))?;
    let html = String::from_utf8_lossy(&file.data).replace("{{open}}", &(!door.is_closed()).to_string());
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

/// Whatever the page consists of.
pub async fn file(Path(name): Path<String>) -> Answer<Response> {
    let kind = match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => return Err(not_found("there is no such file")),
    };
    let kind = [(header::CONTENT_TYPE, kind)];
    if name == "plotly.js" {
        return Ok((kind, PLOTLY.as_str()).into_response());
    }
    let file = Page::get(&name).ok_or_else(|| not_found("there is no such file"))?;
    Ok((kind, file.data).into_response())
}
