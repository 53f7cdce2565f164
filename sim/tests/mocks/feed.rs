//! Relay and jump.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ring::hmac;
use serde_json::{Value, json};
use status_sim::mock::{Dialect, Feed, FeedFault, FeedOptions, Lab, clock};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::captures::{Exchange, exchanges, without_accidents};
use crate::wire::{LIMIT, ask, ask_stats, sign, signed_by, stats_token};

const RELAY_V07: &str = include_str!("../../../tests/data/captures/http/relay-v0.7.0-access.http");
const RELAY_V09: &str = include_str!("../../../tests/data/captures/http/relay-v0.9.3-access.http");
const JUMP: &str = include_str!("../../../tests/data/captures/http/jump-v0.4.0-access.http");

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Long enough that no snapshot comes unless a test asks for one.
const NEVER: Duration = Duration::from_secs(3600);

async fn feed(dialect: Dialect, lab: &Lab) -> Feed {
    let options = FeedOptions { stats_every: NEVER, ..FeedOptions::new(dialect) };
    Feed::start(lab.clone(), options).await.unwrap()
}

async fn address(feed: &Feed) -> String {
    let answer = ask_stats(feed, &stats_token(feed, 60)).await;
    assert_eq!(answer.status, Some(200), "{answer:?}");
    answer.json()["uri"].as_str().unwrap().to_owned()
}

/// Connects, and waits until the feed knows that it has one listener more.
async fn listen(feed: &Feed) -> Socket {
    let before = feed.seen().listeners;
    let (socket, _) = connect_async(address(feed).await).await.unwrap();
    feed.wait_for(|seen| seen.listeners == before + 1, LIMIT).await.unwrap();
    socket
}

async fn frame(socket: &mut Socket) -> String {
    let message = timeout(LIMIT, socket.next()).await.unwrap().unwrap().unwrap();
    message.into_text().unwrap().to_string()
}

async fn snapshot(feed: &Feed, socket: &mut Socket) -> Vec<Value> {
    feed.send_snapshot();
    serde_json::from_str(&frame(socket).await).unwrap()
}

/// Whether the connection ends, and without a close frame.
async fn breaks_off(socket: &mut Socket) -> bool {
    match timeout(LIMIT, socket.next()).await.unwrap() {
        Some(Err(Error::Protocol(_) | Error::Io(_))) => true,
        other => panic!("{other:?}"),
    }
}

/// The status with which a handshake is refused.
async fn refused_with(url: &str) -> u16 {
    let error = connect_async(url).await.unwrap_err();
    let Error::Http(response) = error else { panic!("{error}") };
    response.status().as_u16()
}

fn topics(snapshot: &[Value]) -> Vec<&str> {
    snapshot.iter().map(|report| report["topic"].as_str().unwrap()).collect()
}

fn report<'a>(snapshot: &'a [Value], topic: &str) -> &'a Value {
    snapshot.iter().find(|report| report["topic"] == topic).unwrap()
}

/// Asks the mock's access point what the real one was asked, and compares the answers.
async fn replay(feed: &Feed, exchange: &Exchange, there: (&str, &str)) {
    let title = &exchange.title;
    let token = exchange.authorization.as_ref().map(|header| {
        let claims = exchange.claims.as_ref().map(|claims| here(claims, feed, there.0)).unwrap_or_default();
        let token = match title.as_str() {
            "bad signature" => sign(&claims, "another"),
            "alg HS512" => signed_by("HS512", hmac::HMAC_SHA512, &claims, feed.secret()),
            "alg none" => signed_by("none", hmac::HMAC_SHA256, &claims, ""),
            _ => sign(&claims, feed.secret()),
        };
        header.replace("<jwt>", &token)
    });
    let path = format!("{}{}", feed.base_path(), exchange.path);
    let answer = ask(feed.address(), &exchange.method, &path, token.as_deref(), "").await;
    assert_eq!(answer.status, exchange.answer.status, "{title}: {answer:?}");
    for header in ["content-type", "allow"] {
        assert_eq!(answer.header(header), exchange.answer.header(header), "{title}");
    }
    let (scheme_and_host, _) = feed.audience().split_once("/tenant").unwrap();
    let websockets = answer.body.split_once("ws://").and_then(|(_, rest)| rest.split_once('/'));
    let websockets = websockets.map_or("-", |(host, _)| host);
    let websockets = format!("ws://{websockets}{}", feed.base_path());
    let names = [
        (feed.audience(), "ACCESS"),
        (there.0, "ACCESS"),
        (websockets.as_str(), "WEBSOCKETS"),
        (there.1, "WEBSOCKETS"),
        (scheme_and_host, "HOST"),
    ];
    let expected = without_accidents(&exchange.answer.body, &names);
    assert_eq!(without_accidents(&answer.body, &names), expected, "{title}");
}

