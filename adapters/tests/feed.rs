//! Relay and jump over real sockets: what is asked, what is read, and how it ends.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use status_adapters::FeedSource;
use status_adapters::feed::{LARGEST_MESSAGE, WsFeed};
use status_core::{Failure, FailureKind, Feed, Report};
use support::{Identity, Log, SECRET, clock, nowhere, raw_server, read_head, service, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, accept_async};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

const CODE: &str = "54e45778-e376-4b7f-a889-805874183967";
const HOUR: Duration = Duration::from_secs(3_600);
const TWO_EXPTS: &str = r#"[{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:30:46Z","expiresAt":"2026-11-25T00:30:46Z","remoteAddr":"127.0.0.1","scopes":["write","read","expt"],"stats":{"tx":{"last":"1.5s","size":900,"fps":10},"rx":{"last":"Never","size":0,"fps":0}},"topic":"pend00-st-data","userAgent":"x"},{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:30:46Z","expiresAt":"2026-11-25T00:30:46Z","remoteAddr":"127.0.0.1","scopes":["write","read","expt"],"stats":{"tx":{"last":"1.5s","size":900,"fps":10},"rx":{"last":"Never","size":0,"fps":0}},"topic":"pend00-st-video","userAgent":"x"}]"#;
const ONE_EXPT: &str = r#"[{"canRead":true,"canWrite":true,"connected":"2026-11-24T00:30:46Z","expiresAt":"2026-11-25T00:30:46Z","remoteAddr":"127.0.0.1","scopes":["expt"],"stats":{"tx":{"last":"1.5s","size":900,"fps":10},"rx":{"last":"Never","size":0,"fps":0}},"topic":"pend00-st-data","userAgent":"x"}]"#;
const ONE_HOST: &str = r#"[{"can_read":true,"can_write":true,"connected_at":"2026-11-24T00:30:46Z","expires_at":"2026-11-25T00:30:46Z","remote_address":"127.0.0.1","scopes":["host"],"statistcs":{"last":"2562047h47m16.854775807s"},"topic":"pend00","user_agent":"x"}]"#;

type ServerSocket = WebSocketStream<TcpStream>;

/// An access point that gives this answer.
async fn access(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_raw(body, "application/json");
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

async fn access_to(uri: &str) -> MockServer {
    access(200, &serde_json::json!({ "uri": uri }).to_string()).await
}

/// Relay, connected: the other end of its websocket, its snapshots, and how it will have ended.
struct Connected {
    socket: ServerSocket,
    snapshots: mpsc::Receiver<Vec<Report>>,
    ended: JoinHandle<Failure>,
    access: MockServer,
}

impl Connected {
    async fn start(feed: Feed) -> Self {
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

    async fn send(&mut self, text: &str) {
        soon(self.socket.send(Message::text(text))).await.unwrap();
    }

    async fn next(&mut self) -> usize {
        match soon(self.snapshots.recv()).await {
            Some(reports) => reports.len(),
            None => panic!("it ended: {:?}", (&mut self.ended).await),
        }
    }

    async fn ended(self) -> Failure {
        soon(self.ended).await.unwrap()
    }
}

fn feed(feed: Feed, access: &MockServer) -> WsFeed {
    WsFeed::new(feed, service(feed.as_str(), &access.uri()), clock()).unwrap()
}

fn listen(which: Feed, access: &MockServer) -> (JoinHandle<Failure>, mpsc::Receiver<Vec<Report>>) {
    let feed = feed(which, access);
    let (sender, receiver) = mpsc::channel(1);
    (tokio::spawn(async move { feed.listen(HOUR, sender).await }), receiver)
}

/// What listening ends with, where no connection is made.
async fn refusal(which: Feed, access: &MockServer) -> Failure {
    soon(listen(which, access).0).await.unwrap()
}

fn assert_holds(failure: &Failure, kind: FailureKind, parts: &[&str]) {
    assert_eq!(failure.kind, kind, "{failure}");
    for part in parts {
        assert!(failure.detail.contains(part), "{part:?} is not in: {failure}");
    }
    for secret in [CODE, SECRET] {
        assert!(!failure.detail.contains(secret), "{failure}");
    }
}

#[tokio::test]
async fn relay_is_asked_and_listened_to() {
    let mut relay = Connected::start(Feed::Relay).await;
    let requests = relay.access.received_requests().await.unwrap();
    assert_eq!(requests[0].url.path(), "/tenant/x/session/stats");
    assert_eq!(requests[0].headers["content-length"], "0");
    let token = requests[0].headers["authorization"].to_str().unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], serde_json::json!([format!("{}/tenant/x", relay.access.uri())]));
    assert_eq!(claims["exp"], 1_795_480_166 + 3_600 + 30);

    relay.send(TWO_EXPTS).await;
    assert_eq!(relay.next().await, 2);
    relay.send(ONE_EXPT).await;
    assert_eq!(relay.next().await, 1);
}

