//! The stream of changes, for whoever wants to be told rather than to ask (server-sent events).
//!
//! What is sent is made once, however many listen. A client that is too slow for it misses some, and is
//! told so; it holds nobody up.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use status_core::{Action, Input, Note, Now};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use super::{AppState, Problem, system};
use crate::driver::Observer;
use crate::view::event::NamedEventView;

/// How often the system is told of even if nothing changed: proxies end a connection that is silent for a
/// minute, and a page notices that nothing comes any more.
const PULSE: Duration = Duration::from_secs(5);
/// Not more often than this is the system told of, however much changes.
const PAUSE: Duration = Duration::from_millis(500);
/// How many messages a slow client may lag behind.
const BACKLOG: usize = 256;

/// Who listens to the stream of changes. It is cheap to clone, and all clones are one.
#[derive(Clone)]
pub struct Live {
    messages: broadcast::Sender<Bytes>,
    free: Arc<Semaphore>,
    most: usize,
    stop: CancellationToken,
}

impl Live {
    /// Nobody listens yet, and at most so many may. At `stop`, all are let go.
    #[must_use]
    pub fn new(most: usize, stop: CancellationToken) -> Self {
        Self { messages: broadcast::Sender::new(BACKLOG), free: Arc::new(Semaphore::new(most)), most, stop }
    }

    /// How many listen.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.most - self.free.available_permits()
    }
}

/// Tells of each change in health as it happens.
impl Observer for Live {
    fn input(&mut self, _: Now, _: &Input) {}

    fn action(&mut self, _: Now, action: &Action) {
        if let Action::Note(Note::Event { experiment, event, .. }) = action {
            // That nobody listens is no matter.
            let _ = self.messages.send(message("health", &NamedEventView::new(experiment, event)));
        }
    }
}

/// Tells of the system when it has changed, and every few seconds, until the end.
pub async fn tell(app: AppState) {
    let live = app.live().clone();
    let mut versions = app.shared().versions();
    loop {
        tokio::select! {
            () = live.stop.cancelled() => return,
            _ = tokio::time::timeout(PULSE, versions.changed()) => {}
        }
        if live.messages.receiver_count() > 0 {
            let _ = live.messages.send(message("system", &system::view(&app)));
        }
        tokio::select! {
            () = live.stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// A message as it goes over the wire: JSON has no line breaks where it is not asked to.
fn message(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("all keys are text, and nothing in it fails");
    format!("event: {name}\ndata: {data}\n\n").into()
}

/// The stream of changes.
#[utoipa::path(
    get,
    path = "/api/v1/stream",
    operation_id = "stream",
    responses(
        (
            status = 200,
            description = "Server-sent events. `system` holds what /api/v1/system answers: at once, on each change, \
                           and every 5 s. `health` holds a change in health, as in /api/v1/events. `missed` tells a \
                           client that was too slow how many messages it missed.",
            body = str,
            content_type = "text/event-stream"
        ),
        (status = 405, description = "Only GET and HEAD are allowed", body = Problem),
        (status = 503, description = "Too many clients listen: ask again later", body = Problem)
    )
)]
pub(super) async fn listen(State(app): State<AppState>) -> Response {
    let live = app.live();
    let Ok(place) = Arc::clone(&live.free).try_acquire_owned() else {
        let problem = format!("{} clients listen already, and no more may", live.most);
        let answer = Problem::answer(StatusCode::SERVICE_UNAVAILABLE, problem);
        return ([(header::RETRY_AFTER, "30")], answer).into_response();
    };
    // First the place among those who listen, then how things stand: so nothing is missed in between.
    let listener = Listener { coming: live.messages.subscribe(), stop: live.stop.clone(), _place: place };
    let first = [Bytes::from_static(b"retry: 3000\n\n"), message("system", &system::view(&app))];
    let begin = stream::iter(first.map(Ok::<_, Infallible>));
    let rest = stream::unfold(listener, |mut listener| async {
        listener.next().await.map(|message| (Ok(message), listener))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Proxies are not to collect what is meant for now.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(futures_util::StreamExt::chain(begin, rest))).into_response()
}

struct Listener {
    coming: broadcast::Receiver<Bytes>,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    async fn next(&mut self) -> Option<Bytes> {
        let next = tokio::select! {
            () = self.stop.cancelled() => return None,
            next = self.coming.recv() => next,
        };
        match next {
            Ok(message) => Some(message),
            Err(RecvError::Lagged(missed)) => Some(format!("event: missed\ndata: {missed}\n\n").into()),
            Err(RecvError::Closed) => None,
        }
    }
}