fn here(claims: &Value, feed: &Feed, there: &str) -> Value {
    let mut claims = claims.clone();
    // A good token's life in the captures begins a second before they were made.
    let captured = if there.ends_with("ed93/access") { 1_795_480_247 } else { 1_795_480_231 };
    let captured = if there.ends_with("jump") { 1_795_480_264 } else { captured };
    for name in ["exp", "nbf", "iat"] {
        if let Some(time) = claims[name].as_i64() {
            claims[name] = (time - captured + i64::try_from(clock::since_1970().as_secs()).unwrap()).into();
        }
    }
    match claims["aud"].as_str().map(str::to_owned) {
        Some(audience) => claims["aud"] = audience.replace(there, feed.audience()).into(),
        None => {
            if let Some(audience) = claims["aud"][0].as_str() {
                claims["aud"][0] = audience.replace(there, feed.audience()).into();
            }
        }
    }
    claims
}

async fn replay_all(dialect: Dialect, capture: &str, there: (&str, &str)) {
    let feed = feed(dialect, &Lab::new()).await;
    // The list of connections over HTTP is nothing that the server asks for.
    let left_out = |title: &str| title.starts_with("websocket: ") || title.starts_with("GET /status");
    let exchanges = exchanges(capture);
    let replayed: Vec<_> = exchanges.iter().filter(|exchange| !left_out(&exchange.title)).collect();
    assert!(replayed.len() >= 30);
    for exchange in replayed {
        replay(&feed, exchange, there).await;
    }
}

#[tokio::test]
async fn relay_v07_gives_access_as_captured() {
    let there = ("http://127.0.0.1:18080/ed0/access", "ws://127.0.0.1:18080/ed0/relay");
    replay_all(Dialect::RelayV07, RELAY_V07, there).await;
}

#[tokio::test]
async fn relay_v09_gives_access_as_captured() {
    let there = ("http://127.0.0.1:18080/ed93/access", "ws://127.0.0.1:18080/ed93/relay");
    replay_all(Dialect::RelayV08, RELAY_V09, there).await;
}

#[tokio::test]
async fn jump_gives_access_as_captured() {
    let there = ("http://127.0.0.1:18080/ed0/jump", "ws://127.0.0.1:18080/ed0/jump");
    replay_all(Dialect::Jump, JUMP, there).await;
}

#[tokio::test]
async fn relay_tells_of_the_lab() {
    let lab = Lab::with_experiments(2, &["data", "video"]);
    let relay = feed(Dialect::RelayV07, &lab).await;
    let mut socket = listen(&relay).await;
    lab.silence_since("pend00-st-data", Duration::from_secs(90));
    lab.never_transmitted("pend00-st-video");
    lab.disconnect("pend01-st-data");
    lab.set_twins("pend01-st-video", 1);
    lab.set_watchers("pend01-st-video", 1);
    let snapshot = snapshot(&relay, &mut socket).await;
    let mut listed = topics(&snapshot);
    listed.sort_unstable();
    let video = "pend01-st-video";
    assert_eq!(listed, ["pend00-st-data", "pend00-st-video", video, video, video, "stats", "stats"]);
    let silent = report(&snapshot, "pend00-st-data")["stats"]["tx"]["last"].as_str().unwrap();
    assert!(silent.starts_with("1m30"), "{silent}");
    assert_eq!(report(&snapshot, "pend00-st-video")["stats"]["tx"]["last"], "Never");
    let experiments = snapshot.iter().filter(|report| report["scopes"] == json!(["write", "read", "expt"]));
    assert_eq!(experiments.count(), 4);
    let listener = snapshot.iter().find(|report| report["scopes"] == json!(["read"])).unwrap();
    assert_eq!((&listener["topic"], &listener["canWrite"]), (&json!("stats"), &json!(false)));
}

#[tokio::test]
async fn jump_tells_of_the_lab() {
    let lab = Lab::with_experiments(2, &["data"]);
    let jump = feed(Dialect::Jump, &lab).await;
    let mut socket = listen(&jump).await;
    lab.set_jump_clients("pend00", 1);
    lab.set_jump("pend01", false);
    let snapshot = snapshot(&jump, &mut socket).await;
    let mut listed = topics(&snapshot);
    listed.sort_unstable();
    assert_eq!(listed[0], "pend00");
    assert!(listed[1].starts_with("pend00/") && listed[1].len() == 79, "{listed:?}");
    assert_eq!(listed[2..], ["stats", "stats"]);
    assert_eq!(report(&snapshot, "pend00")["statistcs"]["last"], "2562047h47m16.854775807s");
    assert!(snapshot.iter().any(|report| report["scopes"] == json!(["stats", "read", "write"])));
    assert!(snapshot.iter().any(|report| report["scopes"] == Value::Null));
}

