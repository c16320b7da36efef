//! The studio: a web page that trains, watches, predicts and looks inside, served to this machine alone.
//!
//! The server owns the truth and the page is a view: training runs in a thread of its own through the same code as the
//! command line; what happens goes into one numbered log, which any page can read from any place on.
//!
//! ```text
//! guard      what may be asked: host, origin, cookie and token; what every answer carries
//! door       who is let in: a token is exchanged for a cookie and the page's token, and guesses are slow
//! visitors   how many may come, how long they may take
//! assets     the page itself
//! log        events with numbers, as a stream and as a list
//! training   one run at a time, in its own thread
//! worker     a thread for everything that is not training; one that hangs is replaced
//! models     its devices and models
//! inside     what each layer makes of a picture, the arithmetic behind one value, and the gradients
//! seen, gradients, heat, insides, atlas      the same as the page asks for it, by number, as pictures
//! microscope a thread of a shader, line by line
//! lab        a shader that somebody edits, and the exercises
//! folders, pictures, runs, sources, devices, networks      what the page asks about
//! steps, download      of a run: its curve, its model
//! ```

mod advice;
mod answer;
mod assets;
mod atlas;
mod devices;
mod door;
mod download;
mod fields;
mod folders;
mod gradients;
mod guard;
mod heat;
pub mod inside;
mod insides;
mod lab;
mod log;
mod microscope;
mod models;
mod networks;
mod pictures;
mod predict;
mod recent;
mod runs;
mod seen;
mod sources;
mod steps;
mod training;
mod visitors;
mod worker;

pub use door::Access;
pub use models::OpenDevice;

use crate::error::{Remedy, Result, error};
use answer::Answer;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Threads for what takes a while: each may have a file open, or a picture in memory.
const BLOCKING: usize = 16;

/// How often to look whether a run that was stopped is saved.
const WAITING: Duration = Duration::from_millis(10);

/// How to serve.
pub struct Options {
    pub host: IpAddr,
    /// 0 for any that is free.
    pub port: u16,
    pub access: Access,
    /// Whether to open the page in a browser.
    pub open: bool,
    pub open_device: OpenDevice,
    /// Says at the terminal that the run in progress is saved first.
    pub stopping: fn(),
}

/// What requests share; each takes the parts that it needs.
#[derive(Clone, FromRef)]
struct Studio {
    /// Of this process: numbers of events mean nothing to another.
    #[from_ref(skip)]
    boot: String,
    door: Arc<door::Door>,
    log: Arc<log::Log>,
    training: Arc<training::Training>,
    worker: Arc<worker::Worker>,
    folders: Arc<folders::Folders>,
    pictures: Arc<pictures::Pictures>,
    insides: Arc<insides::Insides>,
    microscopes: Arc<microscope::Microscopes>,
    lab: Arc<lab::Lab>,
    devices: Arc<tokio::sync::OnceCell<Vec<devices::Listed>>>,
}

/// Serves until `asked_to_end`, and then until the run in progress is saved; `ready` gets the page's address.
///
/// # Errors
/// `Usage` for a host that others can reach without a token; `Other` where the port cannot be had.
pub fn serve(
    options: &Options,
    asked_to_end: impl Future<Output = ()>,
    ready: impl FnOnce(&str),
) -> Result<()> {
    if !options.host.is_loopback() && matches!(options.access, Access::Everyone) {
        let why = error!(Usage, "{} lets others than this machine in: they must know a token", options.host);
        return Err(why.with(Remedy::Token));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING)
        .thread_keep_alive(Duration::MAX)
        .build()
        .map_err(|why| error!(Other, "the server cannot start: {why}"))?;
    let served = runtime.block_on(async {
        let address = SocketAddr::new(options.host, options.port);
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|why| error!(Other, "{address} cannot be served: {why}").with(Remedy::OtherPort))?;
        let address =
            listener.local_addr().map_err(|why| error!(Other, "the server has no address: {why}"))?;
        // One thread for what takes a while lives from now on: later the system may have none left. Where it has none now, the
        // runtime panics, so another one tries.
        let tried = std::thread::Builder::new().spawn(|| ());
        let _ = tried.map_err(|why| error!(Other, "the server cannot start a thread: {why}"))?.join();
        let _ = tokio::task::spawn_blocking(|| ()).await;
        let studio = Studio::new(options, address.port());
        // Nobody can open "all addresses"; and a name could lead to another server, which would be shown the token.
        let shown = match options.host {
            IpAddr::V4(host) if host.is_unspecified() => format!("127.0.0.1:{}", address.port()),
            IpAddr::V6(host) if host.is_unspecified() => format!("[::1]:{}", address.port()),
            _ => address.to_string(),
        };
        let page = format!("http://{shown}/");
        ready(&match options.access {
            Access::Generated => studio.door.address(&page),
            _ => page.clone(),
        });
        let _opened =
            options.open.then(|| door::open_in_browser(&studio.door.address(&page), address.port()));
        tokio::select! {
            () = visitors::serve(listener, router(studio.clone())) => {}
            () = asked_to_end => {}
        }
        // What was trained so far is saved before the process ends; a second signal ends it at once.
        if studio.training.end() {
            (options.stopping)();
        }
        while studio.training.current().is_some() {
            tokio::time::sleep(WAITING).await;
        }
        Ok(())
    });
    // Nobody waits for answers that are still being computed.
    runtime.shutdown_background();
    served
}