#[tokio::test]
async fn jump_is_asked_and_listened_to() {
    let mut jump = Connected::start(Feed::Jump).await;
    let requests = jump.access.received_requests().await.unwrap();
    assert_eq!(requests[0].url.path(), "/tenant/x/api/v1/connect/stats");
    jump.send(ONE_HOST).await;
    assert_eq!(jump.next().await, 1);
}

#[tokio::test]
async fn only_snapshots_are_handed_over() {
    let mut relay = Connected::start(Feed::Relay).await;
    for nothing in ["{\"cmd\":\"update\"}", "[]", "null", "not json", "", "[{}]", "[[[[[[", "\u{0}"] {
        relay.send(nothing).await;
    }
    soon(relay.socket.send(Message::binary(vec![0xff, 0xfe]))).await.unwrap();
    soon(relay.socket.send(Message::Pong(Bytes::new()))).await.unwrap();
    relay.send(&format!("{{\"cmd\":\"update\"}}{ONE_EXPT}{TWO_EXPTS}")).await;
    assert_eq!(relay.next().await, 2, "of merged frames, the last snapshot counts");
    soon(relay.socket.send(Message::binary(ONE_EXPT))).await.unwrap();
    assert_eq!(relay.next().await, 1, "a binary frame that holds text is as good");
}

#[tokio::test]
async fn pings_are_answered() {
    let mut relay = Connected::start(Feed::Relay).await;
    soon(relay.socket.send(Message::Ping("are you there".into()))).await.unwrap();
    assert_eq!(soon(relay.socket.next()).await.unwrap().unwrap(), Message::Pong("are you there".into()));
}

#[tokio::test]
async fn who_takes_snapshots_slowly_gets_the_newest() {
    let mut relay = Connected::start(Feed::Relay).await;
    for _ in 0..200 {
        relay.send(ONE_EXPT).await;
    }
    relay.send(TWO_EXPTS).await;
    // The answer says that all before was read, though nobody took it.
    soon(relay.socket.send(Message::Ping("all read?".into()))).await.unwrap();
    soon(relay.socket.next()).await.unwrap().unwrap();
    assert_eq!(relay.next().await, 1, "one was on its way already");
    assert_eq!(relay.next().await, 2);
    relay.send(ONE_EXPT).await;
    assert_eq!(relay.next().await, 1);
}

#[tokio::test]
async fn a_large_snapshot_in_one_message_is_read() {
    let mut relay = Connected::start(Feed::Relay).await;
    let many = format!("[{}]", vec![&ONE_EXPT[1..ONE_EXPT.len() - 1]; 70_000].join(","));
    assert!(many.len() > 16 << 20);
    relay.send(&many).await;
    assert_eq!(relay.next().await, 70_000);
}

#[tokio::test]
async fn an_ending_says_how() {
    let close =
        |code, reason: &str| Message::Close(Some(CloseFrame { code, reason: reason.to_owned().into() }));
    for (message, part) in [
        (close(CloseCode::Normal, ""), "closed with code 1000"),
        (close(CloseCode::Restart, "see\nyou"), "closed with code 1012 and \"seeyou\""),
        (close(CloseCode::Policy, CODE), "closed with code 1008 and \"<code>\""),
        (Message::Close(None), "closed without a code"),
    ] {
        let mut relay = Connected::start(Feed::Relay).await;
        relay.send(ONE_EXPT).await;
        relay.next().await;
        soon(relay.socket.send(message)).await.unwrap();
        let back = soon(relay.socket.next()).await;
        assert!(matches!(back, Some(Ok(Message::Close(_)))), "it is closed in good manners: {back:?}");
        assert_holds(
            &relay.ended().await,
            FailureKind::Ended,
            &[part, "after 1 snapshot:", "/x/session/stats"],
        );
    }
}

