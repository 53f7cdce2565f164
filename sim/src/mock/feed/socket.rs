//! The websockets of a feed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::access::Grant;
use super::{Control, Fault, Listener, Shared};
use crate::mock::http::BAD_GATEWAY;

/// A listener that has not read for this long is disconnected.
const SLOW_READER: Duration = Duration::from_secs(10);
/// A write that takes so long had to wait for the reader.
const WAITED: Duration = Duration::from_millis(50);

/// Serves one connection until it ends.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let mut state = shared.control.subscribe();
    let Control { fault, drops } = state.borrow_and_update().clone();
    if fault == Fault::Down {
        return refuse(stream).await;
    }
    if fault == Fault::Hang {
        return hang(stream, state).await;
    }
    let dropped = async { drop(state.wait_for(|now| now.drops != drops).await) };
    tokio::select! {
        () = dropped => {}
        () = converse(&shared, stream, peer) => {}
    }
}

/// What nginx says in front of a service that is down.
async fn refuse(mut stream: TcpStream) {
    let head = "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nConnection: close\r\n";
    let answer = format!("{head}Content-Length: {}\r\n\r\n{BAD_GATEWAY}", BAD_GATEWAY.len());
    let _ = stream.write_all(answer.as_bytes()).await;
    // Closed with the request still unread, it would be reset before the answer is read.
    let _ = stream.shutdown().await;
    let _ = timeout(Duration::from_secs(1), stream.read(&mut [0; 4096])).await;
}

/// Accepts and never says anything, until the fault is over.
async fn hang(stream: TcpStream, mut state: watch::Receiver<Control>) {
    drop(state.wait_for(|now| now.fault != Fault::Hang).await);
    drop(stream);
}

/// Takes the handshake, whatever it asks for, and then gives what its code is good for.
async fn converse(shared: &Shared, stream: TcpStream, peer: SocketAddr) {
    let mut asked = Asked::default();
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let look = |request: &Request, response: Response| asked.look(&shared.base_path, request, response);
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, look).await else { return };
    let _open = Open::new(shared);
    match shared.redeem_code(&asked.code, &asked.path) {
        Some(grant) if grant.path.ends_with("/stats") => {
            let life = grant.expires.saturating_sub(shared.time_of_day());
            // The token's end is the connection's: dropped, without a close frame.
            drop(timeout(life, listen(shared, socket, grant, asked.agent, peer)).await);
        }
        // A bad code, or connected to something else than the statistics.
        Some(_) | None => ignore(socket.into_inner()).await,
    }
}

/// A connection that looks good and on which nothing ever comes, not even a pong.
async fn ignore(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

/// What a client asked for in its handshake.
#[derive(Default)]
struct Asked {
    path: String,
    code: String,
    agent: String,
}

impl Asked {
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    fn look(
        &mut self,
        base_path: &str,
        request: &Request,
        response: Response,
    ) -> Result<Response, ErrorResponse> {
        let uri = request.uri();
        let path = uri.path().strip_prefix(base_path).unwrap_or_default();
        if !(path.starts_with("/session/") || path.starts_with("/connect/")) {
            let mut refusal = ErrorResponse::new(Some("Not Found\n".to_owned()));
            *refusal.status_mut() = tokio_tungstenite::tungstenite::http::StatusCode::NOT_FOUND;
            return Err(refusal);
        }
        path.clone_into(&mut self.path);
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        self.code =
            query.into_iter().find_map(|(k, v)| (k == "code").then(|| v.into_owned())).unwrap_or_default();
        let agent = request.headers().get("user-agent").and_then(|agent| agent.to_str().ok());
        agent.unwrap_or_default().clone_into(&mut self.agent);
        Ok(response)
    }
}

/// Sends a listener everything that is for it, until it has had enough or is too slow.
async fn listen(
    shared: &Shared,
    mut socket: WebSocketStream<TcpStream>,
    grant: Grant,
    agent: String,
    peer: SocketAddr,
) {
    let can_write = grant.can_write;
    let (sender, mut frames) = mpsc::channel(256);
    let mute = shared.fault() == Fault::Mute;
    let listener = Listener::new(grant, agent, peer, sender, shared.time_of_day(), mute);
    let registered = Registered { shared, number: shared.register(listener) };
    loop {
        tokio::select! {
            frame = frames.recv() => {
                // Without one, the feed has let the other end go: the queue ran over.
                let Some(frame) = frame else { return };
                if !send(&mut socket, frame, &mut frames).await {
                    return;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) if can_write => shared.hear(registered.number, &text),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// Counts a websocket for as long as it is open, however it comes to end.
struct Open<'a>(&'a Shared);

impl<'a> Open<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.seen.send_modify(|seen| {
            seen.opened += 1;
            seen.open += 1;
        });
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.seen.send_modify(|seen| seen.open -= 1);
    }
}

/// Lists a listener for as long as it listens, however it comes to end.
struct Registered<'a> {
    shared: &'a Shared,
    number: u64,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.shared.unregister(self.number);
    }
}

/// Sends a frame. What queued up while the reader was slow follows in one frame, with nothing
/// between. False if the connection is no good any more.
async fn send(
    socket: &mut WebSocketStream<TcpStream>,
    frame: Utf8Bytes,
    queue: &mut mpsc::Receiver<Utf8Bytes>,
) -> bool {
    let begun = Instant::now();
    if !matches!(timeout(SLOW_READER, socket.send(Message::text(frame))).await, Ok(Ok(()))) {
        return false;
    }
    if begun.elapsed() < WAITED {
        return true;
    }
    let mut merged = String::new();
    while let Ok(more) = queue.try_recv() {
        merged.push_str(more.as_str());
    }
    merged.is_empty() || matches!(timeout(SLOW_READER, socket.send(Message::text(merged))).await, Ok(Ok(())))
}