impl Studio {
    fn new(options: &Options, port: u16) -> Studio {
        let boot = door::random_hex(4);
        let log = Arc::new(log::Log::new(boot.clone()));
        let insides: Arc<insides::Insides> = Arc::default();
        let worker = Arc::new(worker::Worker::new(options.open_device));
        let training =
            training::Training::new(options.open_device, log.clone(), insides.clone(), worker.clone());
        Studio {
            boot,
            door: door::Door::new(options.host, port, &options.access).into(),
            training: training.into(),
            worker,
            folders: Arc::default(),
            pictures: Arc::default(),
            insides,
            microscopes: Arc::default(),
            lab: Arc::default(),
            devices: Arc::default(),
            log,
        }
    }
}

fn router(studio: Studio) -> Router {
    Router::new()
        .route("/", get(assets::index))
        .route("/enter", get(assets::entrance))
        .route("/{name}", get(assets::file))
        .route("/api/enter", post(door::enter))
        .route("/api/state", get(state))
        .route("/api/events", get(log::stream))
        .route("/api/events/poll", get(log::poll))
        .route("/api/train", post(training::start))
        .route("/api/stop", post(training::stop))
        .route("/api/follow", post(training::follow))
        .route("/api/runs", get(runs::list))
        .route("/api/runs/{run}", get(runs::show))
        .route("/api/runs/{run}/model", get(download::model))
        .route("/api/runs/{run}/resume", post(training::resume))
        .route("/api/runs/{run}/rename", post(runs::rename))
        .route("/api/runs/{run}/delete", post(runs::delete))
        .route("/api/runs/{run}/mistakes", get(predict::mistakes))
        .route("/api/folders", post(folders::open))
        .route("/api/folders/complete", post(folders::complete))
        .route("/api/folders/{folder}/check", post(folders::check))
        .route("/api/folders/{folder}/{picture}", get(folders::thumbnail))
        .route("/api/pictures", post(pictures::add))
        .route("/api/pictures/{picture}", get(pictures::show))
        .route("/api/predict", post(predict::predict))
        .route("/api/inside", post(seen::look))
        .route("/api/inside/{inside}", get(seen::show))
        .route("/api/inside/{inside}/gradients", post(gradients::find))
        .route("/api/inside/{inside}/gradients/{label}/{layer}", get(gradients::maps))
        .route("/api/inside/{inside}/gradients/{label}/{layer}/values", get(gradients::values))
        .route("/api/inside/{inside}/gradients/{label}/{layer}/unit", get(gradients::unit))
        .route("/api/inside/{inside}/filters", get(seen::filters))
        .route("/api/inside/{inside}/heat", get(heat::show).post(heat::find))
        .route("/api/inside/{inside}/{layer}", get(seen::maps))
        .route("/api/inside/{inside}/{layer}/values", get(seen::values))
        .route("/api/inside/{inside}/{layer}/unit", get(seen::unit))
        .route("/api/microscope", post(microscope::open))
        .route("/api/microscope/{microscope}/step", post(microscope::step))
        .route("/api/lab", post(lab::try_text))
        .route("/api/lab/time", post(lab::time))
        .route("/api/exercises", get(lab::exercises))
        .route("/api/source", get(sources::show))
        .route("/api/networks/{network}", get(networks::show))
        .route("/api/networks/{network}/graph", get(networks::graph))
        .fallback(|| async { answer::not_found("there is no such page") })
        // The guard reads bodies, and knows how large each may be.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(studio.clone(), guard::guard))
        .with_state(studio)
}

/// What a page needs to begin.
async fn state(State(studio): State<Studio>) -> Answer<Json<Value>> {
    let devices = studio.devices.get_or_try_init(devices::list).await?;
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "boot": studio.boot,
        "devices": devices,
        "fields": fields::all(),
        "training": studio.training.current(),
    })))
}