#[tokio::test]
async fn a_restarted_service_ends_it_without_a_close_frame() {
    let mut relay = Connected::start(Feed::Relay).await;
    for _ in 0..2 {
        relay.send(ONE_EXPT).await;
        relay.next().await;
    }
    let Connected { socket, ended, .. } = relay;
    drop(socket);
    let failure = soon(ended).await.unwrap();
    assert_holds(&failure, FailureKind::Ended, &["after 2 snapshots: closed without a close frame"]);
}

#[tokio::test]
async fn a_connection_that_ends_before_any_snapshot_never_worked() {
    let mut relay = Connected::start(Feed::Relay).await;
    relay.send("{\"cmd\":\"update\"}").await;
    let Connected { socket, ended, .. } = relay;
    drop(socket);
    let failure = soon(ended).await.unwrap();
    assert_holds(&failure, FailureKind::Unreachable, &["relay", "before any snapshot"]);
}

#[tokio::test]
async fn what_cannot_be_read_ends_it_with_a_reason() {
    let too_large = [&[0x81, 127][..], &(LARGEST_MESSAGE as u64 + 1).to_be_bytes()].concat();
    let not_utf8 = vec![0x81, 2, 0xff, 0xfe];
    let reserved = vec![0xf1, 0];
    for (bytes, code, part) in [
        (too_large, CloseCode::Size, "a message of 67108865 bytes came and at most 67108864 are read"),
        (not_utf8, CloseCode::Invalid, "not UTF-8"),
        (reserved, CloseCode::Protocol, "Reserved bits"),
    ] {
        let mut relay = Connected::start(Feed::Relay).await;
        relay.send(ONE_EXPT).await;
        relay.next().await;
        soon(relay.socket.get_mut().write_all(&bytes)).await.unwrap();
        let goodbye = soon(relay.socket.next()).await.unwrap().unwrap();
        let Message::Close(Some(frame)) = goodbye else { panic!("{goodbye:?}") };
        assert_eq!(frame.code, code);
        assert_holds(&relay.ended().await, FailureKind::Ended, &[part, "we closed it"]);
    }
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let mut relay = Connected::start(Feed::Relay).await;
    relay.ended.abort();
    let gone = soon(relay.socket.next()).await;
    assert!(!matches!(gone, Some(Ok(_))), "{gone:?}");
}

#[tokio::test]
async fn it_ends_when_nobody_listens_any_more() {
    let relay = Connected::start(Feed::Relay).await;
    let Connected { snapshots, ended, socket: _socket, .. } = relay;
    drop(snapshots);
    assert_eq!(soon(ended).await.unwrap().kind, FailureKind::Ended);
}

#[tokio::test]
async fn refusals_of_the_access_point_are_told_with_their_likely_cause() {
    use FailureKind::{Garbled, Refused};
    let html = "<html>\r\n<head><title>502 Bad Gateway</title></head></html>";
    let with_code = format!("\"ws://127.0.0.1/?code={CODE}\"");
    for (which, status, body, kind, parts) in [
        (
            Feed::Relay,
            500,
            r#"{"code":500,"message":"token invalid"}"#,
            Refused,
            &["relay", "POST", "/tenant/x/session/stats", "STATUS_SECRET_RELAY", "clocks"][..],
        ),
        (
            Feed::Jump,
            500,
            r#"{"code":500,"message":"error reading token was signature is invalid"}"#,
            Refused,
            &["jump", "/tenant/x/api/v1/connect/stats", "STATUS_SECRET_JUMP"],
        ),
        (
            Feed::Jump,
            500,
            r#"{"code":500,"message":"error reading token was token used before issued"}"#,
            Refused,
            &["clock of this machine is ahead of that of jump's"],
        ),
        (
            Feed::Relay,
            500,
            r#"{"code":500,"message":"aud [http://a/b] does not match this host http://127.0.0.1:1/ed0/access"}"#,
            Refused,
            &[
                "relay expects tokens for http://127.0.0.1:1/ed0/access",
                "STATUS_HOST_RELAY and STATUS_BASEPATH_RELAY",
            ],
        ),
        (
            Feed::Relay,
            401,
            "\"Token Missing Required Claims\"",
            Refused,
            &["401", "Token Missing Required Claims"],
        ),
        (
            Feed::Relay,
            404,
            r#"{"code":404,"message":"path /nope/stats was not found"}"#,
            Refused,
            &["STATUS_BASEPATH_RELAY"],
        ),
        (Feed::Jump, 502, html, Refused, &["502 Bad Gateway", "a proxy in front of jump answers"]),
        (Feed::Relay, 200, "<html>Welcome</html>", Garbled, &["a web page", "STATUS_BASEPATH_RELAY"]),
        (Feed::Relay, 200, "", Garbled, &["no object with a uri"]),
        (Feed::Relay, 200, with_code.as_str(), Garbled, &["no object with a uri"]),
    ] {
        let failure = refusal(which, &access(status, body).await).await;
        assert_holds(&failure, kind, parts);
    }
}