#[tokio::test]
async fn unplugged_is_not_listed_until_plugged() {
    let lab = Lab::with_experiments(1, &["data"]);
    let relay = feed(Dialect::RelayV08, &lab).await;
    let mut socket = listen(&relay).await;
    lab.unplug_all();
    assert_eq!(topics(&snapshot(&relay, &mut socket).await), ["stats", "stats"]);
    lab.plug_all();
    assert_eq!(snapshot(&relay, &mut socket).await.len(), 3);
}

#[tokio::test]
async fn the_order_changes_and_is_the_same_in_each_run() {
    let lab = Lab::with_experiments(5, &["data"]);
    let (one, other) = (feed(Dialect::RelayV08, &lab).await, feed(Dialect::RelayV08, &lab).await);
    let order = |feed: &Feed| {
        let snapshot: Vec<Value> = serde_json::from_str(&feed.snapshot()).unwrap();
        topics(&snapshot).join(" ")
    };
    let orders: Vec<_> = (0..4).map(|_| order(&one)).collect();
    assert!(orders.iter().any(|later| *later != orders[0]));
    assert_eq!(orders, (0..4).map(|_| order(&other)).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_bad_code_is_let_in_and_hears_nothing() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let good = address(&relay).await;
    let _first = connect_async(&good).await.unwrap();
    relay.wait_for(|seen| seen.listeners == 1, LIMIT).await.unwrap();
    let (path, _) = good.split_once('?').unwrap();
    for bad in [good.clone(), path.to_owned(), format!("{path}?code=unknown")] {
        let (mut socket, _) = connect_async(&bad).await.unwrap();
        socket.send(Message::Ping("are you there".into())).await.unwrap();
        relay.send_snapshot();
        assert!(timeout(Duration::from_millis(50), socket.next()).await.is_err(), "{bad}");
    }
    assert_eq!((relay.seen().opened, relay.seen().listeners), (4, 1));
    relay.wait_for(|seen| seen.open == 1, LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_code_that_lay_about_is_a_bad_one() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    relay.set_code_life(Duration::ZERO);
    let _socket = connect_async(address(&relay).await).await.unwrap();
    assert_eq!(relay.wait_for(|seen| seen.opened == 1, LIMIT).await.unwrap().listeners, 0);
}

#[tokio::test]
async fn another_path_is_not_found() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let url = address(&relay).await.replace("/session/", "/shell/");
    assert_eq!(refused_with(&url).await, 404);
}

#[tokio::test]
async fn snapshots_come_as_often_as_they_should() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let mut socket = listen(&relay).await;
    relay.set_stats_every(Duration::from_millis(10));
    for _ in 0..3 {
        assert!(frame(&mut socket).await.starts_with("[{\"canRead\":true"));
    }
    relay.wait_for(|seen| seen.snapshots >= 3, LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_tokens_end_is_the_websockets_without_a_close_frame() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let answer = ask_stats(&relay, &stats_token(&relay, 1)).await.json();
    let (mut socket, _) = connect_async(answer["uri"].as_str().unwrap()).await.unwrap();
    assert!(breaks_off(&mut socket).await);
    relay.wait_for(|seen| seen.open == 0 && seen.listeners == 0, LIMIT).await.unwrap();
}

#[tokio::test]
async fn down_is_a_bad_gateway_everywhere() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let (mut socket, unused) = (listen(&relay).await, address(&relay).await);
    relay.set_fault(FeedFault::Down);
    assert!(breaks_off(&mut socket).await);
    let answer = ask_stats(&relay, &stats_token(&relay, 60)).await;
    assert_eq!(answer.status, Some(502));
    assert!(answer.body.starts_with("<html>\n<head><title>502 Bad Gateway</title></head>"), "{answer:?}");
    assert_eq!(refused_with(&unused).await, 502);
    relay.set_fault(FeedFault::None);
    let mut socket = listen(&relay).await;
    assert_eq!(snapshot(&relay, &mut socket).await.len(), 2);
}

#[tokio::test]
async fn a_quick_restart_drops_everybody() {
    let jump = feed(Dialect::Jump, &Lab::new()).await;
    let mut socket = listen(&jump).await;
    jump.drop_websockets();
    assert!(breaks_off(&mut socket).await);
    listen(&jump).await;
}

#[tokio::test]
async fn hanging_accepts_and_never_answers() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let unused = address(&relay).await;
    relay.set_fault(FeedFault::Hang);
    let soon = Duration::from_millis(50);
    assert!(timeout(soon, ask_stats(&relay, &stats_token(&relay, 60))).await.is_err());
    assert!(timeout(soon, connect_async(unused)).await.is_err());
}

