//! Answers HTTP requests, and lets nobody hold it up.
//!
//! `axum::serve` waits for ever for the rest of a half-sent request, and takes any number of
//! connections. This has a limit for each thing that a client could do too slowly or too often, and where all
//! connections are taken, the idlest of the address that has most makes room: so one address holds nobody else up.

mod place;
mod seats;
mod write_timeout;

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::future::join_all;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use status_adapters::clock::{Clock, SystemClock};
use status_adapters::throttle::LogThrottle;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use place::{Place, Refused};
use seats::{Seat, Seats};
use write_timeout::WriteTimeout;

/// How far a client may go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections there are at once. For a further one the idlest makes room.
    connections: usize,
    /// How long a connection may be idle, and how long a request's head may take to arrive: hyper
    /// measures both as one, from the end of the request before it on.
    head: Duration,
    /// How long a client may take no byte of an answer.
    stall: Duration,
    /// How long answers may go on once the server is to stop.
    drain: Duration,
}

const LIMITS: Limits = Limits {
    connections: MOST_CONNECTIONS,
    // Proxies keep idle connections for a minute or so; who closes one first must be the proxy, or
    // it sends a request into a connection that is just being closed. A shorter limit for half-sent
    // heads would keep nobody out, since whoever sends nothing at all may stay as long.
    head: Duration::from_secs(75),
    stall: Duration::from_secs(20),
    drain: Duration::from_secs(2),
};

/// More clients at once than this are no lab's.
const MOST_CONNECTIONS: usize = 4096;

impl Limits {
    /// Idle clients must leave enough files for feeds, book, mail, the store and the log: so they get a
    /// quarter of what this process may have open.
    #[must_use]
    pub fn of_this_process() -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::with_files(usize::try_from(files).unwrap_or(usize::MAX))
    }

    fn with_files(files: usize) -> Self {
        Self { connections: (files / 4).clamp(16, MOST_CONNECTIONS), ..LIMITS }
    }

    /// How many of them may be streams, which stay open for hours: others must be answered, too.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.connections / 2
    }
}

/// How many bytes a request's head may have, and more or less how many are held for a connection.
const HEAD_BYTES: usize = 16 * 1024;

/// How long to wait after a connection could not be taken, most often for want of files: they come
/// back only when others end.
const PAUSE: Duration = Duration::from_millis(200);

/// Answers with `app` at every listener until `stop`, and then for at most two seconds more. HTTP/1 only: HTTP/2 is
/// a matter for the proxy in front.
pub async fn serve(limits: Limits, listeners: Vec<TcpListener>, app: Router, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let reception = Reception {
        limits,
        seats: Seats::new(limits.connections),
        connections: connections.clone(),
        app,
        stop,
    };
    // While answers go on, no listener is left: nobody else is to hope for one.
    join_all(listeners.into_iter().map(|listener| reception.clone().accept(listener))).await;
    connections.close();
    connections.wait().await;
}

/// What each listener needs for its connections.
#[derive(Clone)]
struct Reception {
    limits: Limits,
    seats: Seats,
    connections: TaskTracker,
    app: Router,
    stop: CancellationToken,
}

impl Reception {
    /// Takes connections until the stop.
    async fn accept(self, listener: TcpListener) {
        let mut failing = LogThrottle::default();
        let mut crowded = LogThrottle::default();
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, from)) => {
                    if let Some(over) = failing.ended(SystemClock.now().time) {
                        tracing::warn!("taking connections works again: {over}");
                    }
                    let Some(seat) = self.seat(from.ip(), &mut crowded).await else { return };
                    let (app, stop) = (self.app.clone(), self.stop.clone());
                    self.connections.spawn(answer(self.limits, stream, app, stop, seat));
                }
                Err(error) if is_clients_fault(&error) => {}
                Err(error) => {
                    let problem = format!("cannot take a connection: {error}");
                    if let Some(failing) = failing.failed(SystemClock.now().time, &problem) {
                        tracing::warn!("{failing}");
                    }
                    pause(&self.stop).await;
                }
            }
        }
    }

    /// A seat for a connection from this address, for which another may have to go; `None` at the stop.
    async fn seat(&self, from: IpAddr, crowded: &mut LogThrottle) -> Option<Seat> {
        let (seat, evicted) = tokio::select! {
            () = self.stop.cancelled() => return None,
            taken = self.seats.take(from) => taken,
        };
        let now = SystemClock.now().time;
        match evicted {
            None => {
                if let Some(over) = crowded.ended(now) {
                    tracing::warn!("there is room for connections again: {over}");
                }
            }
            Some(network) => {
                let most = self.limits.connections;
                let text = format!(
                    "all {most} connections are taken, most of them by {network}, whose idlest makes room"
                );
                if let Some(crowd) = crowded.failed_as(now, "crowded", &text) {
                    tracing::warn!("{crowd}");
                }
            }
        }
        Some(seat)
    }
}

