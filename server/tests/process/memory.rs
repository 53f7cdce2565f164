//! How much memory the process holds in a large lab.
//!
//! It is built without optimizations here, so the lab is a fifth of the one of which docs/operate.md tells.

use std::time::Duration;

use serde_json::Value;
use status_sim::mock::{Lab, Services, ServicesOptions};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{LONG, Status, environment, free_port, get, listens};

const EXPERIMENTS: usize = 2_000;
/// The program itself, and what 6,000 connections and the slow clients take.
const MOST_KILOBYTES: u64 = 90_000_000 / 1024;
/// Clients that ask for the list and don't read it.
const SLOW_CLIENTS: usize = 40;

#[tokio::test]
async fn a_large_lab_with_slow_clients_and_a_frequent_dump_fits_into_90_mb() {
    let lab = Lab::with_experiments(EXPERIMENTS, &["data", "log", "video"]);
    let mut options = ServicesOptions::default();
    options.relay.stats_every = Duration::from_secs(2);
    options.jump.stats_every = Duration::from_secs(2);
    let services = Services::start(&lab, options).await.unwrap();
    let port = free_port();
    let chosen = [
        ("STATUS_PORT_SERVE", &*port.to_string()),
        ("STATUS_HEALTH_LAST", "60s"),
        ("STATUS_QUERY_BOOK_EVERY", "1h"),
        ("STATUS_HEALTH_LOG_EVERY", "1s"),
        ("STATUS_LOG_FILE", "/dev/null"),
    ];
    let mut status = Status::run(&["serve"], environment(&services, &chosen));
    listens(port).await;
    services.relay.wait_for(|seen| seen.snapshots >= 3, LONG).await.unwrap();
    services.jump.wait_for(|seen| seen.snapshots >= 3, LONG).await.unwrap();

    let mut slow = Vec::new();
    for _ in 0..SLOW_CLIENTS {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(b"GET /api/v1/experiments HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        slow.push(client);
    }
    for _ in 0..2 {
        let list = get(port, "/api/v1/experiments").await;
        assert_eq!(list.matches("\"topic_name\":").count(), EXPERIMENTS);
    }
    let snapshots = services.relay.seen().snapshots;
    services.relay.wait_for(|seen| seen.snapshots >= snapshots + 3, LONG).await.unwrap();
    let most = status.most_kilobytes();
    assert!(most < MOST_KILOBYTES, "{most} kB");
    status.stop().await;
}

#[tokio::test]
async fn the_list_is_one_array_although_it_is_made_in_pieces() {
    let lab = Lab::with_experiments(300, &["data"]);
    let services = crate::support::services(&lab, ServicesOptions::default()).await;
    let mut status = Status::serve(&services, &[]);
    let port = status.port().await;
    status.out.line(&["pend299 is healthy, can be booked"]).await;
    let answer = get(port, "/api/v1/experiments").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("content-type: application/json"), "{head}");
    assert_eq!(unchunked(body).as_array().unwrap().len(), 300);
    status.stop().await;
}

/// The JSON in a body that comes in chunks: each is its length in hexadecimal, and itself.
fn unchunked(mut body: &str) -> Value {
    let mut text = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").unwrap();
        match usize::from_str_radix(length, 16).unwrap() {
            0 => return serde_json::from_str(&text).unwrap(),
            length => {
                text.push_str(&rest[..length]);
                body = &rest[length + 2..];
            }
        }
    }
}