#[tokio::test]
async fn some_faults_are_only_the_access_points() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let mut socket = listen(&relay).await;
    let rubbish = FeedFault::AccessAnswers { status: 200, body: "<html>".to_owned() };
    for (fault, status) in [
        (FeedFault::Stopping, Some(502)),
        (FeedFault::Cut, None),
        (FeedFault::RefuseTokens, Some(500)),
        (rubbish, Some(200)),
    ] {
        relay.set_fault(fault);
        assert_eq!(ask_stats(&relay, &stats_token(&relay, 60)).await.status, status);
        assert_eq!(snapshot(&relay, &mut socket).await.len(), 2);
    }
    assert_eq!((relay.seen().accesses, relay.seen().codes), (5, 1));
}

#[tokio::test]
async fn who_connects_to_a_mute_feed_gets_no_snapshot_and_the_others_do() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let mut before = listen(&relay).await;
    relay.set_fault(FeedFault::Mute);
    let mut meanwhile = listen(&relay).await;
    relay.send_snapshot();
    assert!(frame(&mut before).await.starts_with("[{"));
    relay.set_fault(FeedFault::None);
    relay.send_snapshot();
    relay.send_raw("the first thing to come");
    assert_eq!(frame(&mut meanwhile).await, "the first thing to come");
}

#[tokio::test]
async fn snapshots_that_are_late_are_no_rarer() {
    let options =
        FeedOptions { stats_every: Duration::from_millis(20), ..FeedOptions::new(Dialect::RelayV07) };
    let relay = Feed::start(Lab::new(), options).await.unwrap();
    let mut socket = listen(&relay).await;
    relay.set_fault(FeedFault::Slow(Duration::from_millis(400)));
    // If each were taken only after the one before has gone, this would take four seconds.
    let ten = async {
        for _ in 0..10 {
            frame(&mut socket).await;
        }
    };
    timeout(Duration::from_secs(3), ten).await.expect("they come as often as before");
}

#[tokio::test]
async fn frames_can_be_silent_garbage_and_merged() {
    let jump = feed(Dialect::Jump, &Lab::new()).await;
    let mut socket = listen(&jump).await;
    jump.set_fault(FeedFault::Silent);
    jump.send_snapshot();
    jump.set_fault(FeedFault::Frame("{{{".to_owned()));
    jump.send_snapshot();
    assert_eq!(frame(&mut socket).await, "{{{");
    jump.set_fault(FeedFault::Merged);
    jump.send_snapshot();
    let merged = frame(&mut socket).await;
    assert!(merged.starts_with("{\"cmd\":\"update\"}[{\"can_read\":true,"), "{merged}");
    assert_eq!(merged.matches("}][{").count(), 1);
    jump.send_raw("[]");
    assert_eq!(frame(&mut socket).await, "[]");
}

#[tokio::test]
async fn a_command_reaches_all_others_and_brings_a_snapshot() {
    let jump = feed(Dialect::Jump, &Lab::new()).await;
    let (mut one, mut other) = (listen(&jump).await, listen(&jump).await);
    one.send(Message::text("{\"cmd\":\"update\"}")).await.unwrap();
    assert_eq!(frame(&mut other).await, "{\"cmd\":\"update\"}");
    assert!(frame(&mut other).await.starts_with("[{"));
    assert!(frame(&mut one).await.starts_with("[{"));
    one.send(Message::text("{\"cmd\":\"other\"}")).await.unwrap();
    assert_eq!(frame(&mut other).await, "{\"cmd\":\"other\"}");
    assert_eq!(jump.seen().heard, ["{\"cmd\":\"update\"}", "{\"cmd\":\"other\"}"]);
}

#[tokio::test]
async fn who_may_only_read_is_not_heard() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let (mut one, mut other) = (listen(&relay).await, listen(&relay).await);
    one.send(Message::text("{\"cmd\":\"update\"}")).await.unwrap();
    one.send(Message::Ping("heard".into())).await.unwrap();
    assert!(matches!(timeout(LIMIT, one.next()).await.unwrap(), Some(Ok(Message::Pong(_)))));
    relay.send_raw("the first thing to come");
    assert_eq!(frame(&mut other).await, "the first thing to come");
    assert!(relay.seen().heard.is_empty());
}

#[tokio::test]
async fn what_queues_up_for_a_slow_reader_comes_merged() {
    let relay = feed(Dialect::RelayV07, &Lab::new()).await;
    let mut socket = listen(&relay).await;
    // More than the system buffers for a connection.
    let large = format!("[{}]", " ".repeat(8_000_000));
    relay.send_raw(large.clone());
    relay.send_raw("{\"cmd\":\"update\"}");
    relay.send_raw("[1]");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(frame(&mut socket).await.len(), large.len());
    assert_eq!(frame(&mut socket).await, "{\"cmd\":\"update\"}[1]");
}
