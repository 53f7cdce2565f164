//! A feed whose access point and websocket are in the test's hands.

use std::time::Duration;

use futures_util::SinkExt;
use status_adapters::FeedSource;
use status_adapters::feed::WsFeed;
use status_core::{Failure, FailureKind, Feed, Report};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{SECRET, clock, service, soon};

pub const CODE: &str = "54e45778-e376-4b7f-a889-805874183967";
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const TWO_EXPTS: &str = r#"[{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:30:46Z","expiresAt":"2026-11-25T00:30:46Z","remoteAddr":"127.0.0.1","scopes":["write","read","expt"],"stats":{"tx":{"last":"1.5s","size":900,"fps":10},"rx":{"last":"Never","size":0,"fps":0}},"topic":"pend00-st-data","userAgent":"x"},{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:30:46Z","expiresAt":"2026-11-25T00:30:46Z","remoteAddr":"127.0.0.1","scopes":["write","read","expt"],"stats":{"tx":{"last":"1.5s","size":900,"fps":10},"rx":{"last":"Never","size":0,"fps":0}},"topic":"pend00-st-video","userAgent":"x"},{"canRead":true,"scopes":["read","stats","write"],"topic":"stats"}]"#;
pub const ONE_EXPT: &str = r#"[{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:30:46Z","expiresAt":"2026-11-25T00:30:46Z","remoteAddr":"127.0.0.1","scopes":["expt"],"stats":{"tx":{"last":"1.5s","size":900,"fps":10},"rx":{"last":"Never","size":0,"fps":0}},"topic":"pend00-st-data","userAgent":"x"},{"canRead":true,"scopes":["read","stats","write"],"topic":"stats"}]"#;
pub const ONE_HOST: &str = r#"[{"can_read":true,"can_write":true,"connected_at":"2026-11-24T00:30:46Z","expires_at":"2026-11-25T00:30:46Z","remote_address":"127.0.0.1","scopes":["host"],"statistcs":{"last":"2562047h47m16.854775807s"},"topic":"pend00","user_agent":"x"},{"canRead":true,"scopes":["read","stats","write"],"topic":"stats"}]"#;

pub type ServerSocket = WebSocketStream<TcpStream>;

/// An access point that gives this answer.
pub async fn access(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_raw(body, "application/json");
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

pub async fn access_to(uri: &str) -> MockServer {
    access(200, &serde_json::json!({ "uri": uri }).to_string()).await
}

/// Relay, connected: the other end of its websocket, its snapshots, and how it will have ended.
pub struct Connected {
    pub socket: ServerSocket,
    pub snapshots: mpsc::Receiver<Vec<Report>>,
    pub ended: JoinHandle<Failure>,
    pub access: MockServer,
}

impl Connected {
    pub async fn start(feed: Feed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let access =
            access_to(&format!("ws://{}/x/session/stats?code={CODE}", listener.local_addr().unwrap())).await;
        let (mut ended, snapshots) = listen(feed, &access);
        let (stream, _) = tokio::select! {
            accepted = soon(listener.accept()) => accepted.unwrap(),
            ended = &mut ended => panic!("it ended: {ended:?}"),
        };
        let socket = soon(accept_async(stream)).await.unwrap();
        Self { socket, snapshots, ended, access }
    }

    pub async fn send(&mut self, text: &str) {
        soon(self.socket.send(Message::text(text))).await.unwrap();
    }

    pub async fn next(&mut self) -> usize {
        match soon(self.snapshots.recv()).await {
            Some(reports) => reports.len(),
            None => panic!("it ended: {:?}", (&mut self.ended).await),
        }
    }

    pub async fn ended(self) -> Failure {
        soon(self.ended).await.unwrap()
    }
}

pub fn feed(feed: Feed, access: &MockServer) -> WsFeed {
    WsFeed::new(feed, service(feed.as_str(), &access.uri()), clock()).unwrap()
}

pub fn listen(which: Feed, access: &MockServer) -> (JoinHandle<Failure>, mpsc::Receiver<Vec<Report>>) {
    let feed = feed(which, access);
    let (sender, receiver) = mpsc::channel(1);
    (tokio::spawn(async move { feed.listen(HOUR, sender).await }), receiver)
}

/// What listening ends with, where no connection is made.
pub async fn refusal(which: Feed, access: &MockServer) -> Failure {
    soon(listen(which, access).0).await.unwrap()
}

pub fn assert_holds(failure: &Failure, kind: FailureKind, parts: &[&str]) {
    assert_eq!(failure.kind, kind, "{failure}");
    for part in parts {
        assert!(failure.detail.contains(part), "{part:?} is not in: {failure}");
    }
    for secret in [CODE, SECRET] {
        assert!(!failure.detail.contains(secret), "{failure}");
    }
}
