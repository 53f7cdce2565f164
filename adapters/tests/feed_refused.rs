//! Relay and jump over real sockets, where no connection is made: who refuses, and what it means.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use futures_util::{SinkExt, StreamExt};
use status_adapters::FeedSource;
use status_adapters::feed::WsFeed;
use status_core::{FailureKind, Feed};
use support::feed::{CODE, HOUR, ONE_EXPT, access, access_to, assert_holds, feed, listen, refusal};
use support::{Identity, Log, clock, nowhere, raw_server, read_head, service, soon};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, accept_async};

#[expect(clippy::too_many_lines, reason = "it is a table")]
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
        (
            Feed::Relay,
            401,
            "\"nope\"",
            Refused,
            &["STATUS_SECRET_RELAY", "STATUS_SCHEME_RELAY", "STATUS_HOST_RELAY", "STATUS_BASEPATH_RELAY"],
        ),
        (
            Feed::Jump,
            403,
            r#"{"message":"no"}"#,
            Refused,
            &["STATUS_SECRET_JUMP", "STATUS_SCHEME_JUMP", "STATUS_HOST_JUMP", "STATUS_BASEPATH_JUMP"],
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

/// Relay answers the request for a websocket with this before the answer proper.
async fn connected_behind(before: &str) -> Result<usize, status_core::Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/x?code={CODE}", listener.local_addr().unwrap());
    let access = access_to(&uri).await;
    let (mut ended, mut snapshots) = listen(Feed::Relay, &access);
    let (mut stream, _) = soon(listener.accept()).await.unwrap();
    let head = read_head(&mut stream).await;
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap().trim();
    let key = derive_accept_key(key.as_bytes());
    let answer = format!(
        "{before}HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {key}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    // It may have hung up already.
    let _ = socket.send(Message::text(ONE_EXPT)).await;
    tokio::select! {
        biased;
        failure = &mut ended => Err(failure.unwrap()),
        reports = soon(snapshots.recv()) => Ok(reports.unwrap().len()),
    }
}

#[tokio::test]
async fn answers_that_only_announce_another_are_skipped() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x.css>; rel=preload\r\n\r\n";
    for before in [
        "",
        "HTTP/1.1 100 Continue\r\n\r\n",
        hints,
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Whatever\r\nA: b\r\n\r\n",
        &hints.repeat(8),
    ] {
        assert_eq!(connected_behind(before).await.unwrap(), 1, "{before}");
    }
}

#[tokio::test]
async fn answers_that_only_announce_another_are_bounded() {
    let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(9);
    let failure = connected_behind(&many).await.unwrap_err();
    assert_holds(&failure, FailureKind::Refused, &["100 Continue"]);
    let long = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", "x".repeat(9_000)).repeat(2);
    let failure = connected_behind(&long).await.unwrap_err();
    assert_holds(&failure, FailureKind::Unreachable, &["closed"]);
}

#[tokio::test]
async fn what_is_odd_about_an_address_is_logged_once_and_told() {
    let log = Log::start();
    let uri = format!("ws://localhost:{}/{CODE}/x?code={CODE}", nowhere().await.rsplit(':').next().unwrap());
    let access = access_to(&uri).await;
    let feed = feed(Feed::Relay, &access);
    for _ in 0..3 {
        let (sender, _snapshots) = mpsc::channel(1);
        let failure = soon(feed.listen(HOUR, sender)).await;
        assert_holds(&failure, FailureKind::Unreachable, &["ws://localhost:", "<hidden>"]);
    }
    let told = feed.oddities();
    assert!(told.len() == 1 && told[0].contains("another host"), "{told:?}");
    let logged = log.ours(&["WARN"]);
    assert_eq!(logged.iter().filter(|line| line.contains("another host")).count(), 1, "{logged:?}");
    assert!(!log.text().contains(CODE), "{}", log.text());
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
async fn a_code_is_hidden_before_the_answer_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("ws://{}/x?code={CODE}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        let body = format!("{} {CODE}", "x".repeat(100));
        let answer = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let failure = refusal(Feed::Relay, &access_to(&uri).await).await;
    assert_holds(&failure, FailureKind::Refused, &["<code>"]);
    assert!(!failure.detail.contains(&CODE[..8]), "{failure}");
}

#[tokio::test]
async fn half_an_answer_shows_no_half_code() {
    // It comes in two pieces, and then it doesn't end.
    let (first, second) = CODE.split_at(20);
    for (length, second) in [(CODE.len(), second), (1_000, second), (1_000, "")] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("ws://{}/x?code={CODE}", listener.local_addr().unwrap());
        let access = access_to(&uri).await;
        let (ended, _snapshots) = listen(Feed::Relay, &access);
        let (mut stream, _) = soon(listener.accept()).await.unwrap();
        read_head(&mut stream).await;
        let head = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {length}\r\n\r\n{first}");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(second.as_bytes()).await.unwrap();
        tokio::time::pause();
        let failure = ended.await.unwrap();
        tokio::time::resume();
        assert_holds(&failure, FailureKind::Refused, &["403"]);
        assert!(!failure.detail.contains(first), "{failure}");
    }
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
