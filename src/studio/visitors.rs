//! Limits on what visitors may take: connections, time, memory. A run goes on whatever they do, so most of the descriptors
//! of files are left to it.

use super::answer::{Answer, Refusal};
use super::pictures::MAX_BYTES;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::{Extension, Router};
use futures_util::StreamExt;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::timeout;

/// Connections at a time, where the system allows enough descriptors.
const MOST: usize = 256;
/// Of all descriptors, visitors get one in so many.
const SHARE: u64 = 4;
/// Time for the head of a request, also from the end of the one before.
const HEAD: Duration = Duration::from_secs(10);
/// Most bytes of a head.
const HEAD_BYTES: usize = 64 << 10;
/// Time for a body, and between two parts of it.
const BODY: Duration = Duration::from_secs(120);
const SILENCE: Duration = Duration::from_secs(10);
/// Most bytes of a body of JSON.
const JSON_BYTES: usize = 256 << 10;
/// Uploads that are read at a time, for each may take its whole size of memory.
static UPLOADS: Semaphore = Semaphore::const_new(8);
/// Before another connection is tried where one could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection.
#[derive(Default)]
pub struct Visit {
    /// Whether the door has let its visitor in.
    is_known: AtomicBool,
    /// Requests that are being answered.
    working: AtomicU32,
}

/// A request that is being answered.
pub struct Working<'a>(&'a Visit);

impl Visit {
    /// Until the value is dropped, this connection is the last that has to give way.
    pub fn work(&self, is_known: bool) -> Working<'_> {
        self.is_known.fetch_or(is_known, Ordering::Relaxed);
        self.working.fetch_add(1, Ordering::Relaxed);
        Working(self)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.working.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The connections, by the order in which they came.
type Visits = Arc<Mutex<BTreeMap<u64, (Arc<Visit>, AbortHandle)>>>;

/// Answers whoever comes, for ever.
pub async fn serve(listener: TcpListener, router: Router) {
    let (visits, most) = (Visits::default(), most());
    for number in 0.. {
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                // The system is short of something for the moment, or who came has left again.
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
        welcome(&visits, most, number, stream, &router);
        // So that it can say who it is before the next one comes, to whom a stranger would have to give way.
        tokio::task::yield_now().await;
    }
}

/// Answers a connection from now on; where there are as many as there may be, another gives way.
fn welcome(visits: &Visits, most: usize, number: u64, stream: TcpStream, router: &Router) {
    let mut known = visits.lock().unwrap();
    while known.len() >= most {
        let least = least(&known);
        known.remove(&least).expect("it is one of them").1.abort();
    }
    let visit = Arc::new(Visit::default());
    let answers = answer(stream, router.clone().layer(Extension(visit.clone())));
    let of_task = visits.clone();
    let task = tokio::spawn(async move {
        answers.await;
        of_task.lock().unwrap().remove(&number);
    });
    known.insert(number, (visit, task.abort_handle()));
}

/// How many connections there may be.
fn most() -> usize {
    let descriptors = descriptors().map_or(MOST, |all| usize::try_from(all / SHARE).unwrap_or(MOST));
    descriptors.clamp(1, MOST)
}

/// How many files this process may have open.
#[cfg(unix)]
fn descriptors() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call fills in the struct, which is this function's own.
    (unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } == 0).then_some(limit.rlim_cur)
}

#[cfg(not(unix))]
fn descriptors() -> Option<u64> {
    None
}

/// The connection that gives way to a new one: a stranger's before a visitor's, one that is idle before one that is
/// answered, and of those the oldest.
fn least(known: &BTreeMap<u64, (Arc<Visit>, AbortHandle)>) -> u64 {
    let rank = |(number, (visit, _)): &(&u64, &(Arc<Visit>, AbortHandle))| {
        let is_known = visit.is_known.load(Ordering::Relaxed);
        (is_known, visit.working.load(Ordering::Relaxed) > 0, **number)
    };
    *known.iter().min_by_key(rank).expect("there are too many").0
}

/// Answers the requests of a connection, one after the other, until it ends or takes too long.
async fn answer(stream: TcpStream, router: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    // What goes wrong is the visitor's: it is told, where that is still possible.
    let _ = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}

/// The request with its whole body, which must not be larger than what its kind may be, nor come too slowly.
pub async fn whole(request: Request, is_upload: bool) -> Answer<Request> {
    read_whole(request, is_upload, SILENCE, BODY).await
}

async fn read_whole(request: Request, is_upload: bool, silence: Duration, all: Duration) -> Answer<Request> {
    let slow = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body of the request came too slowly");
    let (head, body) = request.into_parts();
    let (mut parts, mut bytes) = (body.into_data_stream(), Vec::new());
    let most = if is_upload { MAX_BYTES } else { JSON_BYTES };
    let read = async {
        let _place = if is_upload { UPLOADS.acquire().await.ok() } else { None };
        while let Some(part) = timeout(silence, parts.next()).await.map_err(slow)? {
            let part =
                part.map_err(|why| Refusal::new(StatusCode::BAD_REQUEST, format!("no body: {why}")))?;
            if bytes.len() + part.len() > most {
                return Err(too_large(is_upload));
            }
            bytes.try_reserve(part.len()).map_err(|_| no_memory(bytes.len() + part.len()))?;
            bytes.extend_from_slice(&part);
        }
        Ok(())
    };
    timeout(all, read).await.map_err(slow)??;
    Ok(Request::from_parts(head, Body::from(bytes)))
}

/// What is answered to more than is taken.
pub fn too_large(is_upload: bool) -> Refusal {
    let most =
        if is_upload { format!("{} MiB", MAX_BYTES >> 20) } else { format!("{} KiB", JSON_BYTES >> 10) };
    let what = if is_upload { "file" } else { "request" };
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the {what} is larger than {most}"))
}

/// For a body of which so many bytes have come.
fn no_memory(bytes: usize) -> Refusal {
    let message = format!(
        "this machine has no memory just now for a request of {:.1} MiB: try again",
        bytes as f64 / f64::from(1 << 20)
    );
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
}

#[cfg(test)]
mod tests {
    use super::{Body, Request, read_whole};
    use futures_util::stream::unfold;
    use std::time::Duration;
    use tokio::time::sleep;

    /// What becomes of a body of so many parts, with this time in ms between them.
    fn read(parts: u32, pause: u64) -> Result<(), String> {
        let body = unfold(0, move |part| async move {
            sleep(Duration::from_millis(pause)).await;
            (part < parts).then_some((Ok::<_, std::io::Error>("x"), part + 1))
        });
        let request = Request::new(Body::from_stream(body));
        let limits = [1000, 2000].map(Duration::from_millis);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let whole = runtime.block_on(read_whole(request, false, limits[0], limits[1]));
        whole.map(drop).map_err(|why| why.message().to_string())
    }

    #[test]
    fn a_body_may_not_take_for_ever_though_it_is_never_silent_for_long() {
        assert_eq!(read(5, 100), Ok(()));
        for slow in [read(100, 100), read(1, 5000)] {
            assert!(slow.is_err_and(|why| why.contains("too slowly")));
        }
    }
}
