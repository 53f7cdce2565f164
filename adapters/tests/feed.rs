//! Relay and jump over real sockets: what is asked, what is read, and how it ends.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in tests, helpers beside the tests included")]

mod support;

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use status_adapters::FeedSource;
use status_adapters::feed::LARGEST_MESSAGE;
use status_core::{Failure, FailureKind, Feed};
use support::feed::{
    CODE, Connected, HOUR, ONE_EXPT, ONE_HOST, TWO_EXPTS, access_to, assert_holds, feed, listen,
};
use support::{Log, SECRET, read_head, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tokio_tungstenite::tungstenite::{Bytes, Message};

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
    assert_eq!(claims["exp"], 1_795_480_166 + 3_600);

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

/// Answers a request for a websocket with these lines, and whatever comes behind the answer.
async fn answered(lines: &str, behind: &[u8]) -> Result<usize, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let access = access_to(&format!("ws://{}/x?code={CODE}", listener.local_addr().unwrap())).await;
    let (ended, mut snapshots) = listen(Feed::Relay, &access);
    let (mut stream, _) = soon(listener.accept()).await.unwrap();
    let head = read_head(&mut stream).await;
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let lines = lines.replace("<accept>", &accept);
    let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n");
    stream.write_all(&[answer.as_bytes(), behind].concat()).await.unwrap();
    match soon(snapshots.recv()).await {
        Some(reports) => Ok(reports.len()),
        None => Err(soon(ended).await.unwrap()),
    }
}

#[tokio::test]
async fn a_websocket_may_be_given_in_any_legal_words() {
    let (length, text) = (u16::try_from(TWO_EXPTS.len()).unwrap().to_be_bytes(), TWO_EXPTS.as_bytes());
    let snapshot = [&[0x81, 126][..], &length, text].concat();
    for connection in ["Upgrade", "upgrade", "keep-alive, Upgrade", "keep-alive\r\nConnection: upgrade"] {
        let lines =
            format!("Upgrade: WebSocket\r\nConnection: {connection}\r\nSec-WebSocket-Accept: <accept>\r\n");
        assert_eq!(answered(&lines, &snapshot).await, Ok(2), "{connection}");
    }
    for (lines, part) in [
        ("Connection: Upgrade\r\nSec-WebSocket-Accept: <accept>\r\n", "websocket"),
        ("Upgrade: websocket\r\nSec-WebSocket-Accept: <accept>\r\n", "Connection"),
        ("Upgrade: websocket\r\nConnection: upgraded\r\nSec-WebSocket-Accept: <accept>\r\n", "Connection"),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x<accept>\r\n", "Key"),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\n", "Key"),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: <accept>\r\n\
             Sec-WebSocket-Protocol: x\r\n",
            "subprotocol",
        ),
    ] {
        let failure = answered(lines, &snapshot).await.unwrap_err();
        assert_holds(&failure, FailureKind::Garbled, &["is no websocket", part]);
    }
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
async fn bytes_that_are_no_text_spoil_nothing_else() {
    let mut relay = Connected::start(Feed::Relay).await;
    let (two, one) = (TWO_EXPTS.as_bytes(), ONE_EXPT.as_bytes());
    let in_a_name = [&b"[{\"userAgent\":\"\xff\","[..], &one[2..]].concat();
    for (text, snapshot) in [
        (vec![0xff, 0xfe], None),
        ([two, b"\xff"].concat(), Some(2)),
        ([b"\xff", one].concat(), Some(1)),
        ([two, b"\x80\xff{\"cmd\":\"\xe4\"}", one].concat(), Some(1)),
        (in_a_name, Some(1)),
    ] {
        for kind in [OpCode::Data(Data::Text), OpCode::Data(Data::Binary)] {
            let (first, rest) = text.split_at(text.len() / 2);
            let rest = Frame::message(rest.to_vec(), OpCode::Data(Data::Continue), true);
            for frame in [Frame::message(first.to_vec(), kind, false), Frame::ping(""), rest] {
                soon(relay.socket.send(Message::Frame(frame))).await.unwrap();
            }
            if let Some(snapshot) = snapshot {
                assert_eq!(relay.next().await, snapshot, "{}", String::from_utf8_lossy(&text));
            }
        }
    }
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
    let not_utf8 = vec![0x88, 4, 0x03, 0xe8, 0xff, 0xfe];
    let reserved = vec![0xf1, 0];
    for (bytes, code, part) in [
        (too_large, CloseCode::Size, "a message of 67108865 bytes came and at most 67108864 are read"),
        (not_utf8, CloseCode::Invalid, "the reason to close it is not UTF-8"),
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
async fn bad_frames_are_logged_once_and_their_end_too() {
    let log = Log::start();
    let mut relay = Connected::start(Feed::Relay).await;
    for text in ["not json 1", "hello", "[", "\u{0}", "not json 2"].iter().cycle().take(50) {
        relay.send(text).await;
        relay.send("{\"cmd\":\"update\"}").await;
    }
    let bad = ONE_EXPT.replace("1.5s", "1.5 apples");
    let nameless = ONE_EXPT.replace("\"topic\":\"pend00-st-data\",", "");
    for bad in [bad, nameless] {
        let mixed = format!("[{},{}]", &ONE_EXPT[1..ONE_EXPT.len() - 1], &bad[1..bad.len() - 1]);
        for _ in 0..5 {
            relay.send(&mixed).await;
            assert_eq!(relay.next().await, 1);
        }
    }
    relay.send(ONE_EXPT).await;
    relay.next().await;
    let lines = log.ours(&["WARN", "INFO", "ERROR"]);
    let holding = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!(holding("relay sent a frame that is not JSON"), 1, "{lines:#?}");
    assert_eq!(holding("relay sends JSON again: over after 50 times"), 1, "{lines:#?}");
    assert_eq!(holding("relay sent 1 of 4 reports that are refused"), 2, "each kind of them: {lines:#?}");
    assert_eq!(holding("relay sends no more reports that are refused: over after 10 times"), 1, "{lines:#?}");
    assert_eq!(lines.len(), 5, "{lines:#?}");
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