/// Answers the requests on one connection, until its seat is needed.
async fn answer(limits: Limits, stream: TcpStream, app: Router, stop: CancellationToken, seat: Seat) {
    // An answer is small as a rule, and its end must not wait for more.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(WriteTimeout::new(stream, limits.stall, seat.activity()));
    let app = TowerToHyperService::new(app);
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let answering = seat.answering();
        let answer = app.call(request);
        async move { answer.await.map(|answer| answer.map(|body| Body::new(answering.with(body)))) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = seat.needed() => Ok(()),
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(limits.drain, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::trace!("a connection ended early: {error}");
    }
}

/// Whether the client was gone before it was taken.
fn is_clients_fault(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind())
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(PAUSE) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    /// Longer than anything takes that goes well.
    const LONG: Duration = Duration::from_secs(30);
    const PATIENT: Limits = Limits { connections: 10, head: LONG, stall: LONG, drain: LONG };
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    struct Server {
        address: SocketAddr,
        stop: CancellationToken,
        task: JoinHandle<()>,
    }

    async fn start(limits: Limits) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let app = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/large", get(|| async { vec![b'x'; 50_000_000] }))
            .route("/never", get(std::future::pending::<&str>));
        let task = tokio::spawn(serve(limits, vec![listener], app, stop.clone()));
        Server { address, stop, task }
    }

    impl Server {
        async fn connect(&self, sent: &[u8]) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(sent).await.unwrap();
            stream
        }

        async fn stop(self) {
            self.stop.cancel();
            timeout(LONG, self.task).await.unwrap().unwrap();
        }
    }

    /// Reads until the answer's text has come.
    async fn hello(stream: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            assert_ne!(timeout(LONG, stream.read_buf(&mut answer)).await.unwrap().unwrap(), 0);
        }
        String::from_utf8(answer).unwrap()
    }

    /// Reads until the server ends the connection.
    async fn rest(stream: &mut TcpStream) -> Vec<u8> {
        let mut rest = Vec::new();
        // It may be reset rather than closed, where the server left something unread.
        let _ = timeout(LONG, stream.read_to_end(&mut rest)).await.unwrap();
        rest
    }

    #[tokio::test]
    async fn several_requests_are_answered_on_one_connection() {
        let server = start(PATIENT).await;
        let mut stream = server.connect(REQUEST).await;
        assert!(hello(&mut stream).await.starts_with("HTTP/1.1 200"));
        stream.write_all(REQUEST).await.unwrap();
        hello(&mut stream).await;
        server.stop().await;
    }

    #[tokio::test]
    async fn a_half_sent_request_is_dropped() {
        let server = start(Limits { head: SHORT, ..PATIENT }).await;
        for half in [&b""[..], b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\n"] {
            let mut stream = server.connect(half).await;
            assert!(!rest(&mut stream).await.starts_with(b"HTTP/1.1 200"));
        }
        server.stop().await;
    }

    #[tokio::test]
    async fn an_idle_connection_is_dropped_in_time() {
        let server = start(Limits { head: SHORT, ..PATIENT }).await;
        let mut stream = server.connect(REQUEST).await;
        hello(&mut stream).await;
        assert!(!rest(&mut stream).await.starts_with(b"HTTP/1.1 200"));
        server.stop().await;
    }

    #[tokio::test]
    async fn a_request_that_is_too_long_is_refused() {
        let server = start(PATIENT).await;
        let mut request = REQUEST[..REQUEST.len() - 2].to_vec();
        request.extend_from_slice(b"X: ");
        request.resize(2 * HEAD_BYTES, b'x');
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // The server may hang up before it has read it all.
        let _ = stream.write_all(&request).await;
        assert!(!rest(&mut stream).await.starts_with(b"HTTP/1.1 200"));
        server.stop().await;
    }

    #[tokio::test]
    async fn an_open_connection_does_not_hold_up_the_stop() {
        let server = start(PATIENT).await;
        let mut idle = server.connect(REQUEST).await;
        hello(&mut idle).await;
        let mut silent = server.connect(b"").await;
        server.stop().await;
        assert_eq!(rest(&mut idle).await, b"");
        assert_eq!(rest(&mut silent).await, b"");
    }

    #[tokio::test]
    async fn an_answer_that_takes_too_long_does_not_hold_up_the_stop() {
        let server = start(Limits { drain: SHORT, ..PATIENT }).await;
        let mut stream = server.connect(b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut half = server.connect(b"GET /").await;
        server.stop().await;
        assert_eq!(rest(&mut stream).await, b"");
        rest(&mut half).await;
    }

    #[test]
    fn limits_suit_proxies_and_the_usual_number_of_files() {
        assert_eq!(Limits::with_files(1024).connections, 256);
        assert_eq!(Limits::with_files(usize::MAX).connections, MOST_CONNECTIONS);
        assert!(Limits::with_files(20_000).streams() > 1_000);
        assert!(LIMITS.head > Duration::from_secs(60), "as long as proxies keep idle connections");
    }

    #[tokio::test]
    async fn the_idlest_connection_makes_room_for_another() {
        let server = start(Limits { connections: 2, ..PATIENT }).await;
        let mut idlest = server.connect(REQUEST).await;
        hello(&mut idlest).await;
        let mut idle = server.connect(REQUEST).await;
        hello(&mut idle).await;
        let mut third = server.connect(REQUEST).await;
        hello(&mut third).await;
        assert_eq!(rest(&mut idlest).await, b"");
        idle.write_all(REQUEST).await.unwrap();
        hello(&mut idle).await;
        server.stop().await;
    }

    #[tokio::test]
    async fn one_that_is_being_answered_goes_last_and_goes_too() {
        let server = start(Limits { connections: 2, drain: SHORT, ..PATIENT }).await;
        let never = b"GET /never HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut older = server.connect(never).await;
        let mut idle = server.connect(REQUEST).await;
        hello(&mut idle).await;
        let mut third = server.connect(REQUEST).await;
        hello(&mut third).await;
        assert_eq!(rest(&mut idle).await, b"");
        third.write_all(never).await.unwrap();
        // Until the request has come, it is the third that is idle.
        while timeout(SHORT, third.read_u8()).await.is_ok() {}
        let mut fourth = server.connect(REQUEST).await;
        hello(&mut fourth).await;
        assert_eq!(rest(&mut older).await, b"");
        server.stop().await;
    }

    #[tokio::test]
    async fn every_listener_is_answered_at() {
        let mut listeners = Vec::new();
        for _ in 0..2 {
            listeners.push(TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
        }
        let addresses: Vec<SocketAddr> =
            listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let stop = CancellationToken::new();
        let app = Router::new().route("/", get(|| async { "hello" }));
        let task = tokio::spawn(serve(PATIENT, listeners, app, stop.clone()));
        for address in addresses {
            let mut server = TcpStream::connect(address).await.unwrap();
            server.write_all(REQUEST).await.unwrap();
            hello(&mut server).await;
        }
        stop.cancel();
        timeout(LONG, task).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_takes_no_byte_of_the_answer_is_dropped() {
        let server = start(Limits { connections: 1, stall: SHORT, ..PATIENT }).await;
        let _stalled = server.connect(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut second = server.connect(REQUEST).await;
        hello(&mut second).await;
        server.stop().await;
    }
}