#[tokio::test]
async fn addresses_that_are_no_websocket_are_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap();
    for (uri, part) in [
        (format!("http://{host}/?code={CODE}"), "neither ws nor wss"),
        (format!("ws://user:{CODE}@{host}/"), "has a user"),
        (format!("//{host}/?code={CODE}"), "no address"),
    ] {
        let failure = refusal(Feed::Relay, &access_to(&uri).await).await;
        assert_holds(&failure, FailureKind::Garbled, &[part, "/tenant/x/session/stats"]);
    }
    tokio::select! {
        biased;
        _ = listener.accept() => panic!("somebody connected"),
        () = tokio::task::yield_now() => {}
    }
}

#[tokio::test]
async fn websockets_that_do_not_open_are_told() {
    use FailureKind::{Garbled, Refused, Unreachable};
    for (answer, kind, parts) in [
        (
            &b"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nNot Found\n"[..],
            Refused,
            &["404 Not Found"][..],
        ),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", Refused, &["502", "relay is down"]),
        (
            b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
            Refused,
            &["302"],
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Refused, &["200"]),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Garbled, &["is no websocket"]),
        (b"rubbish\r\n\r\n", Garbled, &["is no websocket"]),
        (b"", Unreachable, &["websocket ws://127.0.0.1:"]),
    ] {
        let uri = format!("ws://{}/x?code={CODE}", raw_server(answer, false).await);
        let failure = refusal(Feed::Relay, &access_to(&uri).await).await;
        assert_holds(&failure, kind, parts);
    }
    let uri = format!("ws://{}/x?code={CODE}", nowhere().await);
    let failure = refusal(Feed::Relay, &access_to(&uri).await).await;
    assert_holds(&failure, Unreachable, &["nothing listens there", "access point gave this address"]);
    let uri = format!("wss://{}/x?code={CODE}", access(400, "").await.address());
    let failure = refusal(Feed::Relay, &access_to(&uri).await).await;
    assert_holds(&failure, Unreachable, &["does not speak TLS"]);
}

#[tokio::test]
async fn a_code_that_is_said_back_is_not_shown() {
    let log = Log::start();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/x?code={CODE}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = read_head(&mut stream).await;
        let body = format!("what is {CODE}?");
        let answer = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        head
    });
    let failure = refusal(Feed::Relay, &access_to(&uri).await).await;
    assert_holds(&failure, FailureKind::Refused, &["403"]);
    let head = soon(server).await.unwrap();
    assert!(head.contains(CODE));
    assert!(!head.to_ascii_lowercase().contains("authorization"), "the token is for the access point only");
    assert!(!log.text().contains(CODE), "{}", log.text());
}

#[tokio::test]
async fn a_hung_service_is_given_up() {
    let hung = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = hung.local_addr().unwrap();
    // Neither the access point nor the websocket ever answers.
    let uri = format!("ws://{address}/x?code={CODE}");
    let at_access =
        WsFeed::new(Feed::Relay, service("relay", &format!("http://{address}")), clock()).unwrap();
    let access = access_to(&uri).await;
    let at_socket = feed(Feed::Relay, &access);
    for feed in [at_access, at_socket] {
        let (sender, _snapshots) = mpsc::channel(1);
        let ended = tokio::spawn(async move { feed.listen(HOUR, sender).await });
        let mut ended = ended;
        let (_held, _) = tokio::select! {
            accepted = soon(hung.accept()) => accepted.unwrap(),
            ended = &mut ended => panic!("it ended: {ended:?}"),
        };
        tokio::time::pause();
        let failure = ended.await.unwrap();
        tokio::time::resume();
        assert_holds(&failure, FailureKind::TimedOut, &["relay", "within 10s"]);
    }
}

