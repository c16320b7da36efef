//! What happens, in order and numbered: read as a stream, or as a list from any number on.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Messages come no closer than this: a fast device makes thousands of steps a second.
const PAUSE: Duration = Duration::from_millis(100);

/// The events of the run in progress, or of the last one.
pub struct Log {
    boot: String,
    events: Mutex<Events>,
    /// How many events there have been.
    count: watch::Sender<u64>,
}

#[derive(Default)]
struct Events {
    /// Number of the first event that is kept, less one.
    before: u64,
    kept: Vec<Arc<RawValue>>,
}

/// Events up to `id`.
#[derive(Serialize)]
pub struct Part {
    id: String,
    events: Vec<Arc<RawValue>>,
}

impl Log {
    pub fn new(boot: String) -> Log {
        Log { boot, events: Mutex::default(), count: watch::Sender::new(0) }
    }

    /// Appends an event.
    pub fn push(&self, event: &impl Serialize) {
        let event = to_raw_value(event).expect("events are plain data").into();
        let mut events = self.events.lock().unwrap();
        events.kept.push(event);
        self.count.send_replace(events.before + events.kept.len() as u64);
    }

    /// Whether a stream is open.
    pub fn is_watched(&self) -> bool {
        self.count.receiver_count() > 0
    }

    /// Forgets the events of the run before; numbers go on.
    pub fn clear(&self) {
        let mut events = self.events.lock().unwrap();
        events.before += events.kept.len() as u64;
        events.kept.clear();
    }

    /// The events after number `after`, and the number of the last. Where some of them are gone, or `after` is of
    /// another process, everything that is kept, behind an event that says so.
    fn part(&self, after: Option<u64>) -> (u64, Part) {
        let events = self.events.lock().unwrap();
        let last = events.before + events.kept.len() as u64;
        let known = after.filter(|after| (events.before..=last).contains(after));
        let mut part = Vec::new();
        if known.is_none() {
            part.push(to_raw_value(&serde_json::json!({"type": "reset"})).expect("plain data").into());
        }
        let skipped = known.map_or(0, |after| (after - events.before) as usize);
        part.extend(events.kept[skipped..].iter().cloned());
        (last, Part { id: format!("{}-{last}", self.boot), events: part })
    }

    /// The number in an id of this process.
    fn number(&self, id: &str) -> Option<u64> {
        id.strip_prefix(&self.boot)?.strip_prefix('-')?.parse().ok()
    }
}

/// From where on.
#[derive(Deserialize)]
pub struct After {
    #[serde(default)]
    after: String,
}

/// Server-sent events: one message for all that happened since the last.
pub async fn stream(
    State(log): State<Arc<Log>>,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or(&query.after);
    let after = log.number(last);
    let count = log.count.subscribe();
    let events = futures_util::stream::unfold((log, count, after, true), async |state| {
        let (log, mut count, after, is_first) = state;
        if !is_first {
            tokio::time::sleep(PAUSE).await;
        }
        if !is_first || after == Some(*count.borrow()) {
            let from = after.unwrap_or_default();
            count.wait_for(|count| *count != from).await.ok()?;
        }
        let (last, part) = log.part(after);
        let data = serde_json::to_string(&part.events).expect("events are plain data");
        Some((Ok(Event::default().id(part.id).data(data)), (log, count, Some(last), false)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// The same, once.
pub async fn poll(State(log): State<Arc<Log>>, Query(query): Query<After>) -> Json<Part> {
    Json(log.part(log.number(&query.after)).1)
}
