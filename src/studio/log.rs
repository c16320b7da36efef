//! What happens, in order and numbered: read as a stream, or as a list from any number on.

use super::answer::{Answer, Refusal};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Messages come no closer than this: a fast device makes thousands of steps a second.
const PAUSE: Duration = Duration::from_millis(100);

/// Most bytes of the events that are kept. What is older is in the run's folder.
const KEPT: usize = 8 << 20;
/// Most events of one message.
const PAGE: usize = 2000;
/// Streams that are open at a time: the tabs of a browser share one.
const STREAMS: usize = 64;

/// The last events of the run in progress, or of the one before.
pub struct Log {
    boot: String,
    events: Mutex<Events>,
    /// How many events there have been.
    count: watch::Sender<u64>,
}

#[derive(Default)]
struct Events {
    /// The first of the run, which says what it is.
    first: Option<Arc<RawValue>>,
    /// Number of the first event that is kept, less one.
    before: u64,
    kept: VecDeque<Arc<RawValue>>,
    /// Of those that are kept.
    bytes: usize,
    /// Whether some of the run are kept no more.
    has_gap: bool,
}

/// Events up to `id`.
#[derive(Serialize)]
pub struct Part {
    id: String,
    events: Vec<Arc<RawValue>>,
    /// Whether there are more already.
    more: bool,
}

impl Events {
    fn last(&self) -> u64 {
        self.before + self.kept.len() as u64
    }

    fn push(&mut self, event: Arc<RawValue>) {
        self.bytes += event.get().len();
        self.kept.push_back(event);
        while self.bytes > KEPT
            && let Some(oldest) = self.kept.pop_front()
        {
            self.bytes -= oldest.get().len();
            self.before += 1;
            self.has_gap = true;
        }
    }
}

fn raw(event: &impl Serialize) -> Arc<RawValue> {
    to_raw_value(event).expect("events are plain data").into()
}

impl Log {
    pub fn new(boot: String) -> Log {
        Log { boot, events: Mutex::default(), count: watch::Sender::new(0) }
    }

    /// Appends an event.
    pub fn push(&self, event: &impl Serialize) {
        let event = raw(event);
        let mut events = self.events.lock().unwrap();
        events.push(event);
        self.count.send_replace(events.last());
    }

    /// Forgets the events of the run before, and appends the first of a new one; numbers go on.
    pub fn begin(&self, event: &impl Serialize) {
        let event = raw(event);
        let mut events = self.events.lock().unwrap();
        *events = Events { first: Some(event.clone()), before: events.last(), ..Events::default() };
        events.push(event);
        self.count.send_replace(events.last());
    }

    /// Forgets the events of a run that is over and deleted; numbers go on.
    pub fn forget(&self, run: &str) {
        let mut events = self.events.lock().unwrap();
        let is_of_run = |first: &Arc<RawValue>| {
            serde_json::from_str::<Value>(first.get()).is_ok_and(|first| first["run"] == run)
        };
        if events.first.as_ref().is_some_and(is_of_run) {
            *events = Events { before: events.last(), ..Events::default() };
        }
    }

    /// Whether a stream is open.
    pub fn is_watched(&self) -> bool {
        self.count.receiver_count() > 0
    }

    /// The first events after number `after`, and the number of the last of them. Where some of them are gone, or `after` is
    /// of another process, those that are kept, behind an event that says so, the first of the run, and one that says that
    /// those between are in its folder.
    fn part(&self, after: Option<u64>) -> (u64, Part) {
        let events = self.events.lock().unwrap();
        let known = after.filter(|after| (events.before..=events.last()).contains(after));
        let mut part = Vec::new();
        if known.is_none() {
            part.push(raw(&json!({"type": "reset"})));
            if events.has_gap {
                part.extend(events.first.clone());
                part.push(raw(&json!({"type": "gap"})));
            }
        }
        let from = known.unwrap_or(events.before);
        part.extend(events.kept.iter().skip((from - events.before) as usize).take(PAGE).cloned());
        let last = events.last().min(from + PAGE as u64);
        let more = last < events.last();
        (last, Part { id: format!("{}-{last}", self.boot), events: part, more })
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

/// Server-sent events: one message for all that happened since the last, or for as many as fit.
pub async fn stream(
    State(log): State<Arc<Log>>,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    if log.count.receiver_count() >= STREAMS {
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open already"));
    }
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
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// The same, once: `more` says to ask again.
pub async fn poll(State(log): State<Arc<Log>>, Query(query): Query<After>) -> Json<Part> {
    Json(log.part(log.number(&query.after)).1)
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Log, PAGE};
    use serde_json::{Value, json};

    /// All events that a reader gets who begins behind `after`.
    fn read(log: &Log, after: Option<u64>) -> Vec<Value> {
        let (mut last, mut part) = log.part(after);
        let mut all = Vec::new();
        loop {
            assert!(part.events.len() <= PAGE + 3);
            all.extend(part.events.iter().map(|event| serde_json::from_str(event.get()).unwrap()));
            if !part.more {
                return all;
            }
            (last, part) = log.part(Some(last));
        }
    }

    #[test]
    fn a_long_run_takes_no_more_memory_and_has_its_first_and_last_events() {
        let log = Log::new("boot".to_string());
        log.begin(&json!({"type": "run", "run": "of before"}));
        log.begin(&json!({"type": "run", "run": "a"}));
        let text = "x".repeat(200);
        let many = KEPT as u64 / 200 + 1000;
        for step in 0..many {
            log.push(&json!({"type": "step", "step": step, "text": text}));
        }
        assert!(log.events.lock().unwrap().bytes <= KEPT);
        let all = read(&log, None);
        assert_eq!(all[0], json!({"type": "reset"}));
        assert_eq!(all[1], json!({"type": "run", "run": "a"}));
        assert_eq!(all[2], json!({"type": "gap"}));
        let steps: Vec<u64> = all[3..].iter().map(|step| step["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, (many - steps.len() as u64..many).collect::<Vec<_>>(), "the last ones, each once");
        assert!(steps.len() > PAGE * 2);
        // Whoever was there just now misses nothing.
        let last = log.events.lock().unwrap().last();
        assert_eq!(read(&log, Some(last - 3)).len(), 3);
    }
}