#[tokio::test]
async fn tls_needs_a_certificate_that_is_trusted() {
    let identity = Identity::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("wss://localhost:{}/x?code={CODE}", listener.local_addr().unwrap().port());
    let acceptor = identity.acceptor.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let mut socket = accept_async(stream).await.unwrap();
            socket.send(Message::text(ONE_EXPT)).await.unwrap();
            let _ = socket.next().await;
        }
    });
    let access = access_to(&uri).await;
    let failure = refusal(Feed::Relay, &access).await;
    assert_holds(
        &failure,
        FailureKind::Unreachable,
        &["no authority that this machine trusts has signed it"],
    );

    let trusting =
        WsFeed::trusting(identity.root, Feed::Relay, service("relay", &access.uri()), clock()).unwrap();
    let (sender, mut snapshots) = mpsc::channel(1);
    let listening = tokio::spawn(async move { trusting.listen(HOUR, sender).await });
    assert_eq!(soon(snapshots.recv()).await.unwrap().len(), 1);
    listening.abort();
}

#[tokio::test]
async fn ipv6_addresses_work() {
    // Not every machine has them.
    let Ok(listener) = TcpListener::bind("[::1]:0").await else { return };
    let access = access_to(&format!("ws://{}/x?code={CODE}", listener.local_addr().unwrap())).await;
    let (_ended, mut snapshots) = listen(Feed::Relay, &access);
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut socket = soon(accept_async(stream)).await.unwrap();
    soon(socket.send(Message::text(ONE_EXPT))).await.unwrap();
    assert_eq!(soon(snapshots.recv()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn bad_frames_are_logged_once_and_their_end_too() {
    let log = Log::start();
    let mut relay = Connected::start(Feed::Relay).await;
    for i in 0..50 {
        relay.send(&format!("not json {i}")).await;
        relay.send("{\"cmd\":\"update\"}").await;
    }
    let bad = ONE_EXPT.replace("1.5s", "1.5 apples");
    let mixed = format!("[{},{}]", &ONE_EXPT[1..ONE_EXPT.len() - 1], &bad[1..bad.len() - 1]);
    for _ in 0..10 {
        relay.send(&mixed).await;
        assert_eq!(relay.next().await, 1);
    }
    relay.send(ONE_EXPT).await;
    relay.next().await;
    let lines = log.ours(&["WARN", "INFO", "ERROR"]);
    let holding = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!(holding("relay sent a frame that is not JSON"), 1, "{lines:#?}");
    assert_eq!(holding("relay sends JSON again: over after 50 times"), 1, "{lines:#?}");
    assert_eq!(holding("relay sent 1 of 2 reports that are refused"), 1, "{lines:#?}");
    assert_eq!(holding("relay sends no more reports that are refused: over after 10 times"), 1, "{lines:#?}");
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("stats.tx.last")), "the field is named: {lines:#?}");
}

#[tokio::test]
async fn neither_secret_nor_token_nor_code_shows_up() {
    let log = Log::start();
    let mut relay = Connected::start(Feed::Relay).await;
    relay.send(ONE_EXPT).await;
    relay.next().await;
    relay.send("junk").await;
    soon(relay.socket.close(None)).await.unwrap();
    let token = relay.access.received_requests().await.unwrap()[0].headers["authorization"]
        .to_str()
        .unwrap()
        .to_owned();
    let failure = relay.ended().await;
    let everything = format!("{failure:?}\n{}", log.text());
    assert!(everything.contains("websocket ws://127.0.0.1:"), "our own lines are there");
    for secret in [SECRET, CODE, &token, token.rsplit('.').next().unwrap()] {
        assert!(!everything.contains(secret), "{everything}");
    }
}

#[tokio::test]
async fn two_connections_may_overlap() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let access = access_to(&format!("ws://{}/x?code={CODE}", listener.local_addr().unwrap())).await;
    let feed = Arc::new(feed(Feed::Relay, &access));
    let mut ends = Vec::new();
    for _ in 0..2 {
        let (sender, snapshots) = mpsc::channel(1);
        let feed = Arc::clone(&feed);
        let listening = tokio::spawn(async move { feed.listen(HOUR, sender).await });
        let (stream, _) = soon(listener.accept()).await.unwrap();
        ends.push((soon(accept_async(stream)).await.unwrap(), snapshots, listening));
    }
    for (socket, snapshots, _) in &mut ends {
        soon(socket.send(Message::text(TWO_EXPTS))).await.unwrap();
        assert_eq!(soon(snapshots.recv()).await.unwrap().len(), 2);
    }
    let mut rest = [0; 16];
    drop(ends.remove(0).1);
    let _ = soon(ends[0].0.send(Message::text(ONE_EXPT))).await;
    assert_eq!(soon(ends[0].1.recv()).await.unwrap().len(), 1, "the other goes on");
    ends[0].2.abort();
    let _ = soon(ends[0].0.get_mut().read(&mut rest)).await;
}
